// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <new>

#include <tcpinfo/zstd.h>

#include "common/known_part.h"

namespace tcpinfo::inline v0 {
namespace {

std::error_code scan(stream_reader& reader, frame_scan& out) noexcept {
  frame_scan found;
  if (out.size < sizeof out.size) return errc::invalid_argument;
  constexpr std::size_t scratch_size = std::size_t{128} << 10;
  const std::unique_ptr<std::byte[]> scratch(new (std::nothrow) std::byte[scratch_size]);
  if (!scratch) return errc::out_of_memory;
  for (;;) {
    std::size_t n = 0;
    const std::error_code ec = reader.read({scratch.get(), scratch_size}, n);
    if (ec && ec.category() != error_category()) return ec;
    if (ec) found.fault = static_cast<errc>(ec.value());
    if (ec || n == 0 || !reader.is_zstd()) break;
  }
  found.is_zstd = reader.is_zstd();
  found.frames = reader.frames();
  found.whole_end = reader.whole_frames_end();
  found.content_bytes = reader.whole_frames_content();
  fill_known(out, found);
  return {};
}

}  // namespace

std::error_code scan_frames(int fd, frame_scan& out) noexcept {
  stream_reader reader;
  if (const std::error_code ec = reader.open_fd(fd)) return ec;
  return scan(reader, out);
}

std::error_code scan_frames(bytes_view bytes, frame_scan& out) noexcept {
  stream_reader reader;
  if (const std::error_code ec = reader.open_memory(bytes)) return ec;
  return scan(reader, out);
}

}  // namespace tcpinfo::inline v0
