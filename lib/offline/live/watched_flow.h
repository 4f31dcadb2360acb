// SPDX-License-Identifier: Apache-2.0
//
// A connection that is looked at again and again, and what it did between two looks.
#ifndef TCPINFO_OFFLINE_LIVE_WATCHED_FLOW_H
#define TCPINFO_OFFLINE_LIVE_WATCHED_FLOW_H

#include <tcpinfo/inetdiag.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "analysis/why/sample.h"
#include "offline/live/limit.h"

namespace tcpinfo::offline {

/// The latest numbers of a row, the oldest first; those that are too many are forgotten.
class short_history {
 public:
  static constexpr std::size_t most = 60;

  void add(float value) noexcept {
    values_[end_] = value;
    end_ = (end_ + 1) % most;
    if (size_ < most) ++size_;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// `i` from 0, the oldest, below size().
  [[nodiscard]] float at(std::size_t i) const noexcept {
    return values_[(end_ + most - size_ + i) % most];
  }

 private:
  std::array<float, most> values_{};
  std::size_t end_ = 0;
  std::size_t size_ = 0;
};

/// What happened between two looks. What cannot be told is nullopt.
struct flow_step {
  std::int64_t begin_ns = 0;  ///< since 1970
  std::int64_t end_ns = 0;
  std::optional<double> sent;                  ///< bytes that the peer acknowledged, a second
  std::optional<double> received;              ///< bytes, a second
  std::optional<std::uint64_t> retransmitted;  ///< TCP segments
  std::optional<double> lost_share;            ///< of the TCP segments with data that were sent
  limit held_by = limit::unknown;

  /// Bytes a second, both ways.
  [[nodiscard]] double rate() const noexcept { return sent.value_or(0) + received.value_or(0); }
};

/// The step from one record to a later one of the same connection.
[[nodiscard]] flow_step step_between(const analysis::why::sample& before,
                                     const analysis::why::sample& now) noexcept;

struct watched_flow {
  socket_id id;
  std::string owner;  ///< who has the socket; empty: not known
  analysis::why::sample latest;
  flow_step step;  ///< up to `latest`
  short_history rates;
  std::uint64_t round = 0;  ///< in which it was seen last
};

}  // namespace tcpinfo::offline

#endif
