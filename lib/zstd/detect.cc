// SPDX-License-Identifier: Apache-2.0
#include "zstd/detect.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/text_head.h"
#include "common/zstd_magic.h"
#include "zstd/find_frame.h"

namespace tcpinfo::inline v0 {
namespace {

// So much of the first line says whether it is one of an archive.
constexpr std::size_t first_line = 256;
constexpr std::uint64_t head_search = std::uint64_t{128} << 10;

std::string_view head_of(const input_window& input) noexcept {
  const bytes_view here = input.from(0);
  return as_text(here.first(std::min(here.size(), first_line)));
}

}  // namespace

std::error_code detect_zstd(input_window& input, bool& is_zstd) noexcept {
  if (const auto ec = input.need(zstd_magic::size, 0)) return ec;
  is_zstd = zstd_magic::may_begin(input.from(0));
  if (is_zstd || input.from(0).empty()) return {};
  // Noise may begin with a blank line as well.
  const auto has_line = [&input]() noexcept {
    return from_first_word(head_of(input)).find('\n') != std::string_view::npos;
  };
  while (head_of(input).size() < first_line && !input.at_end() && !has_line())
    if (const auto ec = input.fill(0)) return ec;
  const std::string_view text = from_first_word(head_of(input));
  const std::string_view line = text.substr(0, text.find('\n'));
  if (!line.empty() && may_begin_object(line)) return {};
  std::uint64_t found = no_frame;
  if (const auto ec = find_frame(input, 1, head_search, 0, found)) return ec;
  is_zstd = found != no_frame;
  return {};
}

}  // namespace tcpinfo::inline v0
