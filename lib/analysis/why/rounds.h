// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_WHY_ROUNDS_H
#define TCPINFO_ANALYSIS_WHY_ROUNDS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/why/sample.h"

namespace tcpinfo::analysis::why {

/// What the samples of a round have shown on the way; that it begins with is not among them.
struct round_signs {
  std::uint32_t samples = 0;
  std::uint32_t starved = 0;        ///< all that was written was sent, and more would have fitted
  std::uint32_t buffer_full = 0;    ///< of these: the send buffer took no more
  std::uint32_t window_closed = 0;  ///< the peer's window took no segment, or was probed for
  std::uint32_t unread = 0;         ///< most of the receive buffer had not been read
  std::uint32_t tails = 0;          ///< sent again while only the last data was outstanding
  std::uint32_t bbr_probes = 0;     ///< BBR's gain was not one: it looked for more, or made room
  std::uint32_t bbr_phases = 0;     ///< BBR drained its queue, or looked for the lowest round trip
  bool had_more = false;            ///< written data waited to be sent
  bool receive_full = false;        ///< the receive buffer took no more
  bool timed_out = false;           ///< a timeout had not been made good
  std::uint64_t most_rtt_us = 0;
  std::uint64_t least_snd_wnd = ~std::uint64_t{0};
  std::uint64_t most_snd_wnd = 0;
  std::uint64_t most_cwnd = 0;
  std::uint64_t most_rqueue = 0;
  std::uint64_t window_falls = 0;  ///< bytes that the peer's window shrank by, in all
  std::int64_t nagle_ns = 0;  ///< a small segment waited for the acknowledgement of the one before

  void merge(const round_signs& later) noexcept;
};

/// One round: from the last sample of the one before to `last`.
struct round {
  sample last;
  round_signs signs;
};

/// Whether the handshake is not over in that state.
[[nodiscard]] bool is_opening(tcp_state state) noexcept;
/// Whether all that was written is sent, and too few segments are outstanding for three duplicates
/// to tell of a loss.
[[nodiscard]] bool is_tail(const sample& s) noexcept;
/// Whether a segment that is not full waits until the one before is acknowledged.
[[nodiscard]] bool is_held_by_nagle(const sample& s) noexcept;

/// Whether BBR drains the queue that its startup made.
[[nodiscard]] bool is_bbr_draining(const sample& s) noexcept;
/// Whether it does that, or sends four segments a round trip to see the lowest round-trip time.
[[nodiscard]] bool is_bbr_phase(const sample& s) noexcept;

/// Cuts a connection's samples into rounds of at least one round trip and some steps of the
/// chronographs. Memory: some 500 bytes a round, thresholds::most_rounds of them at most. Give
/// samples in the order of their times.
class round_cutter {
 public:
  void add(const sample& s);
  /// After the last sample: what is left becomes a round, or goes to the last one.
  void finish();

  [[nodiscard]] bool empty() const noexcept { return !begun_; }
  /// The sample that the first round begins with.
  [[nodiscard]] const sample& start() const noexcept { return start_; }
  /// The latest one.
  [[nodiscard]] const sample& latest() const noexcept { return latest_; }
  [[nodiscard]] const std::vector<round>& rounds() const noexcept { return rounds_; }
  /// How often a delayed acknowledgement held a small segment up.
  [[nodiscard]] std::size_t delayed_acks() const noexcept { return delayed_acks_; }

 private:
  [[nodiscard]] std::int64_t least_length() const noexcept;
  [[nodiscard]] const sample& begin_of_open() const noexcept {
    return rounds_.empty() ? start_ : rounds_.back().last;
  }
  void note(const sample& s);
  void close();
  void halve();

  sample start_;
  sample latest_;
  round_signs open_;  // of the round that is not closed yet
  std::vector<round> rounds_;
  std::int64_t shortest_ns_ = 0;  // grows when rounds are put together
  std::int64_t nagle_since_ns_ = 0;
  std::size_t delayed_acks_ = 0;
  bool begun_ = false;
};

}  // namespace tcpinfo::analysis::why

#endif
