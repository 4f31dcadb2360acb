// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <vector>

#include <tcpinfo/segment.h>

#include "common/errno_of.h"
#include "common/known_part.h"
#include "segment/index.h"

namespace tcpinfo::inline v0 {
namespace {

namespace format = segment_format;

// That of a day in blocks of half a second is 5 MiB. In memory a block takes sixteen times as
// much.
constexpr std::uint32_t max_index = std::uint32_t{16} << 20;

// @return false with an errno, and with 0 where the file ends before.
bool read_at(int fd, std::uint64_t offset, std::span<std::byte> out, int& error) noexcept {
  error = 0;
  while (!out.empty()) {
    const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      error = n < 0 ? errno : 0;
      return false;
    }
    out = out.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return true;
}

// The nearest time that 64 bits hold.
std::optional<std::int64_t> limit_of(const timestamp& t) noexcept {
  if (t.is_zero()) return std::nullopt;
  if (const auto ns = t.unix_nanoseconds()) return ns;
  return t.seconds < 0 ? std::numeric_limits<std::int64_t>::min()
                       : std::numeric_limits<std::int64_t>::max();
}

bool may_hold(const format::block_span& b, const segment_selection& wanted) noexcept {
  const std::uint32_t kinds = wanted.kinds == 0 ? select_records : wanted.kinds;
  if ((kinds & (b.is_summaries ? select_summaries : select_records)) == 0) return false;
  // Of lines that are kept as text neither is known.
  if (b.has_others) return true;
  if (wanted.cookie != 0 && (wanted.cookie < b.lowest_cookie || wanted.cookie > b.highest_cookie))
    return false;
  if (b.is_summaries) return true;
  if (const auto since = limit_of(wanted.since); since && b.last_ns < *since) return false;
  if (const auto until = limit_of(wanted.until); until && b.first_ns > *until) return false;
  return true;
}

std::error_code read_spans(int fd, std::vector<format::block_span>& out) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return last_error();
  const auto size = static_cast<std::uint64_t>(about.st_size);
  std::byte trailer[format::index_trailer_size];
  if (size < sizeof trailer) return errc::bad_block;
  int error = 0;
  const auto failed = [&error]() -> std::error_code {
    return error != 0 ? system_error(error) : std::error_code(errc::bad_block);
  };
  if (!read_at(fd, size - sizeof trailer, trailer, error)) return failed();
  const std::uint32_t index_size = format::index_size(trailer);
  if (index_size == 0 || index_size > size || index_size > max_index) return errc::bad_block;
  std::vector<std::byte> frame(index_size);
  if (!read_at(fd, size - index_size, frame, error)) return failed();
  if (!format::read_index(frame, out)) return errc::bad_block;
  // It speaks of all that is before it, or of another file.
  std::uint64_t end = 0;
  for (const format::block_span& b : out) {
    if (b.offset != end || b.size > size - end) return errc::bad_block;
    end += b.size;
  }
  return end == size - index_size ? std::error_code() : errc::bad_block;
}

std::error_code read_blocks(int fd, std::vector<format::block_span>& out) noexcept {
  try {
    return read_spans(fd, out);
  } catch (...) {  // std::bad_alloc, or std::length_error for the same
    return errc::out_of_memory;
  }
}

// Sums that are too large for their type do not become small ones.
void add_up(std::uint64_t& sum, std::uint64_t n) noexcept {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  sum = n > most - sum ? most : sum + n;
}

}  // namespace

std::error_code select_blocks(int fd, const segment_selection& given, std::span<file_range> out,
                              std::size_t& count) noexcept {
  count = 0;
  segment_selection wanted;
  if (const auto ec = read_known(given, wanted)) return ec;
  if ((wanted.kinds & ~(select_records | select_summaries)) != 0) return errc::invalid_argument;
  std::vector<format::block_span> blocks;
  if (const auto ec = read_blocks(fd, blocks)) return ec;
  file_range latest;
  for (const format::block_span& b : blocks) {
    if (!may_hold(b, wanted)) continue;
    const bool fits = wanted.most_bytes == 0 || latest.size + b.size <= wanted.most_bytes;
    if (count > 0 && fits && latest.offset + latest.size == b.offset) {
      latest.size += b.size;
    } else {
      latest = {b.offset, b.size};
      ++count;
    }
    if (count <= out.size()) out[count - 1] = latest;
  }
  return {};
}

std::error_code read_index(int fd, segment_contents& out) noexcept {
  if (out.size < sizeof out.size) return errc::invalid_argument;
  std::vector<format::block_span> blocks;
  if (const auto ec = read_blocks(fd, blocks)) return ec;
  segment_contents all;
  format::block_span whole;
  for (const format::block_span& b : blocks) {
    if (b.is_summaries) {
      add_up(all.summaries, b.records);
      add_up(all.summarized, b.summarized);
      continue;
    }
    add_up(all.records, b.records);
    if (b.has_others) all.has_others = 1;
    whole.first_ns = std::min(whole.first_ns, b.first_ns);
    whole.last_ns = std::max(whole.last_ns, b.last_ns);
  }
  if (whole.first_ns <= whole.last_ns) {
    all.first = timestamp::from_unix_nanoseconds(whole.first_ns);
    all.last = timestamp::from_unix_nanoseconds(whole.last_ns);
  }
  fill_known(out, all);
  return {};
}

}  // namespace tcpinfo::inline v0
