// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/salvage.h"

#include <tcpinfo/zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <span>
#include <utility>

#include "collect/os/descriptor.h"
#include "collect/os/read_full.h"
#include "collect/telemetry/log.h"
#include "collect/writing/compare_files.h"
#include "collect/writing/copy_bytes.h"
#include "collect/writing/file_names.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {
namespace {

// Of the names with .part.damaged that are tried, .2 and so on behind it.
constexpr int kept_names = 100;

}  // namespace

std::vector<part_file> take_leftovers(os& system, unfinished_files unfinished) {
  for (const std::string& path : unfinished.copies) (void)system.remove(path);
  for (const std::string& path : unfinished.empty) (void)system.remove(path);
  if (!unfinished.empty.empty())
    log(event::leftovers_completed, "removed {} leftover files without one whole record",
        unfinished.empty.size());
  std::vector<part_file> files;
  files.reserve(unfinished.leftovers.size());
  for (std::string& path : unfinished.leftovers)
    files.push_back({.path = std::move(path), .leftover = true});
  return files;
}

struct salvage::found_frames : frame_scan {
  std::uint64_t file_size = 0;
  [[nodiscard]] bool is_whole() const noexcept {
    return file_size > 0 && fault == errc::ok && is_zstd;
  }
};

std::error_code salvage::look(const std::string& path, found_frames& out) {
  descriptor file;
  if (const auto ec = system_.size(path, out.file_size)) return ec;
  if (const auto ec = system_.open_read(path, file)) return ec;
  if (const auto ec = scan_frames(file.get(), out)) return ec;
  if (out.fault == errc::out_of_memory || out.fault == errc::window_too_large) return out.fault;
  return {};
}

next_step salvage::examine(part_file& file) {
  found_frames found;
  if (const auto ec = look(file.path, found)) return report_.failed(file, "read", ec);
  // What a segment's frames hold nobody has counted.
  if (file.text_bytes == 0 ? found.whole_end < file.size : found.content_bytes < file.text_bytes)
    report_.shortened(file);
  file.size = found.whole_end;
  file.frames = found.frames;
  file.text_bytes = found.content_bytes;
  if (found.is_whole()) return next_step::go_on;
  if (found.whole_end == 0) return set_aside(file, found.is_zstd ? "damaged" : "no archive");
  if (found.fault == errc::truncated_frame) {
    if (const auto ec = system_.truncate(file.path, found.whole_end))
      return report_.failed(file, "cut", ec);
    report_.cut(found.file_size - found.whole_end);
    return next_step::go_on;
  }
  if (const auto ec = copy_frames(file))
    return report_.failed(file, "copy the whole frames of", ec);
  file.copied = file.damaged = true;
  return next_step::go_on;
}

next_step salvage::resolve(part_file& file) {
  found_frames found;
  if (const auto ec = look(file.path, found)) return report_.failed(file, "read", ec);
  bool same = false;
  if (const auto ec =
          same_content(system_, file.path, found.content_bytes, complete_name(file), same))
    return report_.failed(file, "compare", ec);
  if (same && found.is_whole()) {
    if (const auto ec = system_.remove(file.path)) return report_.failed(file, "remove", ec);
    report_.finalized(file);
    return next_step::done;
  }
  const auto result = set_aside(file, same ? "damaged" : "not what the complete file holds");
  if (result == next_step::done && !same && found.content_bytes > 0) report_.lost();
  return result;
}

next_step salvage::set_aside(const part_file& file, std::string_view what) {
  const std::string first = complete_name(file) + std::string(damaged_suffix);
  std::string kept = first;
  for (int n = 2;; ++n) {
    const auto ec = system_.rename_new(file.path, kept);
    if (!ec) break;
    if (!is_errno(ec, EEXIST) || n > kept_names) return report_.failed(file, "set aside", ec);
    // A rename made of link and unlink may have come half way.
    bool same = false;
    if (const auto unread = same_bytes(system_, file.path, kept, same))
      return report_.failed(file, "compare", unread);
    if (same) {
      if (const auto left = system_.remove(file.path)) return report_.failed(file, "remove", left);
      break;
    }
    kept = first + "." + std::to_string(n);
  }
  report_.set_aside(file, what, kept);
  return next_step::done;
}

std::error_code salvage::copy_frames(const part_file& file) {
  bool unreadable = false;
  return copy_bytes(system_, file.path, copy_name(file), file.size, unreadable);
}

}  // namespace tcpinfo::collect
