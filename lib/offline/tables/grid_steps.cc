// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/grid_steps.h"

namespace tcpinfo::offline {
namespace {

template <std::size_t Count>
std::array<field_descriptor, Count> described(const std::array<tcp_field, Count>& fields) {
  std::array<field_descriptor, Count> made;
  for (std::size_t i = 0; i < Count; ++i) made[i] = describe(field(fields[i]));
  return made;
}

}  // namespace

void grid_steps::take(const snapshot& s, std::int64_t time_ns) noexcept {
  static const auto values = described(grid_values);
  static const auto totals = described(grid_counters);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!s.value(values[i], number)) continue;
    // A sentinel is no value: none was set, or what was set is not valid any more.
    step_.values[i].reset();
    if (s.measured(values[i], number)) step_.values[i] = number;
  }
  // Of a socket that its own program aborts the kernel clears the totals first.
  const bool end = s.state() == tcp_state::close;
  for (std::size_t i = 0; i < totals.size(); ++i)
    if (s.value(totals[i], number) && !(end && now_[i] && number < *now_[i])) now_[i] = number;
  step_.state = static_cast<std::uint8_t>(s.state());
  ++step_.records;
  last_ns_ = time_ns;
}

void grid_steps::fill() noexcept {
  step_.number = next_;
  step_.time_ns = moment_of(next_) - begin_ns_;
  step_.age_ns = moment_of(next_) - last_ns_;
  for (std::size_t i = 0; i < now_.size(); ++i) {
    step_.growth[i].reset();
    if (now_[i] && before_[i] && *now_[i] >= *before_[i]) step_.growth[i] = *now_[i] - *before_[i];
  }
  before_ = now_;
}

void grid_steps::pass_hole(std::int64_t time_ns) noexcept {
  if (time_ns <= moment_of(next_)) return;
  const auto silent = static_cast<std::uint64_t>((time_ns - moment_of(next_)) / step_ns_);
  if (silent <= longest_silence) return;
  left_out_ += silent;
  next_ += silent;
  before_ = {};
}

}  // namespace tcpinfo::offline
