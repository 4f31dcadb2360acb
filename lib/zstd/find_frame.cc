// SPDX-License-Identifier: Apache-2.0
#include "zstd/find_frame.h"

#include <algorithm>

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
  if (const auto ec = input.need(end + magic_size, keep)) return ec;
  if (input.end() < end) return {};
  const bytes_view behind = input.from(end);
  yes = behind.empty() || is_frame_magic(behind) || is_skippable_magic(behind);
  return {};
}

}  // namespace

std::error_code find_frame(input_window& input, std::uint64_t from, std::uint64_t limit,
                           std::uint64_t hold, std::uint64_t& found) noexcept {
  found = no_frame;
  for (std::uint64_t at = from; at < limit;) {
    if (const auto ec = input.need(at + magic_size, std::min(at, hold))) return ec;
    bytes_view bytes = input.from(std::min(at, input.end()));
    while (bytes.size() >= magic_size && at < limit && !is_frame_magic(bytes) &&
           !is_skippable_magic(bytes)) {
      bytes = bytes.subspan(1);
      ++at;
    }
    if (at >= limit) return {};
    if (bytes.size() < magic_size) {
      if (input.at_end()) return {};
      continue;
    }
    bool yes = false;
    const std::uint64_t keep = std::min(at, hold);
    const bool skippable = !is_frame_magic(bytes);
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
