// SPDX-License-Identifier: Apache-2.0
//
// Connections, one a line: aligned for people, JSON and CSV for programs.
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_PRINT_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_PRINT_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/flows/flow_list.h"
#include "offline/flows/why_list.h"
#include "offline/text/output.h"
#include "offline/text/times.h"

namespace tcpinfo::offline {

/// A column's number. "sent", "median_rtt_us" and "median_rtt" name columns.
[[nodiscard]] std::optional<std::size_t> find_flow_column(std::string_view name);
/// All names, with commas between, for messages.
[[nodiscard]] std::string flow_column_names();

/// Adds the columns that a list picks to `out`, each once: names as above and globs (* ? [...])
/// between commas, in that order.
/// @return what is wrong; empty where nothing is.
[[nodiscard]] std::string pick_flow_columns(std::string_view list, std::vector<std::size_t>& out);

enum class flow_format : std::uint8_t { text, json, csv };

struct flow_print_options {
  flow_format format = flow_format::text;
  std::vector<std::size_t> columns;  ///< in this order; empty: all
  std::size_t width = 0;             ///< a terminal's, which text without `columns` fits into
  std::size_t limit = 0;             ///< so many connections; 0: all
  std::optional<std::size_t> sort;   ///< default: by start
  bool reverse = false;
  time_style time = time_style::utc;
  bool colour = false;
  why_list* why = nullptr;  ///< where causes were asked for; must outlive the printing
};

/// Whether that shows, or is sorted by, what only the polls of all records tell. Where it shows
/// nothing of the kind unless it is there, it does not.
[[nodiscard]] bool needs_polls(const flow_print_options& options);

/// Prints them; absent values sort last. @return how many columns the width left out.
std::size_t print_flows(output& out, const flow_list& list, const std::vector<flow_summary*>& flows,
                        const flow_print_options& options);

/// 1234567 bytes a second as "9.88Mbit/s".
[[nodiscard]] std::string bit_rate_text(double bytes_per_second);
/// 61234000000 ns as "1m1.234s", with the digits that matter.
[[nodiscard]] std::string span_text(std::int64_t ns);

}  // namespace tcpinfo::offline

#endif
