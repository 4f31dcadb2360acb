// SPDX-License-Identifier: Apache-2.0
//
// What the connections with one set of labels come to.
#ifndef TCPINFO_COLLECT_TELEMETRY_TRAFFIC_SERIES_H
#define TCPINFO_COLLECT_TELEMETRY_TRAFFIC_SERIES_H

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "analysis/closing.h"
#include "analysis/why/cause.h"
#include "collect/telemetry/histogram.h"
#include "collect/telemetry/statistics.h"
#include "collect/traffic_labels.h"

namespace tcpinfo::collect {

/// By traffic_label; empty where the label is not wanted.
using label_values = std::array<std::string, traffic_label_names.size()>;

/// An observation, by the connection that it is of.
struct traffic_exemplar {
  std::string uuid;  ///< empty: none yet
  double value = 0;
  std::int64_t time_ns = 0;  ///< since 1970
};

/// A distribution, and of each bucket the latest observation. Any thread.
class traffic_distribution {
 public:
  explicit traffic_distribution(std::span<const double> bounds) noexcept : values_(bounds) {}

  /// May throw std::bad_alloc: then the observation counts, and is no exemplar.
  void add(double value, std::int64_t time_ns, std::string_view uuid);
  [[nodiscard]] const histogram& values() const noexcept { return values_; }
  /// By bucket; empty where nothing was observed.
  [[nodiscard]] std::vector<traffic_exemplar> exemplars() const;

 private:
  histogram values_;
  mutable std::mutex mutex_;
  std::vector<traffic_exemplar> exemplars_;
};

inline constexpr std::size_t closings = static_cast<std::size_t>(analysis::closing::unknown) + 1;

/// Any thread.
class traffic_series {
 public:
  explicit traffic_series(label_values of) noexcept;

  const label_values labels;
  counter opened;  ///< connections whose beginning was seen
  std::array<counter, closings> closed;
  std::atomic<std::int64_t> open{0};
  counter segments_sent;
  counter segments_retransmitted;
  counter segments_spurious;           ///< that the other end had already, as its DSACKs told
  traffic_distribution rtt, min_rtt;   ///< s
  traffic_distribution lifetime;       ///< s
  traffic_distribution delivery_rate;  ///< byte/s
  std::array<counter, analysis::why::cause_count> cause_ns;  ///< connection-nanoseconds
  std::atomic<std::int64_t> last_used_ns{0};  ///< when a connection of it opened or closed last
};

}  // namespace tcpinfo::collect

#endif
