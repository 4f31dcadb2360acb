// SPDX-License-Identifier: Apache-2.0
//
// Connections that depend on each other: of one network and hour, say. What is drawn anew to learn
// how much an estimate varies are such clusters, not connections.
#ifndef TCPINFO_ANALYSIS_STATISTICS_CLUSTERS_H
#define TCPINFO_ANALYSIS_STATISTICS_CLUSTERS_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tcpinfo::analysis::statistics {

/// A number of one connection.
struct observation {
  double value = 0;
  std::uint32_t cluster = 0;  ///< its number, from 0, whatever others there are
  double weight = 1;          ///< of shares: what `value` is a part of
};

/// How many observations there are, and in how many clusters.
struct sample_size {
  std::size_t observations = 0;
  std::size_t clusters = 0;
  /// How many clusters of equal size tell as much (Kish): where one has nearly all observations, it
  /// is little more than 1.
  double effective = 0;
};

/// Numbers clusters from 0 without gaps, in the order of their first observations.
/// @return the size of each.
std::vector<std::uint32_t> renumber(std::span<observation> all);
/// What these sizes come to.
[[nodiscard]] sample_size size_of(std::span<const std::uint32_t> cluster_sizes) noexcept;

}  // namespace tcpinfo::analysis::statistics

#endif
