// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_SEEN_MESSAGE_H
#define TCPINFO_ANALYSIS_SEEN_MESSAGE_H

#include <tcpinfo/archive.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/message.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "analysis/name_pool.h"
#include "analysis/packed_time.h"
#include "common/attribute_headers.h"

namespace tcpinfo::analysis {

/// What a summary is made of: a message and what its record says besides. A view: valid as long as
/// the message's bytes.
struct seen_message {
  message m;
  bytes_view info;                       ///< payload of INFO; without data where there is none
  packed_time time;                      ///< the zero time where unknown
  packed_time ended;                     ///< as record_extras::ended
  std::uint32_t carried = 0;             ///< as record_extras::carried
  name_pool::id cong = name_pool::none;  ///< congestion control; none: the message does not say
  std::int16_t time_offset = 0;          ///< minutes from UTC
  std::int16_t ended_offset = 0;
  bool bbr = false;  ///< the congestion control is BBR, of any version
};

/// Looks at messages. One thread at a time.
class message_eye {
 public:
  /// `names`, which must outlive this, takes the names of congestion controls.
  explicit message_eye(name_pool& names) noexcept : names_(names) {}

  /// Looks at the attributes of a message of at least 72 bytes. The rest is the caller's to set.
  /// `number`: where the caller has compared messages already, a number that all messages have
  /// whose attributes have the same headers; 0 where it has not.
  [[nodiscard]] seen_message see(const message& m, std::uint64_t number = 0) {
    seen_message seen;
    seen.m = m;
    if (number == 0 || number != number_) {
      if (!headers_.are_of(m.bytes)) take_shape(m);
      number_ = number;
    }
    if (last_.info_at != 0) seen.info = m.bytes.subspan(last_.info_at, last_.info_size);
    if (last_.cong_at != 0) {
      seen.cong = name_in(m.bytes.subspan(last_.cong_at, last_.cong_size));
      seen.bbr = is_bbr_;
    }
    return seen;
  }
  /// The same of a record.
  [[nodiscard]] seen_message see(const message& m, const timestamp& time, const timestamp& ended,
                                 std::uint32_t carried) {
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

 private:
  /// What is told by the types and lengths of a message's attributes. Most messages have those of
  /// the one before.
  struct shape {
    std::uint32_t info_at = 0;  ///< 0: there is none
    std::uint32_t info_size = 0;
    std::uint32_t cong_at = 0;
    std::uint32_t cong_size = 0;
  };

  void take_shape(const message& m) noexcept;
  [[nodiscard]] name_pool::id name_in(bytes_view payload);

  name_pool& names_;
  shape last_;
  attribute_headers headers_;            // of the message that last_ is of
  std::uint64_t number_ = 0;             // the caller's of it; 0: none
  std::array<std::uint64_t, 2> cong_{};  // payload of the latest, zeros behind
  name_pool::id cong_id_ = name_pool::none;
  bool is_bbr_ = false;  // what name_in() was given last
};

}  // namespace tcpinfo::analysis

#endif
