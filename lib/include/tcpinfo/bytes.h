// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// The one type that every module's interface shares, and what it refuses to be a view of.
#ifndef TCPINFO_BYTES_H
#define TCPINFO_BYTES_H

#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>

#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// Bytes owned by somebody else. Every function says how long they must live.
using bytes_view = std::span<const std::byte>;

/// A temporary that owns its bytes, such as a std::vector that a function returned: a view of it
/// that is kept would dangle. Functions that keep a view refuse it.
template <class T>
concept owning_temporary =
    !std::is_lvalue_reference_v<T> && std::ranges::range<T> && !std::ranges::borrowed_range<T>;

}  // namespace tcpinfo::inline v0

#endif
