// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/block_kinds.h"

#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/zstd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tcpinfo::collect {
namespace {

// What a block's head says in any version (docs/segment.md).
constexpr std::size_t head_size = 40;
constexpr std::size_t kind_at = 9;
constexpr std::size_t size_at = 12;
constexpr unsigned kind_records = 1;
constexpr unsigned kind_summaries = 2;

// Fills `to`, as far as there is something to read.
std::error_code fill(stream_reader& from, std::span<std::byte> to, std::size_t& size) {
  for (size = 0; size < to.size();) {
    std::size_t n = 0;
    if (const auto ec = from.read(to.subspan(size), n)) return ec;
    if (n == 0) break;
    size += n;
  }
  return {};
}

}  // namespace

std::error_code know_all_kinds(int fd) {
  stream_reader content;
  if (const auto ec = content.open_fd(fd)) return ec;
  std::array<std::byte, 16384> buffer;
  const auto number_at = [&buffer](std::size_t at) {
    return std::to_integer<std::uint32_t>(buffer[at]);
  };
  for (;;) {
    std::size_t n = 0;
    if (const auto ec = fill(content, std::span(buffer).first(head_size), n)) return ec;
    if (n == 0) return {};
    if (n < head_size || !is_segment(bytes_view(buffer).first(n))) return errc::bad_block;
    const std::uint32_t kind = number_at(kind_at);
    if (kind != kind_records && kind != kind_summaries) return errc::unknown_feature;
    std::size_t left = 0;
    for (std::size_t i = 4; i-- > 0;) left = left << 8U | number_at(size_at + i);
    if (left < head_size) return errc::bad_block;
    for (left -= head_size; left > 0; left -= n) {
      const std::size_t most = std::min(left, buffer.size());
      if (const auto ec = fill(content, std::span(buffer).first(most), n)) return ec;
      if (n < most) return errc::bad_block;
    }
  }
}

}  // namespace tcpinfo::collect
