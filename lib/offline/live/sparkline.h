// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_LIVE_SPARKLINE_H
#define TCPINFO_OFFLINE_LIVE_SPARKLINE_H

#include <cstddef>
#include <span>
#include <string>

namespace tcpinfo::offline {

/// Numbers as a row of bars, one a column, the latest `width` of them; the largest has the highest
/// bar, and what is not above 0 a blank. Where there are fewer, blanks stand before them.
[[nodiscard]] std::string sparkline(std::span<const float> values, std::size_t width, bool utf8);

}  // namespace tcpinfo::offline

#endif
