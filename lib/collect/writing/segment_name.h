// SPDX-License-Identifier: Apache-2.0
//
// Names of the collector's segments, below the folder of the day:
//
//   <host>.<start>-<run>.<writer>.<number>.tcpseg.zst
//
// <start> is when the run began, 20260131T120000Z; <run> its number among the runs that have left
// segments in the output directory (sequence_index::run_number()); <number> counts the files of a
// writer.
#ifndef TCPINFO_COLLECT_WRITING_SEGMENT_NAME_H
#define TCPINFO_COLLECT_WRITING_SEGMENT_NAME_H

#include <cstdint>
#include <string>
#include <string_view>

namespace tcpinfo::collect {

/// What all segments of a run have in common: <host>.<start>-<run>. Of the host's name, characters
/// that are no letter, digit, point, - or _ become _, and no more than 128 bytes are taken. Throws
/// std::bad_alloc.
/// @param start_ns of the run, since 1970
[[nodiscard]] std::string segment_stem(std::string_view host, std::int64_t start_ns,
                                       std::uint64_t run);

/// The name of a complete one. Throws std::bad_alloc.
[[nodiscard]] std::string segment_name(std::string_view stem, unsigned writer,
                                       std::uint64_t number);

struct parsed_segment_name {
  std::string_view stem;  ///< segment_stem(); of the name that was parsed
  std::uint64_t run = 0;
  std::uint64_t writer = 0;
  std::uint64_t number = 0;
  bool partial = false;  ///< .part
};

/// Whether it is the name of a segment of ours, complete or not.
[[nodiscard]] bool parse_segment_name(std::string_view name, parsed_segment_name& out) noexcept;

/// Whether a path is that of any segment, of ours or packed, complete or not.
[[nodiscard]] bool is_segment_path(std::string_view path) noexcept;

}  // namespace tcpinfo::collect

#endif
