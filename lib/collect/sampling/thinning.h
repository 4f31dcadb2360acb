// SPDX-License-Identifier: Apache-2.0
//
// Which changes of a connection become records where there is to be one record in a time: the first
// minute of its life is kept whole, and whatever tells of trouble always.
#ifndef TCPINFO_COLLECT_SAMPLING_THINNING_H
#define TCPINFO_COLLECT_SAMPLING_THINNING_H

#include <tcpinfo/message.h>

#include <cstdint>
#include <unordered_map>

#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// One sampler's, on its thread. Times are monotonic, those of polls.
class thinning {
 public:
  /// So long after a connection was first seen nothing of it is left out.
  static constexpr std::int64_t whole_ns = 60'000'000'000;

  /// What is known of a connection.
  struct flow {
    std::int64_t first_ns = 0;     ///< when it was first seen
    std::int64_t recorded_ns = 0;  ///< its last record
    std::uint32_t left_out = 0;    ///< changes since
    // Of the last of these: what its record would have said.
    std::int64_t left_out_time_ns = 0;
    std::uint64_t left_out_poll = 0;
  };

  /// @param every_ns 0: nothing is left out, and nothing is kept here
  /// @param counted changes that are in no record; outlives it. The last one that was left out of a
  /// connection is counted when it is certain that it never will be in one.
  thinning(std::int64_t every_ns, counter& counted) noexcept
      : every_ns_(every_ns), counted_(counted) {}
  ~thinning() { end(); }
  thinning(const thinning&) = delete;
  thinning& operator=(const thinning&) = delete;

  [[nodiscard]] bool is_on() const noexcept { return every_ns_ > 0; }
  /// A connection's first record was made. Where memory runs out nothing of it is left out.
  void begin(std::uint64_t cookie, std::int64_t now_ns) noexcept;
  /// nullptr where it is not known; valid until it is forgotten.
  [[nodiscard]] flow* find(std::uint64_t cookie) noexcept {
    if (!is_on()) return nullptr;
    const auto found = flows_.find(cookie);
    return found == flows_.end() ? nullptr : &found->second;
  }
  /// Whether the time alone makes a record of the next change.
  [[nodiscard]] bool is_due(const flow& f, std::int64_t now_ns) const noexcept {
    return now_ns - f.first_ns < whole_ns || now_ns - f.recorded_ns >= every_ns_;
  }
  /// A change makes no record when it comes; what it would have said.
  void leave_out(flow& f, std::int64_t time_ns, std::uint64_t poll) noexcept {
    if (f.left_out++ > 0) counted_.add();
    f.left_out_time_ns = time_ns;
    f.left_out_poll = poll;
  }
  /// The next change has made one, which told how many were left out.
  void recorded(flow& f, std::int64_t now_ns) noexcept {
    settle(f);
    f.recorded_ns = now_ns;
  }
  /// What was left out last has become one after all, which told of those before it.
  void recorded_late(flow& f) noexcept { f.left_out = 0; }
  /// It has ended, or is another one from now on.
  void forget(std::uint64_t cookie) noexcept {
    flow* const f = find(cookie);
    if (f == nullptr) return;
    settle(*f);
    flows_.erase(cookie);
  }
  /// No more changes come.
  void end() noexcept {
    for (auto& [cookie, f] : flows_) settle(f);
  }

 private:
  void settle(flow& f) noexcept {
    if (f.left_out > 0) counted_.add();
    f.left_out = 0;
  }

  const std::int64_t every_ns_;
  counter& counted_;
  std::unordered_map<std::uint64_t, flow> flows_;
};

/// Whether a change from one message of a connection to the next is a record whatever the time: of
/// the state, of ca_state, or of what counts retransmissions, DSACKs and losses.
[[nodiscard]] bool tells_of_trouble(const message& before, const message& now) noexcept;

}  // namespace tcpinfo::collect

#endif
