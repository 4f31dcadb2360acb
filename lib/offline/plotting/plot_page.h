// SPDX-License-Identifier: Apache-2.0
//
// One page of HTML that holds connections, and what draws them: nothing is fetched from elsewhere.
#ifndef TCPINFO_OFFLINE_PLOTTING_PLOT_PAGE_H
#define TCPINFO_OFFLINE_PLOTTING_PLOT_PAGE_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/flows/flow_summary.h"
#include "offline/flows/why_list.h"
#include "offline/plotting/plot_rows.h"

namespace tcpinfo::offline {

/// A connection of the page. Refers to what it is made of.
struct plotted_flow {
  const flow_summary& flow;
  const plot_rows& rows;  ///< finished, and not empty
  const why_verdicts& verdicts;
};

/// Hands the page on, piece by piece, until `write` answers false. `left_out`: so many connections
/// are not in it, which it says.
/// The same connections make the same bytes. What archives say is escaped: it cannot end the
/// script's element, and no character of it controls the direction of writing.
/// @return whether all was handed on.
bool write_plot_page(const std::vector<plotted_flow>& flows, std::uint64_t left_out,
                     const std::function<bool(std::string_view)>& write);

}  // namespace tcpinfo::offline

#endif
