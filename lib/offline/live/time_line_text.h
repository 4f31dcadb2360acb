// SPDX-License-Identifier: Apache-2.0
//
// A connection's time line as lines of text.
#ifndef TCPINFO_OFFLINE_LIVE_TIME_LINE_TEXT_H
#define TCPINFO_OFFLINE_LIVE_TIME_LINE_TEXT_H

#include <cstddef>
#include <string>
#include <vector>

#include "offline/live/time_line.h"
#include "offline/live/watched_flow.h"

namespace tcpinfo::offline {

/// What is known of it now.
[[nodiscard]] std::vector<std::string> fact_lines(const watched_flow& flow);
/// Rate, round-trip time and congestion window as bars, the latest steps that fit into `width`
/// columns.
[[nodiscard]] std::vector<std::string> spark_lines(const time_line& line, std::size_t width,
                                                   bool utf8);
/// A heading, and `most` steps, the latest first but for `back` of them.
[[nodiscard]] std::vector<std::string> step_lines(const time_line& line, std::size_t back,
                                                  std::size_t most);

}  // namespace tcpinfo::offline

#endif
