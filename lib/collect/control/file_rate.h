// SPDX-License-Identifier: Apache-2.0
//
// Says once that there is --layout segments, where files of connections are so many that it would
// be cheaper.
#ifndef TCPINFO_COLLECT_CONTROL_FILE_RATE_H
#define TCPINFO_COLLECT_CONTROL_FILE_RATE_H

#include <cstdint>

#include "collect/config.h"
#include "collect/telemetry/statistics.h"

namespace tcpinfo::collect {

/// One thread's. It looks at stretches of five seconds, for files are made in bursts; a minute of
/// them in a row is no start with many connections open, and no rotation of these.
class file_rate {
 public:
  file_rate(const config& settings, const statistics& counts, std::int64_t now_ns) noexcept
      : counts_(counts), wanted_(settings.layout == layout::connections), since_ns_(now_ns) {}

  /// Now and then.
  void look(std::int64_t now_ns) noexcept;

 private:
  const statistics& counts_;
  bool wanted_;
  std::int64_t since_ns_;    // of the stretch, monotonic
  std::uint64_t files_ = 0;  // at its beginning
  std::int64_t busy_ns_ = 0;
};

}  // namespace tcpinfo::collect

#endif
