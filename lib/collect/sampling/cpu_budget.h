// SPDX-License-Identifier: Apache-2.0
//
// Keeps the process below a share of processor time by polling less often. Time earns credit, work
// spends it, and the next poll waits until there is some again. What it holds back is bounded both
// ways: a quiet minute does not pay for a busy one, and no connection waits for a poll for ever.
#ifndef TCPINFO_COLLECT_SAMPLING_CPU_BUDGET_H
#define TCPINFO_COLLECT_SAMPLING_CPU_BUDGET_H

#include <algorithm>
#include <cstdint>

namespace tcpinfo::collect {

class cpu_budget {
 public:
  /// @param percent of one processor; 0: no limit
  /// @param interval_ns between polls; they come at least that often or once a second, whichever is
  /// longer, whatever the budget says
  cpu_budget(double percent, std::int64_t interval_ns) noexcept
      : share_(percent / 100), longest_ns_(std::max(interval_ns, horizon_ns)) {}

  /// After a poll.
  /// @param now_ns monotonic
  /// @param used_ns processor time of the whole process, all threads
  /// @return monotonic, before which no poll should begin
  [[nodiscard]] std::int64_t next_poll_ns(std::int64_t now_ns, std::int64_t used_ns) noexcept {
    if (share_ <= 0) return now_ns;
    if (begun_) {
      credit_ns_ +=
          share_ * static_cast<double>(now_ns - now_ns_) - static_cast<double>(used_ns - used_ns_);
      const double most = share_ * static_cast<double>(horizon_ns);
      credit_ns_ = std::clamp(credit_ns_, -share_ * static_cast<double>(longest_ns_), most);
    }
    begun_ = true;
    now_ns_ = now_ns;
    used_ns_ = used_ns;
    return credit_ns_ >= 0 ? now_ns : now_ns + static_cast<std::int64_t>(-credit_ns_ / share_);
  }

 private:
  static constexpr std::int64_t horizon_ns = 1'000'000'000;

  const double share_;
  const std::int64_t longest_ns_;
  bool begun_ = false;
  std::int64_t now_ns_ = 0;
  std::int64_t used_ns_ = 0;
  double credit_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
