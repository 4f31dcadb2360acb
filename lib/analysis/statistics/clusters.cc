// SPDX-License-Identifier: Apache-2.0
#include "analysis/statistics/clusters.h"

#include <unordered_map>

namespace tcpinfo::analysis::statistics {

std::vector<std::uint32_t> renumber(std::span<observation> all) {
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  std::vector<std::uint32_t> sizes;
  for (observation& one : all) {
    const auto [at, is_new] =
        numbers.try_emplace(one.cluster, static_cast<std::uint32_t>(sizes.size()));
    if (is_new) sizes.push_back(0);
    one.cluster = at->second;
    ++sizes[one.cluster];
  }
  return sizes;
}

sample_size size_of(std::span<const std::uint32_t> cluster_sizes) noexcept {
  sample_size made;
  made.clusters = cluster_sizes.size();
  double squares = 0;
  for (const std::uint32_t n : cluster_sizes) {
    made.observations += n;
    squares += static_cast<double>(n) * n;
  }
  const auto total = static_cast<double>(made.observations);
  if (squares > 0) made.effective = total * total / squares;
  return made;
}

}  // namespace tcpinfo::analysis::statistics
