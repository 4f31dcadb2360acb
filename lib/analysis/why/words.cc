// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/words.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>

namespace tcpinfo::analysis::why {
namespace {

// Three digits that count.
std::string three_digits(double n) {
  return fmt::format("{:.{}f}", n, n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2);
}

template <std::size_t Count>
std::string scaled(double n, const std::array<const char*, Count>& units) {
  std::size_t unit = 0;
  while (n >= 999.5 && unit + 1 < Count) {
    n /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} {}", n, units[0])
                   : fmt::format("{} {}", three_digits(n), units[unit]);
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  static constexpr std::array units = {"bytes", "kB", "MB", "GB", "TB"};
  return scaled(static_cast<double>(bytes), units);
}

std::string us_text(std::uint64_t us) {
  if (us < 999'500) return three_digits(static_cast<double>(us) / 1000) + " ms";
  return three_digits(static_cast<double>(us) / 1e6) + " s";
}

std::string ns_text(std::int64_t ns) {
  return us_text(ns < 0 ? 0 : static_cast<std::uint64_t>(ns / 1000));
}

std::string rate_text(double bytes_per_second) {
  static constexpr std::array units = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  return scaled(bytes_per_second * 8, units);
}

}  // namespace tcpinfo::analysis::why
