// SPDX-License-Identifier: Apache-2.0
//
// Structs that begin with their own size: what a caller that was compiled against an older header
// does not know keeps its default (docs/abi.md, rule 5).
#ifndef TCPINFO_COMMON_KNOWN_PART_H
#define TCPINFO_COMMON_KNOWN_PART_H

#include <algorithm>
#include <cstring>

#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

template <class Struct>  // trivially copyable, with `std::size_t size` as its first member
[[nodiscard]] Struct known_part(const Struct& given) noexcept {
  Struct full;
  std::memcpy(static_cast<void*>(&full), &given, std::min(given.size, sizeof full));
  full.size = sizeof full;
  return full;
}

/// The other way: fills a caller's struct as far as that is long.
template <class Struct>
void fill_known(Struct& to, Struct from) noexcept {
  from.size = to.size;
  std::memcpy(static_cast<void*>(&to), &from, std::min(to.size, sizeof from));
}

}  // namespace tcpinfo::inline v0

#endif
