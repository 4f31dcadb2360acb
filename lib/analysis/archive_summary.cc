// SPDX-License-Identifier: Apache-2.0
#include "analysis/archive_summary.h"

#include <algorithm>
#include <utility>

namespace tcpinfo::analysis {

void archive_summary::add(const seen_message& r, std::uint64_t poll) {
  // The last message before the end may be some milliseconds later than that. Where a clock was set
  // back, it cannot be told which of two parts came first.
  constexpr std::int64_t most_back_ns = 1'000'000'000;
  if (r.time.is_zero() || r.m.state() == tcp_state::listen ||
      (records_.snapshots() != 0 && (records_.is_left_by(r.m, r.time, ended_) ||
                                     records_.last_time().since(r.time) > most_back_ns)))
    is_one_ = false;
  records_.add(r);
  if (r.m.state() == tcp_state::close) ended_ = true;
  if (poll == no_poll) return;
  first_poll_ = first_poll_ == no_poll ? poll : std::min(first_poll_, poll);
  last_poll_ = last_poll_ == no_poll ? poll : std::max(last_poll_, poll);
}

void archive_summary::merge(archive_summary&& other) {
  records_.merge(std::move(other.records_));
  lines_ += other.lines_;
  is_one_ = is_one_ && other.is_one_;
  if (other.first_poll_ == no_poll) return;
  const bool any = first_poll_ != no_poll;
  first_poll_ = any ? std::min(first_poll_, other.first_poll_) : other.first_poll_;
  last_poll_ = any ? std::max(last_poll_, other.last_poll_) : other.last_poll_;
}

segment_summary archive_summary::save(const timestamp& start, summary_room& room,
                                      const name_pool& names) {
  summary_values values;
  values.put(summary_field::records, count());
  values.set(summary_field::other_lines, lines_);
  if (first_poll_ != no_poll) {
    values.put(summary_field::first_poll, first_poll_);
    values.set(summary_field::last_poll, last_poll_ - first_poll_);
  }
  records_.save(values, packed_time(start));
  values.write(room.values);
  room.rtts.clear();
  records_.rtts().for_each([&](std::uint32_t lowest, std::uint32_t highest, std::uint64_t count) {
    room.rtts.push_back({lowest, highest, count});
  });
  segment_summary made;
  made.values = room.values;
  made.rtts = room.rtts;
  made.congestion_control = names.text(records_.congestion_control());
  return made;
}

void archive_summary::load(const segment_summary& from, const timestamp& start, name_pool& names) {
  summary_values values;
  values.read(from.values);
  records_.load(values, packed_time(start));
  lines_ = std::min(values.at(summary_field::other_lines), values.at(summary_field::records));
  first_poll_ = last_poll_ = no_poll;
  if (values.has(summary_field::first_poll)) {
    first_poll_ = values.at(summary_field::first_poll);
    last_poll_ = first_poll_ + values.at(summary_field::last_poll);
  }
  records_.rtts() = quantiles(distinct_rtts);
  for (const summary_bucket& b : from.rtts) records_.rtts().add(b.lowest, b.highest, b.count);
  records_.set_congestion_control(names.number(from.congestion_control));
  is_one_ = true;
}

}  // namespace tcpinfo::analysis
