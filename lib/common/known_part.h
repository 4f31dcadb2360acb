// SPDX-License-Identifier: Apache-2.0
//
// Structs that begin with their own size (docs/abi.md, rule 5). A caller that was compiled against
// an older header gives a shorter struct: members that it does not know keep their defaults.
#ifndef TCPINFO_COMMON_KNOWN_PART_H
#define TCPINFO_COMMON_KNOWN_PART_H

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <system_error>

#include <tcpinfo/error.h>

namespace tcpinfo::inline v0 {

template <class Struct>  // trivially copyable, with `std::size_t size` as its first member
[[nodiscard]] Struct known_part(const Struct& given) noexcept {
  Struct full;
  std::memcpy(static_cast<void*>(&full), &given, std::min(given.size, sizeof full));
  full.size = sizeof full;
  return full;
}

/// The same of what a caller built against a newer header may have given: its members unknown here
/// must be zero, which is their default, for what they ask for would be left out silently.
/// @return errc::invalid_argument where one is not, or where `size` does not cover itself; `out` is
/// unchanged then.
template <class Struct>
[[nodiscard]] std::error_code read_known(const Struct& given, Struct& out) noexcept {
  if (given.size < sizeof given.size) return errc::invalid_argument;
  const auto* const bytes = reinterpret_cast<const std::byte*>(&given);
  for (std::size_t at = sizeof(Struct); at < given.size; ++at)
    if (bytes[at] != std::byte{0}) return errc::invalid_argument;
  out = known_part(given);
  return {};
}

/// The other way: fills a caller's struct as far as that is long.
template <class Struct>
void fill_known(Struct& to, const Struct& from) noexcept {
  const std::size_t size = to.size;
  if (size >= sizeof from)
    to = from;
  else
    std::memcpy(static_cast<void*>(&to), &from, size);
  to.size = size;
}

}  // namespace tcpinfo::inline v0

#endif
