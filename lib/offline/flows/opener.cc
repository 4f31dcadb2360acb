// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/opener.h"

#include <tcpinfo/tcp.h>
#include <algorithm>

#include "offline/text/times.h"

namespace tcpinfo::offline {
namespace {

constexpr std::uint64_t option_sack = 2;
constexpr std::uint64_t option_syn_data = 32;

// Told by segments where exactly one more than the data was acknowledged. `delivered` counts one
// for the SYN or the answer to it, at either end, one for each segment of data, and one for a FIN
// that had a segment of its own (one that rides on data is not told apart).
std::optional<bool> judge_segments(const flow_totals& t) {
  if (!t.delivered || !t.data_segs_out) return std::nullopt;
  // What was sent twice is delivered once; data in a SYN is counted in ways of its own; without
  // SACK duplicate acknowledgements count as deliveries.
  if (t.total_retrans != 0 || (t.options & option_syn_data) != 0 || (t.options & option_sack) == 0)
    return std::nullopt;
  const std::uint64_t data = *t.data_segs_out;
  if (*t.delivered == data + 2) return false;         // our FIN
  if (*t.delivered == 1 && data == 0) return true;    // no FIN, hence a SYN
  if (data != 0 && t.segs_out == data) return false;  // nothing was sent that could be a SYN
  return std::nullopt;
}

}  // namespace

void opener::saw_state(std::uint8_t state, const timestamp& time) {
  if (state == static_cast<std::uint8_t>(tcp_state::syn_sent)) sent_syn_ = true;
  const bool before_fin = state == static_cast<std::uint8_t>(tcp_state::established) ||
                          state == static_cast<std::uint8_t>(tcp_state::close_wait);
  if (before_fin && (before_fin_.is_zero() || compare(time, before_fin_) > 0)) before_fin_ = time;
}

void opener::saw_totals(const flow_totals& t, bool end, const timestamp& time) {
  const auto unique = t.unique();
  if (!unique) return;
  most_acked_ = std::max(most_acked_, t.acked);
  most_unique_ = std::max(most_unique_, *unique);
  if (t.acked < *unique) return;  // in flight
  switch (t.acked - *unique) {
    case 0:
      // Of an end that connected, one byte could be in flight. At the socket's end what was in
      // flight is forgotten, and so are counters of a socket that was aborted.
      if (!end && t.unacked == 0) none_more_ = true;
      break;
    case 1:
      if (!first_ || compare(time, first_->time) < 0) first_ = {time, t.acked, *unique};
      if (const auto told = judge_segments(t)) by_segments_ = told;
      break;
    case 2:
      two_more_ = true;
      break;
    default:
      break;  // no sense in it
  }
}

std::optional<bool> opener::is_this_end() const noexcept {
  if (sent_syn_ || two_more_) return true;
  if (none_more_) return false;
  if (!first_) return std::nullopt;
  // When the one more was counted, our FIN had not been sent: a later state is before it, or more
  // was sent or acknowledged after it.
  if (!before_fin_.is_zero() && compare(before_fin_, first_->time) > 0) return true;
  if (most_acked_ > first_->acked || most_unique_ > first_->unique) return true;
  return by_segments_;
}

}  // namespace tcpinfo::offline
