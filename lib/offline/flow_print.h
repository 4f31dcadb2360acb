// SPDX-License-Identifier: Apache-2.0
//
// Connections, one a line: aligned for people, JSON and CSV for programs.
#ifndef TCPINFO_OFFLINE_FLOW_PRINT_H
#define TCPINFO_OFFLINE_FLOW_PRINT_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/flow_summary.h"
#include "offline/output.h"
#include "offline/times.h"

namespace tcpinfo::offline {

/// A column's number. "sent", "median_rtt_us" and "median_rtt" name columns.
[[nodiscard]] std::optional<std::size_t> find_flow_column(std::string_view name);
/// All names, with commas between, for messages.
[[nodiscard]] std::string flow_column_names();

enum class flow_format : std::uint8_t { text, json, csv };

struct flow_print_options {
  flow_format format = flow_format::text;
  std::optional<std::size_t> sort;  ///< default: by start
  bool reverse = false;
  time_style time = time_style::utc;
  bool colour = false;
};

/// Prints them; absent values sort last.
void print_flows(output& out, const flow_list& list, const std::vector<flow_summary*>& flows,
                 const flow_print_options& options);

/// 1234567 bytes a second as "9.88Mbit/s".
[[nodiscard]] std::string bit_rate_text(double bytes_per_second);
/// 61234000000 ns as "1m1.234s", with the digits that matter.
[[nodiscard]] std::string span_text(std::int64_t ns);

}  // namespace tcpinfo::offline

#endif
