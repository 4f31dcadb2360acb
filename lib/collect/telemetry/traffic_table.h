// SPDX-License-Identifier: Apache-2.0
//
// The series of all connections, by their labels; never more of them than the operator allows.
#ifndef TCPINFO_COLLECT_TELEMETRY_TRAFFIC_TABLE_H
#define TCPINFO_COLLECT_TELEMETRY_TRAFFIC_TABLE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collect/telemetry/statistics.h"
#include "collect/telemetry/traffic_series.h"
#include "collect/traffic_labels.h"

namespace tcpinfo::collect {

/// What a label says that has more values than are told apart.
inline constexpr std::string_view other_value = "other";
/// What it says where the connection has none, or none that is known.
inline constexpr std::string_view unknown_value = "unknown";

/// Any thread.
class traffic_table {
 public:
  /// Series without connections are kept so long, that a scraper sees what came last.
  static constexpr std::int64_t unused_ns = 600'000'000'000;

  explicit traffic_table(const traffic_labels& wanted) noexcept : wanted_(wanted) {}

  /// The series for a connection with these values; where there would be too many, one that has
  /// `other_value` in place of some, which is counted. Series that nobody has used for long make
  /// room. `now_ns`: since 1970. May throw std::bad_alloc.
  [[nodiscard]] std::shared_ptr<traffic_series> get(label_values values, std::int64_t now_ns);
  [[nodiscard]] std::vector<std::shared_ptr<traffic_series>> all() const;
  [[nodiscard]] const traffic_labels& wanted() const noexcept { return wanted_; }
  /// How many series there may be, but the one that has `other_value` in all labels.
  [[nodiscard]] std::size_t limit() const noexcept { return 4 * wanted_.limit; }
  /// Connections that got `other_value` in this label.
  [[nodiscard]] const counter& others(traffic_label label) const noexcept {
    return others_[static_cast<std::size_t>(label)];
  }

 private:
  using all_series = std::map<label_values, std::shared_ptr<traffic_series>>;

  [[nodiscard]] bool is_full_for(const label_values& values) const;
  void make_room(std::int64_t now_ns);

  const traffic_labels wanted_;
  mutable std::mutex mutex_;
  all_series series_;
  // Of each label: how many series have a value.
  std::array<std::unordered_map<std::string, std::size_t>, traffic_label_names.size()> used_;
  std::int64_t next_room_ns_ = 0;
  std::array<counter, traffic_label_names.size()> others_;
};

}  // namespace tcpinfo::collect

#endif
