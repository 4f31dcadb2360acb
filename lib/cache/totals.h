// SPDX-License-Identifier: Apache-2.0
//
// Lifetime totals in tcp_info only grow, unless the kernel cleared them: a socket that is
// disconnected (connect(2) with AF_UNSPEC, a failed connect(2), close(2) with a zero linger time)
// starts anew.
#ifndef TCPINFO_CACHE_TOTALS_H
#define TCPINFO_CACHE_TOTALS_H

#include <tcpinfo/inetdiag.h>

namespace tcpinfo::inline v0 {

/// Whether a total is lower in `after` than in `before`; both are payloads of INFO. A 32-bit total
/// that wrapped around has grown.
[[nodiscard]] bool totals_went_back(bytes_view before, bytes_view after) noexcept;

/// Whether every total in the payload of INFO is zero, as after the kernel cleared them.
[[nodiscard]] bool totals_are_zero(bytes_view info) noexcept;

}  // namespace tcpinfo::inline v0

#endif
