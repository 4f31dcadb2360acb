// SPDX-License-Identifier: Apache-2.0
//
// Distributions over connections, of all and by groups (tcpinfo-dump summary).
#ifndef TCPINFO_OFFLINE_SUMMARIES_DISTRIBUTIONS_H
#define TCPINFO_OFFLINE_SUMMARIES_DISTRIBUTIONS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/statistics/histogram.h"
#include "offline/summaries/connection_facts.h"
#include "offline/summaries/group_key.h"

namespace tcpinfo::offline {

/// The percentiles that are told of a whole.
inline constexpr std::array<unsigned, 4> told_percents = {10, 50, 90, 99};

/// One quantity over all connections.
struct distribution {
  quantity of = quantity::min_rtt;
  std::uint64_t known = 0;
  std::uint64_t unknown = 0;
  std::array<double, told_percents.size()> percentiles{};  ///< NaN where nothing is known
  std::vector<analysis::statistics::histogram_class> classes;
};

/// A quantity in a group.
struct group_numbers {
  std::uint64_t known = 0;
  double p50 = 0;  ///< NaN where nothing is known
  double p90 = 0;
};

struct group {
  std::string name;  ///< empty: unknown
  std::uint64_t connections = 0;
  double sent = 0;  ///< bytes, of those that tell
  double received = 0;
  std::array<group_numbers, quantity_count> numbers;
};

struct group_table {
  group_key by = group_key::port;
  std::vector<group> groups;   ///< times in their order, others with the most connections first
  std::uint64_t left_out = 0;  ///< groups beyond the limit, which are `rest` together
  std::optional<group> rest;
};

struct cause_time {
  analysis::why::cause of = analysis::why::cause::none;
  std::uint64_t connections = 0;  ///< whose main cause it is
  double seconds = 0;
};

struct connection_summary {
  std::uint64_t connections = 0;
  std::optional<std::int64_t> first_s;  ///< when the first and the last one began, since 1970
  std::optional<std::int64_t> last_s;
  double sent = 0;
  double received = 0;
  std::vector<distribution> distributions;
  std::vector<group_table> tables;
  std::vector<cause_time> causes;  ///< the longest first; empty where none were looked for
};

/// `limit`: groups of a table, hours and minutes apart, which are all told; 0: all.
[[nodiscard]] connection_summary summarize(std::span<const connection_facts> all,
                                           std::span<const group_key> by, const as_table* networks,
                                           std::size_t limit);

}  // namespace tcpinfo::offline

#endif
