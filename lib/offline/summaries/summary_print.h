// SPDX-License-Identifier: Apache-2.0
//
// A summary of connections as text with bars, as JSON lines, and as a page of HTML.
#ifndef TCPINFO_OFFLINE_SUMMARIES_SUMMARY_PRINT_H
#define TCPINFO_OFFLINE_SUMMARIES_SUMMARY_PRINT_H

#include <string>
#include <string_view>
#include <vector>

#include "offline/summaries/distributions.h"

namespace tcpinfo::offline {

/// `left_out`: sentences about what is not there, and why.
void append_summary_text(std::string& to, const connection_summary& s,
                         const std::vector<std::string>& left_out);
/// One object a line: the whole, each quantity, each group, each cause.
void append_summary_json(std::string& to, const connection_summary& s);
/// A page that refers to nothing else and has no script.
void append_summary_html(std::string& to, const connection_summary& s,
                         const std::vector<std::string>& left_out);

/// Of a sum, which may be larger than 64 bits tell.
[[nodiscard]] std::string bytes_text(double bytes);
/// What numbers are called: "unknown" for NaN.
[[nodiscard]] std::string quantity_text(quantity q, double value);
/// "2026-01-31T12:00:00Z".
[[nodiscard]] std::string second_text(std::int64_t seconds);
/// Of a class of a histogram: "10 ms to 20 ms", "0".
[[nodiscard]] std::string class_text(quantity q, const analysis::statistics::histogram_class& c);
[[nodiscard]] double percent_of(std::uint64_t part, std::uint64_t whole) noexcept;

/// The columns of tables of groups, behind name and connections.
struct group_column {
  std::string_view heading;
  quantity of;
  bool is_p90;
};
inline constexpr group_column group_columns[] = {
    {"MINRTT", quantity::min_rtt, false},        {"RTT", quantity::median_rtt, false},
    {"RTT p90", quantity::median_rtt, true},     {"RATE", quantity::mean_rate, false},
    {"RETR p90", quantity::retransmitted, true}, {"DURATION", quantity::duration, false},
};

}  // namespace tcpinfo::offline

#endif
