// SPDX-License-Identifier: Apache-2.0
//
// The segments in the output directory, by the writers that wrote them, as far as they are not
// acknowledged yet.
#ifndef TCPINFO_COLLECT_PUBLISHING_SEGMENT_STREAMS_H
#define TCPINFO_COLLECT_PUBLISHING_SEGMENT_STREAMS_H

#include <cstdint>
#include <map>
#include <string>
#include <system_error>

#include "collect/os/os.h"
#include "collect/publishing/cursor.h"

namespace tcpinfo::collect {

struct found_segment {
  std::string path;    ///< of the complete one
  bool whole = false;  ///< it is complete; else the file is called .part
};
/// By number.
using segment_stream = std::map<std::uint64_t, found_segment>;
using segment_streams = std::map<stream_key, segment_stream>;

/// Looks at all folders of days. Segments that could not be read are among them. Streams of which
/// every segment is acknowledged are there, too, empty. Throws std::bad_alloc.
[[nodiscard]] std::error_code find_segments(os& system, const std::string& output,
                                            const stream_positions& acknowledged,
                                            segment_streams& out);

}  // namespace tcpinfo::collect

#endif
