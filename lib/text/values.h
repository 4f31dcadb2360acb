// SPDX-License-Identifier: Apache-2.0
//
// Texts of the command line as values. Of a single value a function says yes or no, and the message
// is the caller's; of a list it says which item is wrong and why.
#ifndef TCPINFO_TEXT_VALUES_H
#define TCPINFO_TEXT_VALUES_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <functional>
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

/// Without blanks and tabs around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// Lists: items between commas, with blanks around them or not. What a list says is added to `out`.
/// An empty item is a fault.
/// @return what is wrong, and with which item; empty where nothing is. Then `out` has all of it.

/// Calls `fn` for each item, without the blanks around it, until it says what is wrong with one.
[[nodiscard]] std::string each_item(std::string_view text,
                                    const std::function<std::string(std::string_view)>& fn);

/// "9100,443,8000-9000": numbers from 1 to 65535 and ranges of them.
[[nodiscard]] std::string parse_ports(std::string_view text, std::vector<std::uint16_t>& out);
/// "192.0.2.1,2001:db8::/32,[::1]": addresses or prefixes, IPv6 ones with brackets or without.
[[nodiscard]] std::string parse_prefixes(std::string_view text, std::vector<ip_prefix>& out);

/// A prefix, perhaps on one interface alone.
struct host_prefix {
  host_prefix() = default;
  host_prefix(const ip_prefix& p) : prefix(p) {}  // NOLINT(google-explicit-constructor)

  ip_prefix prefix;
  std::optional<std::uint32_t> interface {};  ///< its index; nullopt: on any, and on none
};
/// The index of the interface of that name; nullopt where there is none.
using interface_finder = std::function<std::optional<std::uint32_t>(const std::string& name)>;
/// The same as parse_prefixes, also with an interface behind the address: "fe80::1%2",
/// "fe80::%2/64", and "fe80::1%eth0" where there is a `find`.
[[nodiscard]] std::string parse_hosts(std::string_view text, const interface_finder& find,
                                      std::vector<host_prefix>& out);

}  // namespace tcpinfo::text

#endif
