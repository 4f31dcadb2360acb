// SPDX-License-Identifier: Apache-2.0
//
// How far the kernel has come in numbering sockets.
#ifndef TCPINFO_COLLECT_OS_NEWEST_COOKIE_H
#define TCPINFO_COLLECT_OS_NEWEST_COOKIE_H

#include <cstdint>
#include <system_error>

namespace tcpinfo::collect {

/// A bound of the cookies given so far: none is higher, and those to come are; but for the few that
/// the kernel counts from the upper end down. Takes some milliseconds.
/// @return ENOTSUP where it cannot be found out; an errno of sockets.
[[nodiscard]] std::error_code find_newest_cookie(std::uint64_t& out) noexcept;

}  // namespace tcpinfo::collect

#endif
