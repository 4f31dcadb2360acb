// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/median.h"

#include <algorithm>

namespace tcpinfo::offline {

void median_of::add(std::uint32_t value) {
  if (!runs_.empty() && runs_.back().first == value) {
    ++runs_.back().second;
    return;
  }
  if (runs_.size() >= compact_at_) {
    compact();
    compact_at_ = std::max<std::size_t>(1024, runs_.size() * 2);
  }
  runs_.emplace_back(value, 1);
}

void median_of::compact() {
  std::sort(runs_.begin(), runs_.end());
  std::size_t to = 0;
  for (std::size_t from = 1; from < runs_.size(); ++from) {
    if (runs_[from].first == runs_[to].first)
      runs_[to].second += runs_[from].second;
    else
      runs_[++to] = runs_[from];
  }
  if (!runs_.empty()) runs_.resize(to + 1);
}

std::optional<double> median_of::median() {
  compact();
  std::uint64_t count = 0;
  for (const auto& r : runs_) count += r.second;
  if (count == 0) return std::nullopt;
  const auto at = [this](std::uint64_t index) {
    for (const auto& r : runs_) {
      if (index < r.second) return static_cast<double>(r.first);
      index -= r.second;
    }
    return 0.0;
  };
  return (at((count - 1) / 2) + at(count / 2)) / 2;
}

}  // namespace tcpinfo::offline
