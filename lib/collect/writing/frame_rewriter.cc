// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/frame_rewriter.h"

#include <span>
#include <string>

#include "collect/os/descriptor.h"
#include "collect/os/read_full.h"
#include "collect/writing/copy_bytes.h"
#include "collect/writing/segment_join.h"
#include "collect/writing/segment_name.h"

namespace tcpinfo::collect {
namespace {

// A frame that holds less compresses badly: two of 5 s of a slow connection cost twice what one
// does.
constexpr std::uint64_t small_frame = std::uint64_t{64} << 10;
// A file within one block of the disk takes no less room for being rewritten, while making and
// deleting a file for it costs ext4 up to a millisecond (it avoids inodes freed in the last
// minute).
constexpr std::uint64_t one_block = 4096;
// Content of each frame of a rewritten file.
constexpr std::size_t large_frame = std::size_t{1} << 20;

}  // namespace

bool pays_to_rewrite(const part_file& file) noexcept {
  if (is_segment_path(file.path)) return pays_to_join(file);
  return file.size > one_block && file.frames > 1 && file.text_bytes / file.frames < small_frame;
}

bool frame_rewriter::pays(const part_file& file) const noexcept {
  return pays_to_rewrite(file) && !(keep_blocks_ && is_segment_path(file.path));
}

std::error_code frame_rewriter::append_frame(const std::string& path,
                                             std::span<const std::byte> text, std::uint64_t& size) {
  if (frames_.memory_bytes() == 0)
    if (const auto ec = frames_.create(level_)) return ec;
  frame_.resize(frame_writer::bound(text.size()));
  std::size_t written = 0;
  if (const auto ec = frames_.compress(text, frame_, written)) return ec;
  if (const auto ec = system_.append(path, bytes_view(frame_.data(), written), size)) return ec;
  size += written;
  return {};
}

std::error_code frame_rewriter::rewrite(part_file& file, bool& unreadable) {
  unreadable = false;
  if (is_segment_path(file.path)) return rewrite_segment(file, unreadable);
  const std::string copy = copy_name(file);
  descriptor from;
  if (const auto ec = system_.open_read(file.path, from)) return ec;
  if (const auto ec = reader_.open_fd(from.get())) return ec;
  text_.resize(large_frame);
  const auto read_some = [this](std::span<std::byte> rest, std::size_t& got) {
    return reader_.read(rest, got);
  };
  file.copy_size = file.copy_frames = 0;
  for (;;) {
    std::size_t n = 0;
    if (const auto ec = read_full(read_some, text_, n)) {
      unreadable = ec != errc::out_of_memory;
      return ec;
    }
    if (n > 0) {
      if (const auto ec = append_frame(copy, std::span(text_).first(n), file.copy_size)) return ec;
      ++file.copy_frames;
    }
    if (n < text_.size()) break;
  }
  if (reader_.is_zstd() && reader_.compressed_offset() == file.size &&
      reader_.content_offset() == file.text_bytes)
    return {};
  unreadable = true;
  return errc::corrupt_frame;
}

// Its frames are blocks, which are joined, or stay as they are.
std::error_code frame_rewriter::rewrite_segment(part_file& file, bool& unreadable) {
  if (!pays(file)) return copy_as_it_is(file, unreadable);
  const auto ec = segment_join(system_, level_).join(file, unreadable);
  // Only a copy can be believed of a doubtful one, also where it cannot be joined.
  if (!file.doubtful || !cannot_be_joined(ec)) return ec;
  (void)system_.remove(copy_name(file));
  return copy_as_it_is(file, unreadable);
}

std::error_code frame_rewriter::copy_as_it_is(part_file& file, bool& unreadable) {
  file.copy_size = 0;
  file.copy_frames = file.frames;
  const std::string copy = copy_name(file);
  if (const auto ec = copy_bytes(system_, file.path, copy, file.size, unreadable)) return ec;
  file.copy_size = file.size;
  descriptor to;
  frame_scan found;
  if (const auto ec = system_.open_read(copy, to)) return ec;
  if (const auto ec = scan_frames(to.get(), found)) return ec;
  if (found.is_zstd && found.fault == errc::ok && found.whole_end == file.size) return {};
  unreadable = true;
  return errc::corrupt_frame;
}

}  // namespace tcpinfo::collect
