// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/suspect_list.h"

#include <algorithm>
#include <new>

namespace tcpinfo::collect {
namespace {

// Queries of suspects in one poll: a millisecond's worth.
constexpr std::size_t planned_a_poll = 256;
// Suspects looked at in one poll: the reconciler's first dump suspects all sockets.
constexpr std::size_t looked_at_a_poll = 4096;

bool knows(const flow_table* flows, std::uint64_t cookie) noexcept {
  message last;
  return flows != nullptr && flows->find(cookie, last);
}

}  // namespace

suspect_list::suspect_list(reconciler& from, cost_model& cost) : from_(from), cost_(cost) {
  changed_.reserve(planned_a_poll);
}

bool suspect_list::take(reconciliation& out, poll_report& report) {
  if (!from_.take(out)) return false;
  ++report.reconciled;
  if (out.cpu_ns > 0) cost_.note_dump(out.cpu_ns);
  return true;
}

void suspect_list::plan_some(query_plan& plan, const flow_table* flows, message_sink& sink,
                             poll_report& report) {
  if (empty()) {
    if (!take(found_, report)) return;
    next_ = 0;
    missed_ = 0;
  }
  const std::size_t end = std::min(found_.suspects.size(), next_ + looked_at_a_poll);
  for (std::size_t planned = 0; next_ < end && planned < planned_a_poll; ++next_) {
    const suspect& s = found_.suspects[next_];
    const bool known = knows(flows, s.id.cookie);
    if (s.why == suspicion::gone) {
      if (known) sink.on_absent(s.id.cookie, s.seen_ns, s.absent_ns);
    } else if (known == (s.why == suspicion::changed)) {
      plan.plan(s.id, query_reason::suspected);
      ++planned;
    }
  }
}

// A socket may change between the taking of activity and its query. Its event is then among the
// activity that this poll has taken, and nothing was missed.
void suspect_list::count_missed(std::span<const activity> taken, poll_report& report) noexcept {
  if (!changed_.empty()) {
    std::sort(changed_.begin(), changed_.end());
    for (const activity& a : taken) {
      const auto at = std::lower_bound(changed_.begin(), changed_.end(), a.id.cookie);
      if (at != changed_.end() && *at == a.id.cookie) changed_.erase(at);
    }
    missed_ += changed_.size();
    report.missed_changes += changed_.size();
    changed_.clear();
  }
  if (!empty() || found_.sockets == 0) return;
  from_.judge(missed_, found_.sockets);
  found_.sockets = 0;
}

void suspect_list::settle_by_dump(const flow_table* flows, poll_report& report) noexcept {
  const auto is_settled = [flows](const suspect& s) {
    return s.why != suspicion::gone || !knows(flows, s.id.cookie);
  };
  std::vector<suspect>& left = found_.suspects;
  left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(next_));
  std::erase_if(left, is_settled);
  try {
    reconciliation latest;
    if (take(latest, report)) {
      std::erase_if(latest.suspects, is_settled);
      left.insert(left.end(), latest.suspects.begin(), latest.suspects.end());
    }
  } catch (const std::bad_alloc&) {
    // The sampler finds by its own dumps who is gone.
  }
  next_ = 0;
  found_.sockets = 0;  // nobody counts how many of them were missed changes
}

}  // namespace tcpinfo::collect
