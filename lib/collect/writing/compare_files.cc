// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/compare_files.h"

#include <tcpinfo/zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

#include "collect/os/descriptor.h"
#include "collect/os/read_full.h"
#include "collect/writing/part_file.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// At a time, of content and of bytes as they lie in a file.
constexpr std::size_t content_block = std::size_t{512} << 10;
constexpr std::size_t byte_block = std::size_t{64} << 10;

bool is_no_regular_file(const std::error_code& ec) noexcept {
  return is_errno(ec, EINVAL) || is_errno(ec, ELOOP);
}

std::error_code read_content(stream_reader& from, std::span<std::byte> out, std::size_t& n) {
  return read_full(
      [&from](std::span<std::byte> rest, std::size_t& got) { return from.read(rest, got); }, out,
      n);
}

}  // namespace

std::error_code same_content(os& system, const std::string& part, std::uint64_t content,
                             const std::string& complete, bool& same) {
  same = false;
  descriptor files[2];
  stream_reader ours;
  stream_reader theirs;
  if (const auto ec = system.open_read(part, files[0])) return ec;
  if (const auto ec = system.open_read(complete, files[1]))
    return is_no_regular_file(ec) ? std::error_code{} : ec;
  if (const auto ec = ours.open_fd(files[0].get())) return ec;
  if (const auto ec = theirs.open_fd(files[1].get())) return ec;
  std::vector<std::byte> all(2 * content_block);
  const auto a = std::span(all).first(content_block);
  const auto b = std::span(all).last(content_block);
  for (std::uint64_t left = content;; left -= std::min<std::uint64_t>(left, a.size())) {
    std::size_t n = 0;
    std::size_t m = 0;
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, a.size()));
    if (const auto ec = read_content(ours, a.first(want), n)) return ec;
    if (n < want) return errc::truncated_frame;
    // After our last byte one of theirs would be one too many.
    const auto ec = read_content(theirs, b.first(std::max<std::size_t>(want, 1)), m);
    if (is_damage(ec)) return {};
    if (ec) return ec;
    if (m != want || std::memcmp(a.data(), b.data(), want) != 0) return {};
    if (want == 0) break;
  }
  same = theirs.is_zstd();
  return {};
}

std::error_code same_bytes(os& system, const std::string& a, const std::string& b, bool& same) {
  same = false;
  descriptor files[2];
  if (const auto ec = system.open_read(a, files[0])) return ec;
  if (const auto ec = system.open_read(b, files[1]))
    return is_no_regular_file(ec) ? std::error_code{} : ec;
  std::vector<std::byte> all(2 * byte_block);
  std::size_t n = 0;
  do {
    std::size_t m = 0;
    if (const auto ec = read_full(files[0].get(), std::span(all).first(byte_block), n)) return ec;
    if (const auto ec = read_full(files[1].get(), std::span(all).last(byte_block), m)) return ec;
    if (n != m || std::memcmp(all.data(), all.data() + byte_block, n) != 0) return {};
  } while (n > 0);
  same = true;
  return {};
}

}  // namespace tcpinfo::collect
