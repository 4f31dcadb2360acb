// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_summary.h"

#include <algorithm>

#include "common/sequences.h"

namespace tcpinfo::offline {

using analysis::offset_minutes;

void flow_summary::saw_archive(const archive_facts& a, name_pool& names) {
  // A segment has records of many archives in turn: each is one part.
  if (a.sequence && *a.sequence != latest_sequence_) {
    begin_part();
    latest_sequence_ = *a.sequence;
  }
  if (a.sequence && !has_sequence_) {
    sequence_ = *a.sequence;
    has_sequence_ = true;
  } else if (a.sequence && *a.sequence != sequence_) {
    rest().sequences.insert(*a.sequence);
  }
  if (!a.host.empty()) host_ = names.number(a.host);
  if (!a.netns.empty()) netns_ = names.number(a.netns);
  if (says_more(a.owner, names_->text(owner_))) owner_ = names.number(a.owner);
  if (!a.opened.is_zero()) {
    opened_ = packed_time(a.opened);
    opened_offset_ = offset_minutes(a.opened);
  }
  if (const packed_time t(a.start_time);
      !t.is_zero() && (start_time_.is_zero() || t < start_time_)) {
    start_time_ = t;
    start_offset_ = offset_minutes(a.start_time);
  }
}

void flow_summary::saw_poll(std::uint32_t run, std::uint64_t poll) {
  const auto widen = [poll](std::uint64_t& first, std::uint64_t& last) {
    first = std::min(first, poll);
    last = std::max(last, poll);
  };
  if (run_ == no_run) {
    run_ = run;
    first_poll_ = last_poll_ = poll;
  }
  if (run_ == run) {
    widen(first_poll_, last_poll_);
    return;
  }
  for (poll_span& p : rest().polls)
    if (p.run == run) {
      widen(p.first, p.last);
      return;
    }
  rest_->polls.push_back({run, poll, poll});
}

flow_summary::rare& flow_summary::rest() {
  if (rest_ == nullptr) rest_ = std::make_unique<rare>();
  return *rest_;
}

packed_time flow_summary::first_seen_at() const noexcept {
  if (start_time_.is_zero()) return first_time();
  return first_time().is_zero() ? start_time_ : std::min(start_time_, first_time());
}

timestamp flow_summary::first_seen() const noexcept {
  const packed_time at = first_seen_at();
  return at.at(at == first_time() ? first_offset() : start_offset_);
}

std::optional<std::int64_t> flow_summary::duration_ns() const noexcept {
  const packed_time last = end_time().is_zero() ? last_time() : end_time();
  const packed_time start = opened_.is_zero() ? first_seen_at() : opened_;
  if (last.is_zero() || start.is_zero()) return std::nullopt;
  return last.since(start);
}

std::uint64_t flow_summary::gaps() const noexcept {
  if (rest_ == nullptr) return 0;
  std::uint64_t gaps = rest_->polls.size();
  const std::set<std::uint64_t>& others = rest_->sequences;
  // The first one seen has its place among the others.
  std::uint64_t before = others.empty() ? sequence_ : std::min(sequence_, *others.begin());
  const auto go_on = [&](std::uint64_t sequence) {
    if (sequence != before) gaps += missing_between(before, sequence);
    before = sequence;
  };
  bool own = false;
  for (const std::uint64_t sequence : others) {
    if (!own && sequence_ < sequence) {
      go_on(sequence_);
      own = true;
    }
    go_on(sequence);
  }
  if (!own) go_on(sequence_);
  return gaps;
}

}  // namespace tcpinfo::offline
