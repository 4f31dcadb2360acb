// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/frame_extent.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "common/zstd_magic.h"

namespace tcpinfo::collect {
namespace {

using form = frame_extent::form;

std::uint32_t number_at(bytes_view bytes, std::size_t at, std::size_t size) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = size; i > 0; --i)
    value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i - 1]);
  return value;
}

std::size_t header_size(unsigned descriptor) noexcept {
  constexpr std::size_t dictionary[] = {0, 1, 2, 4};
  constexpr std::size_t content[] = {0, 2, 4, 8};
  const bool single = (descriptor & 0x20U) != 0;
  std::size_t size = zstd_magic::size + 1 + (single ? 0U : 1U) + dictionary[descriptor & 3U];
  size += content[descriptor >> 6U];
  return size + (single && descriptor >> 6U == 0 ? 1U : 0U);
}

}  // namespace

frame_extent measure_frame(bytes_view bytes) noexcept {
  if (bytes.empty()) return {form::unfinished, 1};
  if (!zstd_magic::may_begin(bytes)) {
    // One byte of a skippable one is a letter like any other; the next will tell.
    const bool may = bytes.size() == 1 && zstd_magic::agrees_with_skippable(bytes, 1);
    return {may ? form::unfinished : form::none, 2};
  }
  if (bytes.size() < zstd_magic::size + 1) return {form::unfinished, zstd_magic::size + 1};
  if (zstd_magic::is_skippable(bytes)) {
    constexpr std::size_t head = 8;
    if (bytes.size() < head) return {form::unfinished, head};
    // Their sum is beyond what some machines can address.
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    const std::uint64_t sum = head + std::uint64_t{number_at(bytes, zstd_magic::size, 4)};
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(sum, most));
    return {size <= bytes.size() ? form::skippable : form::unfinished, size};
  }
  const auto descriptor = std::to_integer<unsigned>(bytes[zstd_magic::size]);
  if ((descriptor & 8U) != 0) return {};  // reserved
  std::size_t at = header_size(descriptor);
  for (bool last = false; !last;) {
    if (bytes.size() < at + 3) return {form::unfinished, at + 3};
    const std::uint32_t block = number_at(bytes, at, 3);
    const std::uint32_t type = block >> 1 & 3U;
    if (type == 3) return {};
    last = (block & 1U) != 0;
    at += 3 + (type == 1 ? 1 : block >> 3);
  }
  at += (descriptor & 4U) != 0 ? 4 : 0;
  return {at <= bytes.size() ? form::frame : form::unfinished, at};
}

}  // namespace tcpinfo::collect
