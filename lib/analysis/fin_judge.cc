// SPDX-License-Identifier: Apache-2.0
#include "analysis/fin_judge.h"

namespace tcpinfo::analysis {
namespace {

constexpr std::uint32_t any_bit = 1;
constexpr std::uint32_t end_bit = 2;
constexpr std::uint32_t told_bit = 4;
constexpr std::uint32_t segments_bit = 8;
constexpr std::uint32_t counted_bit = 16;
constexpr unsigned latest_shift = 5;
constexpr unsigned not_counted_shift = 7;

}  // namespace

void fin_judge::change::add(step s) noexcept {
  // Nothing changes that.
  if (counted) return;
  switch (s) {
    case step::counted:
      *this = {true};
      break;
    case step::same:
      latest = data::without_fin;
      break;
    case step::more:
      latest = data::with_fin;
      break;
    case step::same_at_end:
      if (latest == data::with_fin) break;
      if (latest == data::without_fin)
        not_counted = none::sure;
      else if (not_counted == none::unknown)
        not_counted = none::if_without;
      break;
  }
}

void fin_judge::change::append(const change& later) noexcept {
  if (counted || later.counted) {
    *this = {true};
    return;
  }
  if (later.not_counted == none::sure ||
      (later.not_counted == none::if_without && latest == data::without_fin))
    not_counted = none::sure;
  else if (later.not_counted == none::if_without && latest == data::unknown &&
           not_counted == none::unknown)
    not_counted = none::if_without;
  if (later.latest != data::unknown) latest = later.latest;
}

fin_judge::step fin_judge::step_of(const received_counts& before, const received_counts& now,
                                   bool end, bool told) noexcept {
  if (told) return step::counted;
  if (now.bytes == before.bytes) return end ? step::same_at_end : step::same;
  if (now.bytes == before.bytes + 1 && now.has_segments && now.segments == before.segments)
    return step::counted;
  return step::more;
}

void fin_judge::judge(const received_counts& before, const received_counts& now, bool end,
                      bool told) {
  if (any_) {
    if (!first_told_) rest_.add(step_of(before, now, end, told));
    return;
  }
  any_ = true;
  first_ = now;
  first_is_end_ = end;
  first_told_ = told;
}

void fin_judge::append(const fin_judge& later, const received_counts& before, bool told) {
  if (!later.any_) return;
  if (!any_) {
    *this = later;
    first_told_ = first_told_ || told;
    if (first_told_) rest_ = {};
    return;
  }
  if (first_told_) return;
  rest_.add(step_of(before, later.first_, later.first_is_end_, later.first_told_ || told));
  rest_.append(later.rest_);
}

std::optional<bool> fin_judge::counted() const noexcept {
  if (!any_) return std::nullopt;
  change all;
  // There are none before the first record.
  all.add(step_of({}, first_, first_is_end_, first_told_));
  all.append(rest_);
  if (all.counted) return true;
  if (all.not_counted != none::unknown) return false;
  return std::nullopt;
}

fin_judge::stored fin_judge::save() const noexcept {
  const auto flag = [](bool is, std::uint32_t bit) { return is ? bit : 0; };
  return {first_.bytes, first_.segments,
          flag(any_, any_bit) | flag(first_is_end_, end_bit) | flag(first_told_, told_bit) |
              flag(first_.has_segments, segments_bit) | flag(rest_.counted, counted_bit) |
              static_cast<std::uint32_t>(rest_.latest) << latest_shift |
              static_cast<std::uint32_t>(rest_.not_counted) << not_counted_shift};
}

void fin_judge::load(const stored& from) noexcept {
  const auto number = [&](unsigned shift) {
    const std::uint32_t n = from.bits >> shift & 3U;
    return static_cast<std::uint8_t>(n < 3 ? n : 0);
  };
  first_ = {from.bytes, from.segments, (from.bits & segments_bit) != 0};
  any_ = (from.bits & any_bit) != 0;
  first_is_end_ = (from.bits & end_bit) != 0;
  first_told_ = (from.bits & told_bit) != 0;
  rest_.counted = (from.bits & counted_bit) != 0;
  rest_.latest = static_cast<data>(number(latest_shift));
  rest_.not_counted = static_cast<none>(number(not_counted_shift));
}

}  // namespace tcpinfo::analysis
