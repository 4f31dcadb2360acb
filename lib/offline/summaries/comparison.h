// SPDX-License-Identifier: Apache-2.0
//
// How connections of B differ from those of A (tcpinfo-dump compare). docs/summary.md has the
// method.
#ifndef TCPINFO_OFFLINE_SUMMARIES_COMPARISON_H
#define TCPINFO_OFFLINE_SUMMARIES_COMPARISON_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analysis/statistics/bootstrap.h"
#include "offline/networks/as_table.h"
#include "offline/summaries/connection_facts.h"

namespace tcpinfo::offline {

/// The percentiles that are compared: the median and the tails.
inline constexpr std::array<unsigned, 3> compared_percents = {50, 90, 99};

/// One side: the numbers of its connections, with their clusters. It refers to no flow_list.
class compared_side {
 public:
  /// Connections of one network of the other end and one hour are a cluster. The network is the
  /// autonomous system where `networks` has one, else the /24 or /48.
  void add(const connection_facts& f, const as_table* networks);

  /// Of the connections whose number is known.
  [[nodiscard]] std::vector<analysis::statistics::observation> of(quantity q) const;
  /// Of those that ended, 1 where it was so.
  [[nodiscard]] std::vector<analysis::statistics::observation> ended_by(closing how) const;
  /// 1 where anything was sent again.
  [[nodiscard]] std::vector<analysis::statistics::observation> retransmitted() const;
  /// Of those whose causes are known: 1 where it is the main one; and its time in the whole time.
  [[nodiscard]] std::vector<analysis::statistics::observation> main_cause(
      analysis::why::cause c) const;
  [[nodiscard]] std::vector<analysis::statistics::observation> cause_time(
      analysis::why::cause c) const;
  /// Of all connections.
  [[nodiscard]] analysis::statistics::sample_size size() const;

 private:
  struct connection {
    std::array<double, quantity_count> values;
    std::uint32_t cluster;
    closing closed;
    std::optional<bool> retransmitted;
    std::optional<cause_facts> causes;
  };
  std::vector<connection> connections_;
  std::unordered_map<std::string, std::uint32_t> clusters_;
};

/// One line.
struct compared {
  std::string name;   ///< of the quantity, or of the share: "median_rtt_us", "rst"
  std::string title;  ///< for people
  std::string of;     ///< "p50", "share", "time_share"
  analysis::statistics::effect_kind kind;
  std::optional<quantity> q;  ///< none of a share
  unsigned percent = 0;       ///< of a quantile
  analysis::statistics::effect effect;
};

struct comparison {
  analysis::statistics::sample_size a;
  analysis::statistics::sample_size b;
  std::vector<compared> lines;
};

/// Takes time in proportion to connections and options.draws.
[[nodiscard]] comparison compare(const compared_side& a, const compared_side& b,
                                 const analysis::statistics::bootstrap_options& options);

/// Names of the two sides are for people, and say where they are from.
void append_comparison_text(std::string& to, const comparison& c, std::string_view name_a,
                            std::string_view name_b,
                            const analysis::statistics::bootstrap_options& options);
/// One object a line: the sizes, then each comparison.
void append_comparison_json(std::string& to, const comparison& c,
                            const analysis::statistics::bootstrap_options& options);

}  // namespace tcpinfo::offline

#endif
