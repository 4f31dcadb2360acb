// SPDX-License-Identifier: Apache-2.0
//
// A connection's rounds, and what all rules ask of them.
#ifndef TCPINFO_ANALYSIS_WHY_LIFE_H
#define TCPINFO_ANALYSIS_WHY_LIFE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "analysis/why/cause.h"
#include "analysis/why/rounds.h"
#include "analysis/why/sample.h"

namespace tcpinfo::analysis::why {

/// What the chronographs say of a round, in nanoseconds; together they are its length.
struct split {
  std::int64_t idle = 0;    ///< nothing to be sent, nothing unacknowledged
  std::int64_t window = 0;  ///< stalled by the peer's window
  std::int64_t buffer = 0;  ///< stalled by the send buffer
  std::int64_t rest = 0;    ///< the congestion window, pacing, or the path: to be inferred
  bool told = false;        ///< else the fields are missing or too coarse, and all is `rest`
};

/// The rounds of one connection. A view of a round_cutter, which must outlive it.
class life {
 public:
  explicit life(const round_cutter& cut);

  [[nodiscard]] std::size_t size() const noexcept { return cut_.rounds().size(); }
  [[nodiscard]] const sample& from(std::size_t i) const noexcept {
    return i == 0 ? cut_.start() : cut_.rounds()[i - 1].last;
  }
  [[nodiscard]] const sample& to(std::size_t i) const noexcept { return cut_.rounds()[i].last; }
  [[nodiscard]] const round_signs& signs(std::size_t i) const noexcept {
    return cut_.rounds()[i].signs;
  }
  [[nodiscard]] const sample& start() const noexcept { return cut_.start(); }
  [[nodiscard]] const sample& final() const noexcept { return to(size() - 1); }
  [[nodiscard]] std::int64_t length_ns(std::size_t i) const noexcept {
    return to(i).time_ns() - from(i).time_ns();
  }
  [[nodiscard]] std::size_t delayed_acks() const noexcept { return cut_.delayed_acks(); }

  [[nodiscard]] split split_of(std::size_t i) const noexcept;
  /// Whether a round has time that the rules for the network are to explain.
  [[nodiscard]] bool has_rest(std::size_t i) const noexcept { return split_of(i).rest > 0; }
  /// Whether the handshake was not over when it began.
  [[nodiscard]] bool is_opening(std::size_t i) const noexcept;
  /// Whether all data of the whole life had been sent when it began. One past the last round: at
  /// the end.
  [[nodiscard]] bool has_sent_all(std::size_t i) const noexcept;
  /// Whether the congestion control is BBR, as its own message says.
  [[nodiscard]] bool is_bbr() const noexcept { return bbr_; }

  /// The lowest round-trip time; nullopt where none was measured.
  [[nodiscard]] std::optional<std::uint64_t> base_rtt_us() const noexcept { return base_rtt_us_; }
  /// What the smoothed round-trip time at its end is above that.
  [[nodiscard]] std::uint64_t queue_us(std::size_t i) const noexcept;
  /// Whether that is of a queue that this flow fills: neither noise nor the path's own delay.
  [[nodiscard]] bool is_queued(std::size_t i) const noexcept;
  /// Whether a queue stood at its end that is long enough to tell a loss of it, however short it is
  /// beside the round trip, and whoever fills it.
  [[nodiscard]] bool is_behind_queue(std::size_t i) const noexcept;
  /// Acknowledged bytes a second, over the rounds around it.
  [[nodiscard]] double rate(std::size_t i) const noexcept { return rates_[i]; }
  [[nodiscard]] bool is_steady(std::size_t i) const noexcept;

 private:
  [[nodiscard]] bool has_queue(std::size_t i, double share) const noexcept;

  const round_cutter& cut_;
  std::optional<std::uint64_t> base_rtt_us_;
  std::vector<double> rates_;
  bool bbr_ = false;
  bool delayed_by_path_ = false;
};

/// The cause of each round's `rest`; none: no rule holds.
using labels = std::vector<cause>;

}  // namespace tcpinfo::analysis::why

#endif
