// SPDX-License-Identifier: Apache-2.0
#include "zstd/find_frame.h"

#include <algorithm>

#include "common/zstd_magic.h"
#include "zstd/frame_head.h"

namespace tcpinfo::inline v0 {
namespace {

constexpr std::uint64_t max_skippable = std::uint64_t{64} << 10;

std::error_code is_frame(input_window& input, std::uint64_t at, std::uint64_t keep,
                         bool& yes) noexcept {
  if (const auto ec = input.need(at + max_head_size, keep)) return ec;
  yes = is_plausible_frame(input.from(at));
  return {};
}

std::error_code is_skippable_frame(input_window& input, std::uint64_t at, std::uint64_t keep,
                                   bool& yes) noexcept {
  yes = false;
  if (const auto ec = input.need(at + skippable_head_size, keep)) return ec;
  if (input.from(at).size() < skippable_head_size) return {};
  const std::uint64_t content = skippable_content_size(input.from(at));
  if (content > max_skippable) return {};
  const std::uint64_t end = at + skippable_head_size + content;
  if (const auto ec = input.need(end + zstd_magic::size, keep)) return ec;
  if (input.end() < end) return {};
  const bytes_view behind = input.from(end);
  yes = behind.empty() || zstd_magic::is_frame(behind) || zstd_magic::is_skippable(behind);
  return {};
}

}  // namespace

std::error_code find_frame(input_window& input, std::uint64_t from, std::uint64_t limit,
                           std::uint64_t hold, std::uint64_t& found) noexcept {
  found = no_frame;
  for (std::uint64_t at = from; at < limit;) {
    if (const auto ec = input.need(at + zstd_magic::size, std::min(at, hold))) return ec;
    bytes_view bytes = input.from(std::min(at, input.end()));
    while (bytes.size() >= zstd_magic::size && at < limit && !zstd_magic::is_frame(bytes) &&
           !zstd_magic::is_skippable(bytes)) {
      bytes = bytes.subspan(1);
      ++at;
    }
    if (at >= limit) return {};
    if (bytes.size() < zstd_magic::size) {
      if (input.at_end()) return {};
      continue;
    }
    bool yes = false;
    const std::uint64_t keep = std::min(at, hold);
    const bool skippable = !zstd_magic::is_frame(bytes);
    const std::error_code ec =
        skippable ? is_skippable_frame(input, at, keep, yes) : is_frame(input, at, keep, yes);
    if (ec) return ec;
    if (yes) {
      found = at;
      return {};
    }
    ++at;
  }
  return {};
}

}  // namespace tcpinfo::inline v0
