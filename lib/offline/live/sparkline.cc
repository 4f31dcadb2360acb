// SPDX-License-Identifier: Apache-2.0
#include "offline/live/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace tcpinfo::offline {
namespace {

constexpr std::array<std::string_view, 9> bars = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 9> plain_bars = {" ", ".", ".", ":", ":",
                                                        "+", "*", "#", "#"};

}  // namespace

std::string sparkline(std::span<const float> values, std::size_t width, bool utf8) {
  if (values.size() > width) values = values.subspan(values.size() - width);
  std::string out(width - values.size(), ' ');
  const float most = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  for (const float value : values) {
    std::size_t height = 0;
    if (value > 0) {
      // Of the smallest number above 0 there is something to see.
      const auto share = static_cast<double>(value) / static_cast<double>(most);
      height = std::clamp<std::size_t>(static_cast<std::size_t>(std::lround(share * 8)), 1, 8);
    }
    out += utf8 ? bars[height] : plain_bars[height];
  }
  return out;
}

}  // namespace tcpinfo::offline
