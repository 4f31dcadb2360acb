// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// IP addresses, prefixes and the ends of a socket: plain values that can be compared, hashed and
/// printed. Nothing here allocates but to_string() and what prints.
#ifndef TCPINFO_ADDRESS_H
#define TCPINFO_ADDRESS_H

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <version>
#if defined(__cpp_lib_format)
#include <format>
#endif

#include <tcpinfo/error.h>
#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// Address families as inet_diag numbers them (AF_INET, AF_INET6). `unspecified` is none.
enum class address_family : std::uint8_t { unspecified = 0, ipv4 = 2, ipv6 = 10 };

/// An IP address: 4 bytes used for IPv4, 16 for IPv6, in network order, the rest zero.
struct ip_address {
  std::array<std::uint8_t, 16> bytes{};                 ///< 4 or 16 count, from the first
  address_family family = address_family::unspecified;  ///< says how many

  /// Whether it is an IPv4-mapped one: 80 zero bits, 16 ones and the IPv4 address.
  [[nodiscard]] bool is_v4_mapped() const noexcept {
    static constexpr std::uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return family == address_family::ipv6 && std::memcmp(bytes.data(), prefix, 12) == 0;
  }
  /// Whether it is `0.0.0.0` or `::`, or none at all.
  [[nodiscard]] bool is_unspecified() const noexcept {
    for (const std::uint8_t b : bytes)
      if (b != 0) return false;
    return true;
  }
  /// The IPv4 address inside an IPv4-mapped one; any other address unchanged.
  [[nodiscard]] ip_address unmapped() const noexcept {
    if (!is_v4_mapped()) return *this;
    ip_address v4;
    v4.family = address_family::ipv4;
    std::memcpy(v4.bytes.data(), bytes.data() + 12, 4);
    return v4;
  }
  /// Same family and same bytes: an IPv4 address is not its IPv4-mapped form, see unmapped().
  friend bool operator==(const ip_address&, const ip_address&) = default;
  /// IPv4 before IPv6, then as the bytes: networks lie together.
  friend std::strong_ordering operator<=>(const ip_address& a, const ip_address& b) noexcept {
    if (const auto order = a.family <=> b.family; order != 0) return order;
    return std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) <=> 0;
  }
};

/// An address and how many of its leading bits count.
struct ip_prefix {
  ip_address address = {};  ///< bits after the prefix do not count in contains()
  std::uint8_t length = 0;  ///< bits, 0..32 or 0..128; more count as 32 or 128 in contains()

  /// Whether `a` is inside. An IPv4 prefix also contains the IPv4-mapped form of its addresses; an
  /// IPv4-mapped prefix of 96 bits or more is taken as the IPv4 one.
  [[nodiscard]] bool contains(const ip_address& a) const noexcept {
    if (length >= 96 && address.is_v4_mapped())
      return ip_prefix{address.unmapped(), static_cast<std::uint8_t>(length - 96U)}.contains(a);
    const ip_address probe = address.family == address_family::ipv4 ? a.unmapped() : a;
    if (probe.family != address.family) return false;
    // A length beyond the address's end is that of the address.
    const unsigned most = address.family == address_family::ipv4 ? 32U : 128U;
    const unsigned bits = length < most ? length : most;
    const std::size_t whole = bits / 8U;
    if (std::memcmp(probe.bytes.data(), address.bytes.data(), whole) != 0) return false;
    const unsigned rest = bits % 8U;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
    return ((probe.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
  }
  /// The network of that many bits that `address` is in: the bits behind are cleared. More bits
  /// than the address has are all of them.
  [[nodiscard]] static ip_prefix of(const ip_address& address, unsigned bits) noexcept {
    const unsigned most = address.family == address_family::ipv4 ? 32U : 128U;
    ip_prefix made{address, static_cast<std::uint8_t>(bits < most ? bits : most)};
    for (std::size_t at = made.length / 8U; at < made.address.bytes.size(); ++at) {
      const unsigned kept = at == made.length / 8U ? made.length % 8U : 0U;
      made.address.bytes[at] =
          static_cast<std::uint8_t>(made.address.bytes[at] & (0xff00U >> kept));
    }
    return made;
  }
  /// Same length and same address, all of its bits.
  friend bool operator==(const ip_prefix&, const ip_prefix&) = default;
  /// By address, then the larger network first.
  friend std::strong_ordering operator<=>(const ip_prefix&, const ip_prefix&) = default;
};

/// Reads "192.0.2.1" or "2001:db8::1". Any thread.
/// @return errc::invalid_argument for anything else.
[[nodiscard]] TCPINFO_API std::error_code parse_ip_address(std::string_view text,
                                                           ip_address& out) noexcept;
/// Reads an address, optionally followed by "/bits". Host bits beyond the prefix are refused. Any
/// thread.
/// @return errc::invalid_argument; `out` is unchanged then.
[[nodiscard]] TCPINFO_API std::error_code parse_ip_prefix(std::string_view text,
                                                          ip_prefix& out) noexcept;
/// Writes the address as text (dotted quad, or RFC 5952), not NUL-terminated, and returns its
/// length; 46 characters always suffice. Returns 0 where `out` is too small.
[[nodiscard]] TCPINFO_API std::size_t format_ip_address(const ip_address& address,
                                                        std::span<char> out) noexcept;
/// The same as a string. May throw std::bad_alloc.
[[nodiscard]] inline std::string to_string(const ip_address& address) {
  std::array<char, 64> text;
  return {text.data(), format_ip_address(address, text)};
}

/// Address and length, "192.0.2.0/24". May throw std::bad_alloc.
[[nodiscard]] inline std::string to_string(const ip_prefix& prefix) {
  return to_string(prefix.address) + '/' + std::to_string(prefix.length);
}

/// struct inet_diag_sockid, decoded: ports in host order.
struct socket_id {
  ip_address src = {};          ///< the local end
  ip_address dst = {};          ///< the remote end
  std::uint16_t sport = 0;      ///< local port
  std::uint16_t dport = 0;      ///< remote port
  std::uint32_t interface = 0;  ///< ifindex the socket is bound to, 0 = none
  std::uint64_t cookie = 0;     ///< unique on this machine until reboot (SO_COOKIE)

  /// All members alike, the cookie among them.
  friend bool operator==(const socket_id&, const socket_id&) = default;
  /// By local address, remote address, local port, remote port, interface and cookie.
  friend std::strong_ordering operator<=>(const socket_id&, const socket_id&) = default;
};

/// Both ends as text, "192.0.2.1:443 -> [2001:db8::1]:50000". May throw std::bad_alloc.
[[nodiscard]] inline std::string to_string(const socket_id& id) {
  const auto end = [](const ip_address& address, std::uint16_t port) {
    const bool v6 = address.family == address_family::ipv6;
    return (v6 ? "[" : "") + to_string(address) + (v6 ? "]:" : ":") + std::to_string(port);
  };
  return end(id.src, id.sport) + " -> " + end(id.dst, id.dport);
}

/// As socket_id::cookie in a query: whatever it is (INET_DIAG_NOCOOKIE).
inline constexpr std::uint64_t any_cookie = ~std::uint64_t{0};

/// What a TCP socket of this process is known by: its ends, the interface it is bound to and its
/// cookie (getsockname(2), getpeername(2), SO_BINDTOIFINDEX, SO_COOKIE). Works in the network
/// namespace that the socket is of, whichever the caller is in; a query must be made there.
/// @return the errno of these calls: ENOTCONN where there is no remote end, EBADF, ENOTSOCK;
/// errc::invalid_argument for a socket that is neither IPv4 nor IPv6. Any thread.
[[nodiscard]] TCPINFO_API std::error_code socket_id_of(int fd, socket_id& out) noexcept;

/// Writes to_string() of an address, a prefix or the ends of a socket.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             const ip_address& address) {
  return out << to_string(address);
}
/// The same.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             const ip_prefix& prefix) {
  return out << to_string(prefix);
}
/// The same.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                             const socket_id& id) {
  return out << to_string(id);
}

/// What the hashes of std::hash are made of. Not the same in another release.
namespace hashing {
/// Mixes a value into a hash.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 32U);
}
/// Of an address.
[[nodiscard]] inline std::uint64_t of(const ip_address& a) noexcept {
  std::uint64_t halves[2];
  std::memcpy(halves, a.bytes.data(), sizeof halves);
  return mix(mix(static_cast<std::uint64_t>(a.family), halves[0]), halves[1]);
}
}  // namespace hashing

}  // namespace tcpinfo::inline v0

/// For unordered containers. Not for storing: another release may hash otherwise.
template <>
struct std::hash<tcpinfo::ip_address> {
  /// Any thread.
  std::size_t operator()(const tcpinfo::ip_address& a) const noexcept {
    return static_cast<std::size_t>(tcpinfo::hashing::of(a));
  }
};
/// The same.
template <>
struct std::hash<tcpinfo::ip_prefix> {
  /// Any thread.
  std::size_t operator()(const tcpinfo::ip_prefix& p) const noexcept {
    return static_cast<std::size_t>(
        tcpinfo::hashing::mix(tcpinfo::hashing::of(p.address), p.length));
  }
};
/// The same.
template <>
struct std::hash<tcpinfo::socket_id> {
  /// Any thread.
  std::size_t operator()(const tcpinfo::socket_id& id) const noexcept {
    using tcpinfo::hashing::mix;
    using tcpinfo::hashing::of;
    const std::uint64_t ports = std::uint64_t{id.sport} << 16U | id.dport;
    const std::uint64_t rest = std::uint64_t{id.interface} << 32U | ports;
    return static_cast<std::size_t>(mix(mix(mix(of(id.src), of(id.dst)), rest), id.cookie));
  }
};

#if defined(__cpp_lib_format)
/// As text, with the width and fill of a string.
template <>
struct std::formatter<tcpinfo::ip_address> : std::formatter<std::string> {
  /// to_string().
  template <class Context>
  auto format(const tcpinfo::ip_address& address, Context& context) const {
    return std::formatter<std::string>::format(tcpinfo::to_string(address), context);
  }
};
/// The same.
template <>
struct std::formatter<tcpinfo::ip_prefix> : std::formatter<std::string> {
  /// to_string().
  template <class Context>
  auto format(const tcpinfo::ip_prefix& prefix, Context& context) const {
    return std::formatter<std::string>::format(tcpinfo::to_string(prefix), context);
  }
};
/// The same.
template <>
struct std::formatter<tcpinfo::socket_id> : std::formatter<std::string> {
  /// to_string().
  template <class Context>
  auto format(const tcpinfo::socket_id& id, Context& context) const {
    return std::formatter<std::string>::format(tcpinfo::to_string(id), context);
  }
};
#endif

#endif
