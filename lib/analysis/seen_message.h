// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_SEEN_MESSAGE_H
#define TCPINFO_ANALYSIS_SEEN_MESSAGE_H

#include <tcpinfo/archive.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/message.h>

#include <cstdint>
#include <string_view>

#include "analysis/packed_time.h"

namespace tcpinfo::analysis {

/// What a summary is made of: a message and what its record says besides. A view: valid as long as
/// the message's bytes.
struct seen_message {
  message m;
  bytes_view info;               ///< payload of INFO; without data where there is none
  std::string_view cong;         ///< congestion control; empty where the message does not say it
  packed_time time;              ///< the zero time where unknown
  packed_time ended;             ///< as record_extras::ended
  std::int16_t time_offset = 0;  ///< minutes from UTC
  std::int16_t ended_offset = 0;
  std::uint32_t carried = 0;  ///< as record_extras::carried
};

/// Looks at the attributes of a message of at least 72 bytes; the times are the caller's to set.
[[nodiscard]] seen_message see(const message& m) noexcept;

/// The same of a record.
[[nodiscard]] inline seen_message see(const message& m, const timestamp& time,
                                      const timestamp& ended, std::uint32_t carried) noexcept {
  seen_message seen = see(m);
  seen.time = packed_time(time);
  seen.time_offset = offset_minutes(time);
  if (!ended.is_zero()) {
    seen.ended = packed_time(ended);
    seen.ended_offset = offset_minutes(ended);
  }
  seen.carried = carried;
  return seen;
}

}  // namespace tcpinfo::analysis

#endif
