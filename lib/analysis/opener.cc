// SPDX-License-Identifier: Apache-2.0
#include "analysis/opener.h"

#include <tcpinfo/tcp.h>
#include <algorithm>

namespace tcpinfo::analysis {
namespace {

constexpr std::uint64_t option_sack = 2;
constexpr std::uint64_t option_syn_data = 32;

// Of opener::stored.
constexpr std::uint32_t sent_syn_bit = 1;
constexpr std::uint32_t two_more_bit = 2;
constexpr std::uint32_t none_more_bit = 4;
constexpr std::uint32_t by_segments_bit = 8;
constexpr std::uint32_t this_end_bit = 16;

// Told by segments where exactly one more than the data was acknowledged. `delivered` counts one
// for the SYN or the answer to it, at either end, one for each segment of data, and one for a FIN
// that had a segment of its own (one that rides on data is not told apart).
std::optional<bool> judge_segments(const flow_totals& t) {
  const auto delivered = t.get(total::delivered);
  const auto data_segs_out = t.get(total::data_segs_out);
  if (!delivered || !data_segs_out) return std::nullopt;
  // What was sent twice is delivered once; data in a SYN is counted in ways of its own; without
  // SACK duplicate acknowledgements count as deliveries.
  const std::uint64_t options = t.or_zero(total::options);
  if (t.or_zero(total::total_retrans) != 0 || (options & option_syn_data) != 0 ||
      (options & option_sack) == 0)
    return std::nullopt;
  const std::uint64_t data = *data_segs_out;
  if (*delivered == data + 2) return false;       // our FIN
  if (*delivered == 1 && data == 0) return true;  // no FIN, hence a SYN
  if (data != 0 && t.or_zero(total::segs_out) == data)
    return false;  // nothing was sent that could be a SYN
  return std::nullopt;
}

}  // namespace

void opener::saw_state(std::uint8_t state, packed_time time) {
  if (state == static_cast<std::uint8_t>(tcp_state::syn_sent)) sent_syn_ = true;
  const bool before_fin = state == static_cast<std::uint8_t>(tcp_state::established) ||
                          state == static_cast<std::uint8_t>(tcp_state::close_wait);
  if (before_fin && (before_fin_.is_zero() || time > before_fin_)) before_fin_ = time;
}

void opener::saw_totals(const flow_totals& t, bool end, packed_time time) {
  const auto unique = t.unique();
  if (!unique) return;
  const std::uint64_t acked = t.or_zero(total::bytes_acked);
  most_acked_ = std::max(most_acked_, acked);
  most_unique_ = std::max(most_unique_, *unique);
  if (acked < *unique) return;  // in flight
  switch (acked - *unique) {
    case 0:
      // Of an end that connected, one byte could be in flight. At the socket's end what was in
      // flight is forgotten, and so are counters of a socket that was aborted.
      if (!end && t.or_zero(total::unacked) == 0) none_more_ = true;
      break;
    case 1:
      if (first_acked_ == 0 || time < first_time_) {
        first_time_ = time;
        first_acked_ = acked;
      }
      if (const auto told = judge_segments(t)) by_segments_ = told;
      break;
    case 2:
      two_more_ = true;
      break;
    default:
      break;  // no sense in it
  }
}

void opener::append(const opener& later) {
  if (later.first_acked_ != 0 && (first_acked_ == 0 || later.first_time_ < first_time_)) {
    first_time_ = later.first_time_;
    first_acked_ = later.first_acked_;
  }
  before_fin_ = std::max(before_fin_, later.before_fin_);
  most_acked_ = std::max(most_acked_, later.most_acked_);
  most_unique_ = std::max(most_unique_, later.most_unique_);
  sent_syn_ = sent_syn_ || later.sent_syn_;
  two_more_ = two_more_ || later.two_more_;
  none_more_ = none_more_ || later.none_more_;
  if (later.by_segments_) by_segments_ = later.by_segments_;
}

opener::stored opener::save() const noexcept {
  const auto flag = [](bool is, std::uint32_t bit) { return is ? bit : 0; };
  return {first_time_,
          before_fin_,
          first_acked_,
          most_acked_,
          most_unique_,
          flag(sent_syn_, sent_syn_bit) | flag(two_more_, two_more_bit) |
              flag(none_more_, none_more_bit) | flag(by_segments_.has_value(), by_segments_bit) |
              flag(by_segments_.value_or(false), this_end_bit)};
}

void opener::load(const stored& from) noexcept {
  const auto has = [&](std::uint32_t bit) { return (from.bits & bit) != 0; };
  first_time_ = from.first_time;
  before_fin_ = from.before_fin;
  first_acked_ = from.first_acked;
  most_acked_ = from.most_acked;
  most_unique_ = from.most_unique;
  sent_syn_ = has(sent_syn_bit);
  two_more_ = has(two_more_bit);
  none_more_ = has(none_more_bit);
  by_segments_ = std::nullopt;
  if (has(by_segments_bit)) by_segments_ = has(this_end_bit);
}

std::optional<bool> opener::is_this_end() const noexcept {
  if (sent_syn_ || two_more_) return true;
  if (none_more_) return false;
  if (first_acked_ == 0) return std::nullopt;
  // When the one more was counted, our FIN had not been sent: a later state is before it, or more
  // was sent or acknowledged after it.
  if (!before_fin_.is_zero() && before_fin_ > first_time_) return true;
  if (most_acked_ > first_acked_ || most_unique_ > first_acked_ - 1) return true;
  return by_segments_;
}

}  // namespace tcpinfo::analysis
