// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/write_schedule.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

namespace tcpinfo::collect {

void write_schedule::add_ready(flow_log& flow) {
  if (flow.ready) return;
  flow.ready = true;
  ready_.push_back(flow.cookie);
}

void write_schedule::add(entries& to, flow_log& flow, std::int64_t at_ns) noexcept try {
  flow.due_ns = at_ns;
  // Short connections leave a stale entry each.
  if (to.size() > 4 * flows_.size() + 1024) {
    std::erase_if(to, [this](const entry& one) {
      const auto found = flows_.find(one.cookie);
      return found == flows_.end() || found->second.due_ns != one.at_ns;
    });
  }
  to.push_back({flow.cookie, at_ns});
} catch (const std::bad_alloc&) {
  is_whole_ = false;
}

void write_schedule::repair() {
  if (is_whole_) return;
  entries fresh;
  for (auto& [cookie, flow] : flows_) {
    if (flow.waiting_records == 0 && !flow.ended) continue;
    flow.due_ns = flow.waiting_since_ns + hold_ns_;
    fresh.push_back({cookie, flow.due_ns});
  }
  std::sort(fresh.begin(), fresh.end(),
            [](const entry& a, const entry& b) { return a.at_ns < b.at_ns; });
  aged_ = std::move(fresh);
  entries().swap(retries_);
  is_whole_ = true;
}

flow_log* write_schedule::take(entries& from, std::int64_t now_ns) {
  while (!from.empty() && from.front().at_ns <= now_ns) {
    const entry next = from.front();
    from.pop_front();
    const auto found = flows_.find(next.cookie);
    if (found != flows_.end() && (found->second.waiting_records > 0 || found->second.ended) &&
        found->second.due_ns == next.at_ns)
      return &found->second;
  }
  return nullptr;
}

flow_log* write_schedule::next(std::int64_t now_ns) {
  while (!ready_.empty()) {
    const auto found = flows_.find(ready_.front());
    ready_.pop_front();
    if (found == flows_.end()) continue;
    found->second.ready = false;
    return &found->second;
  }
  flow_log* const flow = take(retries_, now_ns);
  return flow != nullptr ? flow : take(aged_, now_ns);
}

flow_log* write_schedule::oldest() {
  constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();
  flow_log* const flow = take(retries_, any);
  return flow != nullptr ? flow : take(aged_, any);
}

std::int64_t write_schedule::next_ns(std::int64_t latest) const noexcept {
  for (const entries* all : {&aged_, &retries_})
    if (!all->empty()) latest = std::min(latest, all->front().at_ns);
  return latest;
}

}  // namespace tcpinfo::collect
