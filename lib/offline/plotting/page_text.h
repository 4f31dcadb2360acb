// SPDX-License-Identifier: Apache-2.0
//
// The fixed parts of the page, which embed.py makes of the files in page/ and of uPlot.
#ifndef TCPINFO_OFFLINE_PLOTTING_PAGE_TEXT_H
#define TCPINFO_OFFLINE_PLOTTING_PAGE_TEXT_H

#include <span>
#include <string_view>

namespace tcpinfo::offline {

/// What stands before the connections and behind them, in pieces: compilers need not take a literal
/// of more than 64 KiB.
[[nodiscard]] std::span<const std::string_view> page_before_data() noexcept;
[[nodiscard]] std::span<const std::string_view> page_behind_data() noexcept;

}  // namespace tcpinfo::offline

#endif
