// SPDX-License-Identifier: Apache-2.0
//
// Texts of the command line as values. Of a single value a function says yes or no, and the message
// is the caller's; of a list it says which item is wrong and why.
#ifndef TCPINFO_TEXT_VALUES_H
#define TCPINFO_TEXT_VALUES_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::text {

/// "10ms", "1m30s", "2h", "1.5s": number and unit (ns us ms s m h d), any number of times. A bare
/// "0" needs no unit. In nanoseconds; nullopt for anything else, or past 64 bits.
[[nodiscard]] std::optional<std::int64_t> parse_duration(std::string_view text);
/// The shortest such text: "10ms", "1m30s".
[[nodiscard]] std::string format_duration(std::int64_t ns);
/// "65536", "64KiB", "1MB", "2G": decimal units are powers of 1000, with an i of 1024; the B may be
/// left out. In bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// Lists: items between commas, with blanks around them or not. What a list says is added to `out`.
/// An empty item is a fault.
/// @return what is wrong, and with which item; empty where nothing is. Then `out` has all of it.

/// "9100,443,8000-9000": numbers from 1 to 65535 and ranges of them.
[[nodiscard]] std::string parse_ports(std::string_view text, std::vector<std::uint16_t>& out);
/// "192.0.2.1,2001:db8::/32": addresses or prefixes.
[[nodiscard]] std::string parse_prefixes(std::string_view text, std::vector<ip_prefix>& out);

}  // namespace tcpinfo::text

#endif
