// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_list.h"

#include <tcpinfo/tcp.h>
#include <algorithm>
#include <utility>

namespace tcpinfo::offline {

void flow_list::begin_context(const input_record& r) {
  context_ = r.context;
  latest_ = nullptr;
  begin_run(facts_of(*context_));
}

void flow_list::begin_run(const archive_facts& a) {
  if (a.run.empty() || (a.run == run_name_ && a.netns == netns_)) return;
  run_name_ = a.run;
  netns_ = a.netns;
  // As input_context::poller().
  run_ = polls_.run_number(run_name_ + '\0' + netns_);
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

// The same UUID may be that of several: a socket was disconnected and connected again. A final
// record without ends is the last one's. @return null where it is none of these; `last` is the last
// of them then.
template <class Leaves>
flow_summary* flow_list::find(const flow_key& key, number*& place, entry*& last, Leaves&& is_left) {
  place = &place_of(key);
  last = nullptr;
  flow_summary* found = nullptr;
  for (number n = *place; n != 0; n = last->next_same) {
    last = &flows_[n - 1];
    if (!is_left(last->flow)) found = &last->flow;
  }
  return found;
}

flow_summary& flow_list::begin(const flow_key& key, number& place, entry* last) {
  flows_.push_back(entry{flow_summary(key, names_, rtts_)});
  const auto n = static_cast<number>(flows_.size());
  if (last != nullptr) {
    last->next_same = n;
  } else {
    place = n;
    if (++keys_ > places_.size() / 2) grow();
  }
  return flows_.back().flow;
}

// The connection of a record, which may be a new one; null where the record is of none.
flow_summary* flow_list::find(const input_record& r) {
  const flow_key key = key_of(r);
  number* place = nullptr;
  entry* last = nullptr;
  flow_summary* found = find(key, place, last, [&r](const flow_summary& f) {
    return f.is_left_by(r.m, packed_time(r.time), false);
  });
  if (found != nullptr &&
      (latest_ != found || !latest_ended_ || !found->is_left_by(r.m, packed_time(r.time), true)))
    return found;
  // Archives hold connections only; a dump has also sockets that are none.
  if (r.of_capture && (r.m.dport() == 0 || r.m.dst().is_unspecified())) return nullptr;
  if (r.m.state() == static_cast<std::uint8_t>(tcp_state::listen)) return nullptr;
  return &begin(key, *place, last);
}

void flow_list::add(input_summary& s) {
  analysis::records_summary& records = s.of.records();
  records.set_congestion_control(names_.number(s.congestion_control));
  const flow_key key = flow_key::of(s.uuid, false, names_);
  number* place = nullptr;
  entry* last = nullptr;
  flow_summary* flow =
      find(key, place, last, [&records](const flow_summary& f) { return f.is_left_by(records); });
  if (flow == nullptr) flow = &begin(key, *place, last);
  flow->saw_archive(s.facts, names_);
  snapshots_ += records.snapshots();
  flow->merge(std::move(records));
  passed_over_ = true;
  if (s.of.first_poll() == no_poll || s.facts.run.empty()) return;
  begin_run(s.facts);
  // The next record may be of another run.
  context_ = nullptr;
  flow->saw_poll(run_, s.of.first_poll());
  flow->saw_poll(run_, s.of.last_poll());
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
    latest_->saw_archive(facts_of(*context_), names_);
  }
  latest_->add(eye_.see(r.m, r.time, r.ended, r.carried));
  if (r.m.state() == static_cast<std::uint8_t>(tcp_state::close)) latest_ended_ = true;
  if (polled) latest_->saw_poll(run_, r.poll);
  ++snapshots_;
  return latest_;
}

std::vector<flow_summary*> flow_list::flows() {
  // Keys beside each other: what they are of is far apart.
  struct place {
    flow_key key;
    flow_summary* flow = nullptr;
  };
  std::vector<place> all;
  all.reserve(flows_.size());
  for (entry& e : flows_) all.push_back({e.flow.key(), &e.flow});
  const auto is_before = [this](const place& a, const place& b) {
    return flow_key::is_before(a.key, b.key, names_);
  };
  if (!std::is_sorted(all.begin(), all.end(), is_before))
    std::stable_sort(all.begin(), all.end(), is_before);
  std::vector<flow_summary*> sorted;
  sorted.reserve(all.size());
  for (const place& p : all) sorted.push_back(p.flow);
  return sorted;
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
