// SPDX-License-Identifier: Apache-2.0
//
// Connections as the rows of a table, on a screen and in plain text alike.
#ifndef TCPINFO_OFFLINE_LIVE_TOP_TABLE_H
#define TCPINFO_OFFLINE_LIVE_TOP_TABLE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "offline/live/top_model.h"

namespace tcpinfo::offline {

struct table_style {
  std::size_t width = 0;        ///< columns; 0: as wide as it takes, and without bars of rates
  std::size_t spark_width = 0;  ///< of the bars of rates; 0: none
  bool utf8 = true;
  bool owners = false;
};

/// Text of numbers; "-" for what is not told.
[[nodiscard]] std::string rate_text(std::optional<double> bytes_per_second);  ///< "12.3Mbit/s"
[[nodiscard]] std::string time_text(std::optional<std::uint64_t> us);         ///< "12.3ms"
[[nodiscard]] std::string count_text(std::optional<std::uint64_t> n);
/// What was sent again, and which share of all that is: "12 (3.1%)".
[[nodiscard]] std::string retransmitted_text(const flow_step& step);
/// Two of them, as connection names are written.
[[nodiscard]] std::string ends_text(const socket_id& id);

/// All that a row says, for the filter that is typed: ends, state, cause, owner.
[[nodiscard]] std::string search_text(const watched_flow& flow);

/// The rows as lines of equal columns, the first one the heading.
[[nodiscard]] std::vector<std::string> table_lines(std::span<const watched_flow* const> rows,
                                                   const table_style& style);

/// One line of all connections together.
[[nodiscard]] std::string totals_text(const top_totals& totals);

/// Cut to so many columns; a mark says that there is more.
[[nodiscard]] std::string cut(std::string_view text, std::size_t width, bool utf8);
/// Columns that UTF-8 text takes, one a character.
[[nodiscard]] std::size_t width_of(std::string_view text) noexcept;

}  // namespace tcpinfo::offline

#endif
