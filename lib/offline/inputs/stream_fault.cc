// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/stream_fault.h"

#include <fmt/format.h>
#include <tcpinfo/error.h>

#include <bit>
#include <cstddef>
#include <iterator>

#include "offline/inputs/window_limit.h"

namespace tcpinfo::offline {
namespace {

// A damaged head can ask for anything, up to some EiB.
std::string size_text(std::uint64_t bytes) {
  static constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < std::size(units); ++unit) size /= 1024;
  return fmt::format("{:.4g} {}", size, units[unit]);
}

}  // namespace

std::string describe_fault(const std::error_code& ec, std::uint64_t window,
                           std::uint32_t dictionary, std::int32_t max_window_log) {
  if (ec == errc::dictionary_needed)
    return fmt::format("zstd frame needs dictionary {}: unpack it with zstd -d -D DICTIONARY",
                       dictionary);
  if (ec != errc::window_too_large) return ec.message();
  const std::uint64_t allowed = std::uint64_t{1} << max_window_log;
  const std::string more = fmt::format("zstd frame needs a window of {}, more than {}",
                                       size_text(window), size_text(allowed));
  if (window > std::uint64_t{1} << largest_window_log) return more;
  const std::uint64_t enough = std::bit_ceil(window);
  return fmt::format("{}; --max-window {}MiB allows it", more, enough >> 20U);
}

}  // namespace tcpinfo::offline
