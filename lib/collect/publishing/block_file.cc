// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/block_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "collect/os/read_full.h"
#include "collect/publishing/frame_extent.h"
#include "common/errno_of.h"
#include "common/little_endian.h"
#include "common/zstd_magic.h"

namespace tcpinfo::collect {
namespace {

// Of a block, as docs/segment.md has it.
constexpr std::array<unsigned char, 8> block_magic = {0x89, 'T', 'C', 'P', 'S', 'E', 'G', '\n'};
constexpr std::size_t head_size = 40;
constexpr std::size_t kind_at = 9;
constexpr std::byte kind_of_summaries{2};
constexpr std::size_t checksum_at = 16;
constexpr std::size_t block_number_at = 36;
// Of a skippable frame: magic number and size.
constexpr std::size_t skippable_head = 8;

// Read at a time; and the most that one frame of a block takes: 4 MiB of content, which compression
// makes hardly larger.
constexpr std::size_t file_portion = std::size_t{512} << 10;
constexpr std::size_t largest_frame = std::size_t{8} << 20;

}  // namespace

std::error_code block_file::open(os& system, const std::string& path) {
  size_ = 0;
  return system.open_read(path, file_);
}

std::uint64_t block_file::size() const noexcept {
  struct stat status {};
  return ::fstat(file_.get(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bytes_view block_file::at(std::uint64_t offset) const noexcept {
  if (offset < from_ || offset >= from_ + size_) return {};
  const auto skipped = static_cast<std::size_t>(offset - from_);
  return bytes_view(buffer_).subspan(skipped, size_ - skipped);
}

// Makes `least` bytes from `offset` on be there, or as many as the file has.
std::error_code block_file::fill(std::uint64_t offset, std::size_t least) {
  if (at(offset).size() >= least) return {};
  buffer_.resize(std::max({buffer_.size(), least, file_portion}));
  from_ = offset;
  size_ = 0;
  const auto read = [&](std::span<std::byte> rest, std::size_t& got) -> std::error_code {
    ssize_t n = -1;
    do {
      n = ::pread(file_.get(), rest.data(), rest.size(), static_cast<off_t>(from_ + size_));
    } while (n < 0 && errno == EINTR);
    if (n < 0) return last_error();
    got = static_cast<std::size_t>(n);
    size_ += got;
    return {};
  };
  std::size_t got = 0;
  const auto ec = read_full(read, buffer_, got);
  // What is before a place that the disk does not give is good.
  return at(offset).size() >= least ? std::error_code() : ec;
}

std::error_code block_file::look_into(bytes_view frame, found_block& out, bool& good) {
  good = false;
  content_.resize(std::size_t{64} << 10);
  if (const auto ec = decoder_.open_memory(frame)) return ec;
  std::size_t n = 0;
  auto ec = read_full(
      [this](std::span<std::byte> rest, std::size_t& got) { return decoder_.read(rest, got); },
      std::span(content_).first(head_size), n);
  if (!ec && n == head_size &&
      std::memcmp(content_.data(), block_magic.data(), block_magic.size()) == 0) {
    out.summaries = content_[kind_at] == kind_of_summaries;
    out.number = load_le<std::uint32_t>(content_.data() + block_number_at);
    out.checksum = load_le<std::uint64_t>(content_.data() + checksum_at);
    good = true;
  }
  // To its end, where zstd's checksum is.
  while (good && !ec && n > 0) ec = decoder_.read(content_, n);
  if (ec == errc::out_of_memory) return ec;
  good = good && !ec;
  return {};
}

// Looks for the next frame. Where there is none all that is there is passed over.
std::error_code block_file::pass_damage(found_block& out) {
  out.what = found_block::kind::damaged;
  std::uint64_t offset = out.offset + 1;
  for (;;) {
    if (const auto ec = fill(offset, zstd_magic::size)) return ec;
    const bytes_view rest = at(offset);
    std::size_t i = 0;
    for (; i + zstd_magic::size <= rest.size(); ++i)
      if (zstd_magic::is_frame(rest.subspan(i)) || zstd_magic::is_skippable(rest.subspan(i))) {
        out.end = offset + i;
        return {};
      }
    if (rest.size() < zstd_magic::size) {
      out.end = offset + rest.size();
      return {};
    }
    offset += i;
  }
}

std::error_code block_file::find(std::uint64_t offset, bool whole, found_block& out) {
  for (;;) {
    out = {.offset = offset, .end = offset};
    std::size_t wanted = zstd_magic::size;
    frame_extent extent;
    for (;;) {
      if (const auto ec = fill(offset, wanted)) return ec;
      const bytes_view bytes = at(offset);
      if (bytes.empty()) return {};
      extent = measure_frame(bytes);
      if (extent.what != frame_extent::form::unfinished) break;
      // One that is passed over need not be here, however long it is; behind its head it is known.
      if (zstd_magic::is_skippable(bytes) && bytes.size() >= skippable_head &&
          extent.size <= size() - std::min(size(), offset)) {
        extent.what = frame_extent::form::skippable;
        break;
      }
      // All that the file has is here.
      if (bytes.size() < wanted) {
        if (!whole) return {};
        break;
      }
      if (extent.size > largest_frame) break;
      wanted = std::max(extent.size, bytes.size() + 1);
    }
    if (extent.what == frame_extent::form::skippable) {
      offset += extent.size;
      continue;
    }
    if (extent.what != frame_extent::form::frame) return pass_damage(out);
    const bytes_view frame = at(offset).first(extent.size);
    bool good = false;
    if (const auto ec = look_into(frame, out, good)) return ec;
    if (!good) return pass_damage(out);
    out.what = found_block::kind::block;
    out.end = offset + extent.size;
    out.frame = frame;
    return {};
  }
}

}  // namespace tcpinfo::collect
