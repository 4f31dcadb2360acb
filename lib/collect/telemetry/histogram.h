// SPDX-License-Identifier: Apache-2.0
//
// A distribution as Prometheus wants it: counts below fixed bounds, and a sum.
#ifndef TCPINFO_COLLECT_TELEMETRY_HISTOGRAM_H
#define TCPINFO_COLLECT_TELEMETRY_HISTOGRAM_H

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>

namespace tcpinfo::collect {

/// Any thread. No allocation.
class histogram {
 public:
  static constexpr std::size_t max_bounds = 63;

  /// @param bounds upper ones, inclusive, ascending, at most max_bounds, static. A value above the
  /// last has a bucket of its own.
  explicit histogram(std::span<const double> bounds) noexcept : bounds_(bounds) {}

  /// @return the number of its bucket
  std::size_t add(double value) noexcept {
    const auto at = static_cast<std::size_t>(
        std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin());
    buckets_[at].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
    return at;
  }

  [[nodiscard]] std::span<const double> bounds() const noexcept { return bounds_; }
  /// Of the values in bucket `i`, which is above all bounds for i = bounds().size().
  [[nodiscard]] std::uint64_t count(std::size_t i) const noexcept {
    return buckets_[i].load(std::memory_order_relaxed);
  }
  [[nodiscard]] double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::span<const double> bounds_;
  std::array<std::atomic<std::uint64_t>, max_bounds + 1> buckets_{};
  std::atomic<double> sum_{0};
};

}  // namespace tcpinfo::collect

#endif
