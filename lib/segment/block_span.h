// SPDX-License-Identifier: Apache-2.0
//
// What the index says of a block.
#ifndef TCPINFO_SEGMENT_BLOCK_SPAN_H
#define TCPINFO_SEGMENT_BLOCK_SPAN_H

#include <cstdint>
#include <limits>

namespace tcpinfo::inline v0::segment_format {

struct block_span {
  std::uint64_t offset = 0;      ///< in the file
  std::uint64_t size = 0;        ///< there
  std::uint64_t summarized = 0;  ///< records that its summaries tell of
  std::uint32_t records = 0;     ///< or summaries
  bool is_summaries = false;     ///< it holds summaries, of which times are not known
  bool has_others = false;       ///< lines, or archives whose UUID has no cookie
  // Where there is no message, or no cookie, the lowest is above the highest.
  std::int64_t first_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t last_ns = std::numeric_limits<std::int64_t>::min();
  std::uint64_t lowest_cookie = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t highest_cookie = 0;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
