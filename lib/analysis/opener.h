// SPDX-License-Identifier: Apache-2.0
//
// Which end opened a connection. bytes_acked counts the SYN of the end that connected, and the FIN
// of either: one more than the data is the one or the other. Which, the state of the same message
// does not tell: the kernel reads it before it takes the socket's lock for the counters, and the
// FIN may go out and be acknowledged in between.
#ifndef TCPINFO_ANALYSIS_OPENER_H
#define TCPINFO_ANALYSIS_OPENER_H

#include <cstdint>
#include <optional>

#include "analysis/flow_totals.h"
#include "analysis/packed_time.h"

namespace tcpinfo::analysis {

/// Collects what the records of one connection tell of it, in any order.
class opener {
 public:
  /// A state read at `time` or before: the message's own, or that in tcp_info.
  void saw_state(std::uint8_t state, packed_time time);
  /// Counters read after the states of the same record. `end`: of the socket's end.
  void saw_totals(const flow_totals& t, bool end, packed_time time);
  /// What another one collected of later records.
  void append(const opener& later);

  /// Whether this end connected: acked counts a SYN. nullopt where the records leave it open.
  [[nodiscard]] std::optional<bool> is_this_end() const noexcept;

  /// All that it knows. Bits are below 32.
  struct stored {
    packed_time first_time;
    packed_time before_fin;
    std::uint64_t first_acked = 0;
    std::uint64_t most_acked = 0;
    std::uint64_t most_unique = 0;
    std::uint32_t bits = 0;
  };
  [[nodiscard]] stored save() const noexcept;
  void load(const stored& from) noexcept;

 private:
  // When one more than the data was acknowledged first, and how much.
  packed_time first_time_;
  std::uint64_t first_acked_ = 0;  // 0: never
  packed_time before_fin_;         // the last state in which our FIN was not yet sent; zero: none
  std::uint64_t most_acked_ = 0;
  std::uint64_t most_unique_ = 0;
  bool sent_syn_ = false;            // seen in SYN_SENT
  bool two_more_ = false;            // SYN and FIN
  bool none_more_ = false;           // no SYN, as nothing was in flight
  std::optional<bool> by_segments_;  // what segments tell
};

}  // namespace tcpinfo::analysis

#endif
