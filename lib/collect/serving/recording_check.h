// SPDX-License-Identifier: Apache-2.0
//
// Whether the collector records, told by its counters: what /readyz says.
#ifndef TCPINFO_COLLECT_SERVING_RECORDING_CHECK_H
#define TCPINFO_COLLECT_SERVING_RECORDING_CHECK_H

#include <cstdint>
#include <string_view>

#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// One thread. It compares with what it saw before, so that a fault that is over is forgotten.
class recording_check {
 public:
  explicit recording_check(const statistics& counts) noexcept : counts_(counts) {}

  /// Why nothing is recorded, or not everything; empty where all is well. `now_ns`: monotonic.
  [[nodiscard]] std::string_view why_not(std::int64_t now_ns) noexcept;

 private:
  const statistics& counts_;
  std::uint64_t failed_polls_ = 0;
  std::uint64_t good_polls_ = 0;
  std::uint64_t write_errors_ = 0;
  bool polls_fail_ = false;
  std::int64_t writes_fail_until_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
