// SPDX-License-Identifier: Apache-2.0
//
// Texts of the command line as values. Each function says yes or no; the message is the caller's.
#ifndef TCPINFO_TEXT_VALUES_H
#define TCPINFO_TEXT_VALUES_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::text {

/// "10ms", "1m30s", "2h", "1.5s": number and unit (ns us ms s m h), any number of times. A bare "0"
/// needs no unit. In nanoseconds; nullopt for anything else, or past 64 bits.
[[nodiscard]] std::optional<std::int64_t> parse_duration(std::string_view text);
/// The shortest such text: "10ms", "1m30s".
[[nodiscard]] std::string format_duration(std::int64_t ns);
/// "65536", "64KiB", "1MB", "2G": decimal units are powers of 1000, with an i of 1024; the B may be
/// left out. In bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// "9100,443": numbers from 1 to 65535. Empty parts are an error.
[[nodiscard]] std::optional<std::vector<std::uint16_t>> parse_ports(std::string_view text);
/// "192.0.2.1,2001:db8::/32": addresses or prefixes.
[[nodiscard]] std::optional<std::vector<ip_prefix>> parse_prefixes(std::string_view text);

}  // namespace tcpinfo::text

#endif
