// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/staged_archives.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <tcpinfo/bytes.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "common/message_of.h"
#include "common/text_head.h"
#include "offline/inputs/file_names.h"
#include "offline/packing/same_text.h"
#include "text/write_all.h"

namespace tcpinfo::offline {
namespace {

// Text of one archive in a frame, as the collector writes them.
constexpr std::size_t staged_frame_text = std::size_t{128} << 10;
// What waits in memory at most, counted with what an entry costs beside its text.
constexpr std::size_t most_waiting_bytes = std::size_t{32} << 20;
constexpr std::size_t entry_cost = 192;
constexpr std::int32_t staged_frame_level = 3;
// Set on a file in the stage of which a part came from a segment that is not complete.
constexpr mode_t partial_flag = S_IXUSR;

}  // namespace

staged_archives::staged_archives(const output_folder& folder) : folder_(folder) {}

int staged_archives::open() {
  if (const int error = discard()) return error;
  if (frames_.create(staged_frame_level)) return ENOMEM;
  stage_ = open_folder(folder_.get(), unpack_folder, true);
  return stage_ ? 0 : errno;
}

staged_archives::start staged_archives::begin(const std::string& path, bool goes_on, bool partial) {
  to_ = nullptr;
  if (!is_safe_path(path) || path.substr(0, path.find('/')) == unpack_folder) return start::unsafe;
  auto found = waiting_.find(path);
  bool there = found != waiting_.end();
  if (!there) {
    // Of most archives the folder is the one before's.
    const std::string folder(folder_of(path));
    if (!open_folder_ || folder != open_path_) {
      open_folder_ = open_folder(stage_.get(), folder, true);
      open_path_ = folder;
    }
    if (!open_folder_) return start::failed;
    // Made at once: what stands in its way shows here, and not when it is written.
    const std::string name(base_name(path));
    const descriptor file(openat(open_folder_.get(), name.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                 archive_file_mode));
    there = !file && errno == EEXIST;
    if (!file && !there) return start::failed;
    struct stat st {};
    if (there && (fstatat(open_folder_.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
                  !S_ISREG(st.st_mode))) {
      errno = EISDIR;
      return start::failed;
    }
  }
  if (there && !goes_on) return start::twice;
  if (found == waiting_.end()) {
    found = waiting_.try_emplace(path).first;
    waiting_bytes_ += path.size() + entry_cost;
  }
  found->second.partial = found->second.partial || partial;
  current_ = path;
  to_ = &found->second;
  return there || !goes_on ? start::done : start::beginning_missing;
}

void staged_archives::leave_partial(const std::string& path) {
  const auto [found, is_new] = waiting_.try_emplace(path);
  if (is_new) waiting_bytes_ += path.size() + entry_cost;
  found->second.partial = true;
}

int staged_archives::add(std::string_view line) {
  to_->text += line;
  waiting_bytes_ += line.size();
  if (waiting_bytes_ > most_waiting_bytes) {
    const bool partial = to_->partial;
    if (const int error = write_all()) return error;
    to_ = &waiting_[current_];
    to_->partial = partial;
    waiting_bytes_ = current_.size() + entry_cost;
    return 0;
  }
  if (to_->text.size() < staged_frame_text) return 0;
  waiting_bytes_ -= to_->text.size();
  return write(current_, *to_);
}

// Appends what waits, as a frame where the archive's name says that it is zstd.
int staged_archives::write(const std::string& path, waiting& w) {
  const std::string folder(folder_of(path));
  if (!open_folder_ || folder != open_path_) {
    open_folder_ = open_folder(stage_.get(), folder, true);
    open_path_ = folder;
    if (!open_folder_) return errno;
  }
  const std::string name(base_name(path));
  const descriptor file(openat(open_folder_.get(), name.c_str(),
                               O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                               archive_file_mode));
  if (!file) return errno;
  if (w.partial) {
    struct stat st {};
    if (fstat(file.get(), &st) != 0 || fchmod(file.get(), (st.st_mode & 0777U) | partial_flag) != 0)
      return errno;
  }
  if (w.text.empty()) return 0;
  int error = 0;
  std::string_view ending = name;
  take_ending(ending, ".part");
  if (ending.ends_with(".zst")) {
    frame_.resize(frame_writer::bound(w.text.size()));
    std::size_t size = 0;
    if (frames_.compress(std::as_bytes(std::span(std::as_const(w.text))), frame_, size))
      return ENOMEM;
    error = text::write_all(file.get(), as_text(bytes_view(frame_).first(size)));
  } else {
    error = text::write_all(file.get(), w.text);
  }
  w.text.clear();
  return error;
}

int staged_archives::write_all() {
  for (auto& [path, w] : waiting_)
    if (const int error = write(path, w)) return error;
  waiting_.clear();
  waiting_bytes_ = 0;
  to_ = nullptr;
  return 0;
}

int staged_archives::finish(bool partial_too, const calls& told) {
  if (const int error = write_all()) return error;
  // All files at once: two fsyncs for each would take longer than everything else.
  if (syncfs(folder_.get()) != 0) return errno;
  place(stage_.get(), {}, partial_too, told);
  if (syncfs(folder_.get()) != 0) return errno;
  return discard();
}

// Moves what is in a folder of the stage to the folder of that path.
void staged_archives::place(int staged, const std::string& path, bool partial_too,
                            const calls& told) {
  const descriptor target = open_folder(folder_.get(), path, true);
  if (!target) return told.refused(path, message_of(errno));
  const int error = each_name(staged, [&](const std::string& name) {
    const std::string inner = path.empty() ? name : path + '/' + name;
    const descriptor folder(
        openat(staged, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (folder)
      place(folder.get(), inner, partial_too, told);
    else if (errno == ENOTDIR)
      place_file(staged, name, inner, target.get(), partial_too, told);
    else
      told.refused(inner, message_of(errno));
  });
  if (error != 0) told.refused(path, message_of(error));
}

void staged_archives::place_file(int staged, const std::string& name, const std::string& path,
                                 int target, bool partial_too, const calls& told) {
  struct stat st {};
  if (fstatat(staged, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return told.refused(path, message_of(errno));
  std::string ending;
  if ((st.st_mode & partial_flag) != 0) {
    if (fchmodat(staged, name.c_str(), st.st_mode & 0777U & ~partial_flag, 0) != 0)
      return told.refused(path, message_of(errno));
    if (!partial_too && !name.ends_with(".part")) ending = ".part";
  }
  const std::string final_name = name + ending;
  const int error = rename_to_new(staged, name, target, final_name);
  if (error == 0) return told.placed(path + ending, false);
  if (error != EEXIST) return told.refused(path + ending, message_of(error));
  const descriptor ours(openat(staged, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  const descriptor theirs(openat(target, final_name.c_str(),
                                 O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!ours || !theirs) return told.refused(path + ending, message_of(errno));
  if (!have_same_text(ours.get(), theirs.get()))
    return told.refused(path + ending, "is there already, with other content: left as it is");
  told.placed(path + ending, true);
}

int staged_archives::discard() {
  stage_.reset();
  open_folder_.reset();
  return remove_tree(folder_.get(), std::string(unpack_folder));
}

}  // namespace tcpinfo::offline
