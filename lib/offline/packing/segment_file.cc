// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/segment_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <tcpinfo/segment.h>
#include <unistd.h>

#include <cerrno>

#include "common/text_head.h"
#include "offline/inputs/file_names.h"
#include "text/whole_number.h"
#include "text/write_all.h"

namespace tcpinfo::offline {
namespace {

constexpr std::string_view name_begin = "packed.";

}  // namespace

std::string packed_name(std::uint64_t number) {
  return fmt::format("{}{:05}{}", name_begin, number, segment_suffix);
}

std::optional<std::uint64_t> packed_number(std::string_view name, bool& partial) {
  const std::string_view whole = name;
  partial = take_ending(name, ".part");
  // Both begin and end with a point, which must not be one and the same.
  if (!take_ending(name, segment_suffix) || !name.starts_with(name_begin)) return std::nullopt;
  name.remove_prefix(name_begin.size());
  const auto number = text::parse_whole(name);
  // One name for each number.
  if (!number || packed_name(*number) != whole.substr(0, whole.size() - (partial ? 5 : 0)))
    return std::nullopt;
  return number;
}

int segment_file::create() {
  // Somebody else's files are passed over.
  for (;; ++number_) {
    name_ = packed_name(number_);
    if (faccessat(folder_.get(), name_.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) continue;
    file_.reset(openat(folder_.get(), partial_name().c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, archive_file_mode));
    if (file_ || errno != EEXIST) return file_ ? 0 : errno;
  }
}

int segment_file::write(bytes_view block) {
  if (!file_)
    if (const int error = create()) return error;
  if (const int error = text::write_all(file_.get(), as_text(block))) return error;
  size_ += block.size();
  return 0;
}

int segment_file::finish() {
  if (fsync(file_.get()) != 0) return errno;
  if (const int error = rename_to_new(folder_.get(), partial_name(), folder_.get(), name_))
    return error;
  file_.reset();
  size_ = 0;
  ++number_;
  return fsync(folder_.get()) == 0 ? 0 : errno;
}

void segment_file::discard() {
  if (!file_) return;
  file_.reset();
  size_ = 0;
  (void)unlinkat(folder_.get(), partial_name().c_str(), 0);
}

}  // namespace tcpinfo::offline
