// SPDX-License-Identifier: Apache-2.0
//
// Structs of the interface for C that begin with their size, and values that both interfaces have.
#ifndef TCPINFO_C_STRUCTS_H
#define TCPINFO_C_STRUCTS_H

#include <tcpinfo/archive.h>
#include <tcpinfo/c.h>
#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace tcpinfo::inline v0 {

/// The least `size` of a struct: what it had in its first release, however much it has grown since.
template <class Struct>
inline constexpr std::size_t c_first_size = sizeof(Struct);

/// Reads a struct of a caller, who may know fewer members or more: those that are not known here
/// must be zero, for what they ask for would be left out silently.
/// @return false where `given` is null, too short, or has more than is known here; `out` is
/// unchanged.
template <class Struct>
[[nodiscard]] bool c_take(const Struct* given, Struct& out) noexcept {
  static_assert(std::is_trivially_copyable_v<Struct>);
  if (given == nullptr || given->size < c_first_size<Struct>) return false;
  const auto* const bytes = reinterpret_cast<const std::byte*>(given);
  for (std::size_t at = sizeof(Struct); at < given->size; ++at)
    if (bytes[at] != std::byte{0}) return false;
  Struct full{};
  std::memcpy(&full, given, std::min(given->size, sizeof full));
  out = full;
  return true;
}

/// The same of options, where null stands for a zeroed struct.
template <class Struct>
[[nodiscard]] bool c_take_options(const Struct* given, Struct& out) noexcept {
  if (given != nullptr) return c_take(given, out);
  out = {};
  return true;
}

/// Whether a caller's struct can be filled.
template <class Struct>
[[nodiscard]] bool c_fillable(const Struct* out) noexcept {
  return out != nullptr && out->size >= c_first_size<Struct>;
}

/// Fills it as far as it is long.
template <class Struct>
void c_fill(Struct& out, Struct full) noexcept {
  full.size = out.size;
  std::memcpy(&out, &full, std::min(out.size, sizeof full));
}

[[nodiscard]] inline tcpinfo_address to_c(const ip_address& a) noexcept {
  tcpinfo_address c{};
  std::memcpy(c.bytes, a.bytes.data(), sizeof c.bytes);
  c.family = static_cast<std::uint8_t>(a.family);
  return c;
}
[[nodiscard]] inline ip_address from_c(const tcpinfo_address& c) noexcept {
  ip_address a;
  a.family = static_cast<address_family>(c.family);
  // What does not count is not compared with either.
  std::memcpy(a.bytes.data(), c.bytes, a.family == address_family::ipv4 ? 4 : sizeof c.bytes);
  return a;
}

[[nodiscard]] inline tcpinfo_socket_id to_c(const socket_id& id) noexcept {
  return {to_c(id.src), to_c(id.dst), id.sport, id.dport, id.interface, id.cookie};
}
[[nodiscard]] inline socket_id from_c(const tcpinfo_socket_id& c) noexcept {
  return {from_c(c.src), from_c(c.dst), c.sport, c.dport, c.interface, c.cookie};
}

[[nodiscard]] inline tcpinfo_message to_c(const message& m) noexcept {
  return {m.bytes.data(), m.bytes.size()};
}
[[nodiscard]] inline message from_c(const tcpinfo_message& c) noexcept {
  return {{static_cast<const std::byte*>(c.bytes), c.bytes == nullptr ? 0 : c.length}};
}

/// The zero time of the format is all zeros in C, where structs are zeroed by whoever makes them.
[[nodiscard]] inline tcpinfo_timestamp to_c(const timestamp& t) noexcept {
  if (t.is_zero()) return {};
  return {t.seconds, t.nanoseconds, t.utc_offset_seconds};
}
[[nodiscard]] inline timestamp from_c(const tcpinfo_timestamp& c) noexcept {
  if (c.seconds == 0 && c.nanoseconds == 0 && c.utc_offset_seconds == 0) return {};
  return {c.seconds, c.nanoseconds, c.utc_offset_seconds};
}

/// The descriptor of a network namespace in options: 0, as in a zeroed struct, is none.
[[nodiscard]] constexpr int netns_from_c(int netns) noexcept { return netns == 0 ? -1 : netns; }

}  // namespace tcpinfo::inline v0

#endif
