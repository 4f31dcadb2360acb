// SPDX-License-Identifier: Apache-2.0
//
// Whether the polling thread runs in real time: while its polls are brief.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_URGENCY_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_URGENCY_H

#include <cstdint>
#include <functional>
#include <utility>

namespace tcpinfo::collect {

/// One thread's.
class urgency {
 public:
  /// @param most_ns a poll that takes no longer is brief
  /// @param tell tells the system whether the calling thread is urgent; null: nobody is told
  urgency(std::int64_t most_ns, std::function<void(bool urgent)> tell)
      : most_ns_(static_cast<double>(most_ns)), tell_(std::move(tell)) {}

  /// Called before a poll begins: one that will not be brief must not begin in real time.
  void expect(double expected_ns) noexcept {
    if (expected_ns > most_ns_) return end();
    if (brief_polls_ < brief_before_urgent && ++brief_polls_ == brief_before_urgent && tell_)
      tell_(true);
  }
  /// The thread's next work may take long.
  void end() noexcept {
    if (std::exchange(brief_polls_, 0) >= brief_before_urgent && tell_) tell_(false);
  }

 private:
  // In a row: polls that are brief now and then are none to rely on.
  static constexpr int brief_before_urgent = 100;

  const double most_ns_;
  const std::function<void(bool)> tell_;
  int brief_polls_ = 0;
};

}  // namespace tcpinfo::collect

#endif
