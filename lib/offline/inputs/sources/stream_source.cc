// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sources/stream_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>

#include "offline/inputs/reader.h"

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

void stream_source::open(stream_reader& from, bytes_view begun, const byte_source& below,
                         std::int32_t max_window_log) {
  from_ = &from;
  begun_ = begun;
  below_ = &below;
  max_window_log_ = max_window_log;
  error_.clear();
}

std::size_t stream_source::read(std::span<std::byte> out) {
  if (!begun_.empty()) {
    const std::size_t n = std::min(begun_.size(), out.size());
    std::memcpy(out.data(), begun_.data(), n);
    begun_ = begun_.subspan(n);
    return n;
  }
  if (error_) return 0;
  std::size_t n = 0;
  error_ = from_->read(out, n);
  return error_ ? 0 : n;
}

std::string stream_source::fault() const {
  // A cut below is why the stream is cut.
  if (std::string below = below_->fault(); !below.empty()) return below;
  if (!error_) return {};
  return describe_fault(error_, from_->window_needed(), from_->dictionary_needed(),
                        max_window_log_);
}

}  // namespace tcpinfo::offline
