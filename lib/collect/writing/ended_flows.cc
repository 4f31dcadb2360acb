// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/ended_flows.h"

#include <algorithm>

namespace tcpinfo::collect {

void ended_flows::remember(const flow_archive& flow) {
  for (; order_.size() >= most_; order_.pop_front()) {
    const numbered& oldest = order_.front();
    const auto found = all_.find(oldest.cookie);
    if (found == all_.end() || found->second.number != oldest.number) continue;
    // Of each no more than this can be kept: who comes back goes on above all of them.
    forgotten& gone = forgotten_[kind_of(found->second.sequence)];
    gone.highest_cookie = std::max(gone.highest_cookie, oldest.cookie);
    gone.next_sequence = std::max(gone.next_sequence, found->second.sequence);
    all_.erase(found);
  }
  order_.push_back({flow.cookie, ++last_number_});
  all_[flow.cookie] = {flow.sequence, flow.first_seen, flow.opened, flow.prefix, last_number_};
}

bool ended_flows::resume(flow_archive& flow, const snapshot_header& first) {
  const auto found = all_.find(first.cookie);
  if (found == all_.end()) return false;
  const former& before = found->second;
  flow.sequence = before.sequence;
  flow.first_seen = before.first_seen;
  // Its end is told late; else the socket is in use again.
  if (first.kind == snapshot_kind::final) flow.opened = before.opened;
  flow.prefix = before.prefix;
  all_.erase(found);
  return true;
}

void ended_flows::pass_forgotten(flow_archive& flow) const noexcept {
  const forgotten& gone = forgotten_[kind_of(flow.sequence)];
  if (flow.cookie <= gone.highest_cookie)
    flow.sequence = std::max(flow.sequence, gone.next_sequence);
}

}  // namespace tcpinfo::collect
