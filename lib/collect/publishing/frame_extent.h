// SPDX-License-Identifier: Apache-2.0
//
// How many bytes a zstd frame has (RFC 8878, section 3.1), without decoding it.
#ifndef TCPINFO_COLLECT_PUBLISHING_FRAME_EXTENT_H
#define TCPINFO_COLLECT_PUBLISHING_FRAME_EXTENT_H

#include <tcpinfo/bytes.h>

#include <cstddef>

namespace tcpinfo::collect {

struct frame_extent {
  enum class form {
    frame,
    skippable,
    unfinished,  ///< the bytes end inside of it
    none,        ///< no frame begins there
  };
  form what = form::none;
  std::size_t size = 0;  ///< of the first two; of an unfinished one, how many it has at least
};

[[nodiscard]] frame_extent measure_frame(bytes_view bytes) noexcept;

}  // namespace tcpinfo::collect

#endif
