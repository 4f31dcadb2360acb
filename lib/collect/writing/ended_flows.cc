// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/ended_flows.h"

#include <cstddef>

namespace tcpinfo::collect {
namespace {

constexpr std::size_t most_remembered = 100'000;

}  // namespace

void ended_flows::remember(const flow_archive& flow) {
  for (; order_.size() >= most_remembered; order_.pop_front()) {
    const numbered& oldest = order_.front();
    const auto found = all_.find(oldest.cookie);
    if (found != all_.end() && found->second.number == oldest.number) all_.erase(found);
  }
  order_.push_back({flow.cookie, ++last_number_});
  all_[flow.cookie] = {flow.sequence, flow.first_seen, flow.opened, flow.prefix, last_number_};
}

void ended_flows::resume(flow_archive& flow, const snapshot_header& first) {
  const auto found = all_.find(first.cookie);
  if (found == all_.end()) return;
  const former& before = found->second;
  flow.sequence = before.sequence;
  flow.first_seen = before.first_seen;
  // Its end is told late; else the socket is in use again.
  if (first.kind == snapshot_kind::final) flow.opened = before.opened;
  flow.prefix = before.prefix;
  all_.erase(found);
}

}  // namespace tcpinfo::collect
