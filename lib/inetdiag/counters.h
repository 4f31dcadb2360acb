// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_INETDIAG_COUNTERS_H
#define TCPINFO_INETDIAG_COUNTERS_H

#include <tcpinfo/inetdiag.h>

#include <array>

namespace tcpinfo::inline v0 {

/// One value for each dump_counter.
class dump_counters {
 public:
  [[nodiscard]] std::int64_t& operator[](dump_counter which) noexcept {
    return values_[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] std::int64_t get(dump_counter which) const noexcept {
    const auto at = static_cast<std::size_t>(which);
    return at < values_.size() ? values_[at] : 0;
  }
  void reset() noexcept { values_ = {}; }

 private:
  std::array<std::int64_t, static_cast<std::size_t>(dump_counter::dropped) + 1> values_{};
};

}  // namespace tcpinfo::inline v0

#endif
