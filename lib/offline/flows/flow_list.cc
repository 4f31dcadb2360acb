// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_list.h"

#include <tcpinfo/tcp.h>
#include <algorithm>

namespace tcpinfo::offline {

void flow_list::begin_context(const input_record& r) {
  context_ = r.context;
  latest_ = nullptr;
  if (context_->run.empty() || (context_->run == run_name_ && context_->netns == netns_)) return;
  run_ = polls_.run_number(context_->poller());
  run_name_ = context_->run;
  netns_ = context_->netns;
}

flow_key flow_list::key_of(const input_record& r) {
  const std::string_view uuid = r.uuid();
  // What input_record::connection_key() adds a cookie to.
  if (context_->source != uuid_source::file_name) return flow_key::of(uuid, false, names_);
  const std::string key = r.connection_key();
  return flow_key::of(key, key.size() != uuid.size(), names_);
}

// Where the number of the first connection with that key stands, or is to stand.
flow_list::number& flow_list::place_of(const flow_key& key) {
  const std::size_t mask = places_.size() - 1;
  for (std::size_t at = key.hash() & mask;; at = (at + 1) & mask) {
    number& n = places_[at];
    if (n == 0 || flows_[n - 1].flow.key() == key) return n;
  }
}

void flow_list::grow() {
  std::vector<number> before(places_.size() * 2);
  before.swap(places_);
  for (const number n : before)
    if (n != 0) place_of(flows_[n - 1].flow.key()) = n;
}

// The connection of a record, which may be a new one; null where the record is of none.
flow_summary* flow_list::find(const input_record& r) {
  const flow_key key = key_of(r);
  number* place = &place_of(key);
  // The same UUID may be that of several: a socket was disconnected and connected again. A final
  // record without ends is the last one's.
  entry* last = nullptr;
  flow_summary* found = nullptr;
  for (number n = *place; n != 0; n = last->next_same) {
    last = &flows_[n - 1];
    if (!last->flow.is_left_by(r.m, packed_time(r.time), false)) found = &last->flow;
  }
  if (found != nullptr &&
      (latest_ != found || !latest_ended_ || !found->is_left_by(r.m, packed_time(r.time), true)))
    return found;
  const bool of_capture = r.parsed == nullptr;
  // Archives hold connections only; a dump has also sockets that are none.
  if (of_capture && (r.m.dport() == 0 || r.m.dst().is_unspecified())) return nullptr;
  if (r.m.state() == static_cast<std::uint8_t>(tcp_state::listen)) return nullptr;
  flows_.push_back(entry{flow_summary(key, names_, rtts_)});
  const auto n = static_cast<number>(flows_.size());
  if (last != nullptr) {
    last->next_same = n;
  } else {
    *place = n;
    if (++keys_ > places_.size() / 2) grow();
  }
  return &flows_.back().flow;
}

flow_summary* flow_list::add(const input_record& r, bool wanted) {
  if (context_ != r.context) begin_context(r);
  if (!r.has_message) return nullptr;
  // Poll numbers without a run could be of several runs.
  const bool polled = r.poll != no_poll && !context_->run.empty();
  if (polled) polls_.see(run_, r.poll);
  if (!wanted) return nullptr;

  const std::uint64_t cookie = r.m.cookie();
  if (latest_ == nullptr || latest_cookie_ != cookie ||
      latest_->is_left_by(r.m, packed_time(r.time), latest_ended_)) {
    if (latest_cookie_ != cookie) latest_ = nullptr;
    flow_summary* const flow = find(r);
    if (flow == nullptr) return nullptr;
    latest_ = flow;
    latest_cookie_ = cookie;
    latest_ended_ = false;
    latest_->saw_context(*context_, names_);
  }
  latest_->add(analysis::see(r.m, r.time, r.ended, r.carried), names_);
  if (r.m.state() == static_cast<std::uint8_t>(tcp_state::close)) latest_ended_ = true;
  if (polled) latest_->saw_poll(run_, r.poll);
  ++snapshots_;
  return latest_;
}

std::vector<flow_summary*> flow_list::flows() {
  std::vector<flow_summary*> all;
  all.reserve(flows_.size());
  for (entry& e : flows_) all.push_back(&e.flow);
  std::stable_sort(all.begin(), all.end(), [this](const flow_summary* a, const flow_summary* b) {
    return flow_key::is_before(a->key(), b->key(), names_);
  });
  return all;
}

std::optional<std::uint64_t> flow_list::silent_polls(const flow_summary& f) const {
  if (passed_over_) return std::nullopt;
  std::optional<std::uint64_t> silent;
  f.for_each_run([&](const poll_span& p) {
    silent = silent.value_or(0) + polls_.silent(p.run, p.first, p.last);
  });
  return silent;
}

}  // namespace tcpinfo::offline
