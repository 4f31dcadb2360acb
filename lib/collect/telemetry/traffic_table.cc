// SPDX-License-Identifier: Apache-2.0
#include "collect/telemetry/traffic_table.h"

#include <utility>

namespace tcpinfo::collect {
namespace {

// Between two looks for series that nobody uses: with connections from everywhere each new one
// asks.
constexpr std::int64_t between_rooms_ns = 10'000'000'000;

}  // namespace

bool traffic_table::is_full_for(const label_values& values) const {
  if (series_.size() >= limit()) return true;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (wanted_.wanted[i] && used_[i].size() >= wanted_.limit && !used_[i].contains(values[i]))
      return true;
  return false;
}

void traffic_table::make_room(std::int64_t now_ns) {
  // Unless the clock was stepped back.
  if (now_ns < next_room_ns_ && next_room_ns_ - now_ns <= between_rooms_ns) return;
  next_room_ns_ = now_ns + between_rooms_ns;
  for (auto at = series_.begin(); at != series_.end();) {
    const traffic_series& one = *at->second;
    // Only the table has it: no connection is open.
    const bool stays = at->second.use_count() > 1 ||
                       now_ns - one.last_used_ns.load(std::memory_order_relaxed) < unused_ns;
    if (stays) {
      ++at;
      continue;
    }
    for (std::size_t i = 0; i < used_.size(); ++i)
      if (const auto found = used_[i].find(one.labels[i]);
          found != used_[i].end() && --found->second == 0)
        used_[i].erase(found);
    at = series_.erase(at);
  }
}

std::shared_ptr<traffic_series> traffic_table::get(label_values values, std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  auto found = series_.find(values);
  if (found == series_.end() && is_full_for(values)) {
    make_room(now_ns);
    const label_values asked = values;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (wanted_.wanted[i] && used_[i].size() >= wanted_.limit && !used_[i].contains(values[i]))
        values[i] = other_value;
    found = series_.find(values);
    if (found == series_.end() && series_.size() >= limit()) {
      for (std::size_t i = 0; i < values.size(); ++i)
        if (wanted_.wanted[i]) values[i] = other_value;
      found = series_.find(values);
    }
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i] != asked[i]) others_[i].add();
  }
  if (found == series_.end()) {
    auto made = std::make_shared<traffic_series>(values);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (wanted_.wanted[i] && values[i] != other_value) ++used_[i][values[i]];
    found = series_.emplace(std::move(values), std::move(made)).first;
  }
  found->second->last_used_ns.store(now_ns, std::memory_order_relaxed);
  return found->second;
}

std::vector<std::shared_ptr<traffic_series>> traffic_table::all() const {
  std::vector<std::shared_ptr<traffic_series>> found;
  const std::lock_guard lock(mutex_);
  found.reserve(series_.size());
  for (const auto& [values, one] : series_) found.push_back(one);
  return found;
}

}  // namespace tcpinfo::collect
