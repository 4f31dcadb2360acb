// SPDX-License-Identifier: Apache-2.0
#include "offline/plotting/plot_rows.h"

#include <algorithm>
#include <utility>

namespace tcpinfo::offline {
namespace {

constexpr unsigned most_changes = 2;

// Of each part: two of each value that is no counter, two at each change of state, the first one.
constexpr std::size_t most_of_a_part() {
  std::size_t most = 2 * most_changes + 1;
  for (std::size_t c = 0; c < plot_column_count; ++c)
    if (!is_counter(static_cast<plot_column>(c))) most += 2;
  return most;
}
static_assert(plot_rows::least_rows > 2 * most_of_a_part());

bool is_earlier(const plot_row& a, const plot_row& b) { return a.time_ns < b.time_ns; }

double rate_between(const plot_row& a, const plot_row& b, plot_column counter) {
  const double grown = b[counter] - a[counter];
  const auto seconds = static_cast<double>(b.time_ns - a.time_ns) / 1e9;
  // A socket that was aborted has cleared its counters. NaN is less than nothing, too.
  return seconds > 0 && grown >= 0 ? grown / seconds : no_value;
}

}  // namespace

void plot_rows::add(plot_row row) {
  // A poll is read after it was made, so an end may be told as before it: it is last all the same.
  if (added_ != 0 && row.state == static_cast<std::uint8_t>(tcp_state::close))
    row.time_ns = std::max(row.time_ns, latest_.time_ns);
  if (added_ != 0) {
    row[plot_column::send_rate] = rate_between(latest_, row, plot_column::bytes_acked);
    row[plot_column::receive_rate] = rate_between(latest_, row, plot_column::bytes_received);
  }
  row.number = added_++;
  latest_ = row;
  rows_.push_back(row);
  if (rows_.size() >= 2 * most_) thin();
}

void plot_rows::finish() {
  if (rows_.size() > most_) thin();
  std::stable_sort(rows_.begin(), rows_.end(), is_earlier);
}

std::vector<char> plot_rows::extremes_of(std::size_t parts) const {
  std::vector<char> kept(rows_.size(), 0);
  kept.front() = kept.back() = 1;
  // By numbers of records, not by time: a busy second is not thinned more than a quiet one. And not
  // by numbers of rows: those thinned before would be thinned again each time, until none is left
  // of the beginning.
  std::uint64_t latest = 0;
  const auto part_at = [&](std::size_t i) {
    latest = std::max(latest, rows_[i].number);  // one that came late stands before its number
    return latest * parts / added_;
  };
  std::size_t end = 0;
  for (std::size_t begin = 0; begin < rows_.size(); begin = end) {
    const std::uint64_t part = part_at(begin);
    for (end = begin + 1; end < rows_.size() && part_at(end) == part;) ++end;
    kept[begin] = 1;
    for (std::size_t c = 0; c < plot_column_count; ++c) {
      if (is_counter(static_cast<plot_column>(c))) continue;
      std::size_t least = end;
      std::size_t largest = end;
      for (std::size_t i = begin; i < end; ++i) {
        const double value = rows_[i].values[c];
        if (std::isnan(value)) continue;
        if (least == end || value < rows_[least].values[c]) least = i;
        if (largest == end || value > rows_[largest].values[c]) largest = i;
      }
      if (least != end) kept[least] = kept[largest] = 1;
    }
    unsigned changes = 0;
    for (std::size_t i = std::max<std::size_t>(begin, 1); i < end && changes < most_changes; ++i) {
      if (rows_[i].state == rows_[i - 1].state) continue;
      kept[i - 1] = kept[i] = 1;
      ++changes;
    }
  }
  return kept;
}

void plot_rows::thin() {
  std::stable_sort(rows_.begin(), rows_.end(), is_earlier);
  // So many parts that there is room for whatever they have; and more, where most of their extremes
  // are of the same rows.
  std::size_t parts = std::max<std::size_t>((most_ - 2) / most_of_a_part(), 1);
  std::vector<char> kept = extremes_of(parts);
  for (int again = 0; again < 4; ++again) {
    const auto count = static_cast<std::size_t>(std::count(kept.begin(), kept.end(), 1));
    parts = std::min(parts * most_ / count * 9 / 10, most_);
    if (count > most_ * 3 / 4) break;
    std::vector<char> more = extremes_of(parts);
    if (static_cast<std::size_t>(std::count(more.begin(), more.end(), 1)) > most_) break;
    kept = std::move(more);
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (kept[i] != 0) rows_[next++] = rows_[i];
  rows_.resize(next);
}

}  // namespace tcpinfo::offline
