// SPDX-License-Identifier: Apache-2.0
//
// What the records of a writer tell, for the metrics.
#ifndef TCPINFO_COLLECT_WRITING_RECORD_OBSERVER_H
#define TCPINFO_COLLECT_WRITING_RECORD_OBSERVER_H

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>

#include <array>
#include <cstdint>
#include <memory>

#include "collect/telemetry/observations.h"
#include "collect/writing/snapshot_header.h"
#include "collect/writing/traffic_observer.h"
#include "common/attribute_headers.h"

namespace tcpinfo::collect {

/// The totals seen of one connection.
struct observed_flow {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  bool counted = false;                       ///< there was a message with both
  std::unique_ptr<observed_traffic> traffic;  ///< null where nobody wants to know
};

/// Looks at what a writer takes. One for each writer.
class record_observer {
 public:
  /// `traffic`: told of each record, too; may be null. Both outlive it.
  explicit record_observer(observations& to, traffic_observer* traffic = nullptr) noexcept
      : to_(to), traffic_(traffic) {}
  /// Adds the growth that a message of `flow` tells. Growth before a connection was seen does not
  /// count (snapshot_header::may_be_old).
  /// @return a number that all messages have whose attributes have the same headers as this one's;
  /// 0 where it cannot be compared with others
  std::uint64_t look(observed_flow& flow, const snapshot_header& header,
                     bytes_view message) noexcept;
  /// Tells the world of the bytes that look() has added.
  void publish() noexcept;

 private:
  /// All that is known of a message by the types and lengths of its attributes alone. Most
  /// messages have those of the one before.
  struct shape {
    std::uint32_t info_at = 0;  ///< where the payload of INFO starts; 0: there is none
    std::uint32_t info_size = 0;
    std::uint64_t large = 0;               ///< types, a bit each
    std::array<std::uint16_t, 8> skipped;  ///< types
    std::size_t skipped_count = 0;
  };

  void take_shape(bytes_view message) noexcept;
  void count_skipped(std::uint16_t type) noexcept;

  observations& to_;
  traffic_observer* const traffic_;
  snapshot decoded_;
  shape last_;
  attribute_headers headers_;  // of the message that last_ is of
  std::uint64_t shapes_ = 0;   // so many were taken
  // Added since publish(): what all threads read is touched once for many records.
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace tcpinfo::collect

#endif
