// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/unpack_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <tcpinfo/error.h>

#include <cerrno>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "common/message_of.h"
#include "offline/commands/command_faults.h"
#include "offline/commands/csv_progress.h"
#include "offline/inputs/fault_log.h"
#include "offline/inputs/file_names.h"
#include "offline/packing/folders.h"
#include "offline/packing/path_key.h"
#include "offline/packing/segment_lines.h"
#include "offline/packing/segment_walk.h"
#include "offline/packing/staged_archives.h"

namespace tcpinfo::offline {
namespace {

// Whether only this archive cannot be made, and others can.
bool is_of_path(int error) {
  return error == ENOTDIR || error == EISDIR || error == ELOOP || error == ENAMETOOLONG ||
         error == EEXIST || error == EINVAL || error == EILSEQ;
}

class unpacking {
 public:
  unpacking(const unpack_options& options, const fault_callback& on_fault)
      : options_(options),
        on_fault_(on_fault),
        faults_(on_fault, options.verbose),
        stage_(folder_),
        lines_(options.max_window_log) {}

  // Nothing is begun where that fails, which was told.
  bool open() {
    if (const std::string wrong = folder_.open(options_.output); !wrong.empty()) return fail(wrong);
    if (const int error = stage_.open()) return fail(message_of(error));
    return true;
  }

  void unpack(const std::vector<std::string>& segments, csv_counts& counts) {
    for (const std::string& path : segments) {
      unpack(path, counts);
      ++counts.files;
      if (failed_) break;
    }
    if (!failed_) {
      const int error = stage_.finish(
          options_.partial,
          {[this](const std::string&, bool was_there) { ++(was_there ? before_ : placed_); },
           [this](const std::string& path, std::string_view what) {
             ++refused_;
             faults_.begin_part(folder_.path_of(path));
             faults_.tell(0, what);
           }});
      faults_.begin_file(folder_.path());
      faults_.end_part();
      if (error != 0) fail(message_of(error));
    }
    (void)stage_.discard();
  }

  [[nodiscard]] std::string summary() const {
    std::string text = fmt::format("{} archives unpacked ({} lines), {} there before", placed_,
                                   lines_taken_, before_);
    if (missing_ != 0) text += fmt::format(", {} records missing", missing_);
    if (refused_ != 0) text += fmt::format(", {} not unpacked", refused_);
    return text + '\n';
  }

 private:
  // Of the output as a whole: the work ends.
  bool fail(const std::string& what) {
    on_fault_({folder_.path(), 0, what});
    failed_ = true;
    return false;
  }

  void unpack(std::string path, csv_counts& counts) {
    faults_.begin_file(path);
    descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    // One that was being written when it was found may be complete by now.
    if (std::string_view whole = path; !file && errno == ENOENT && take_ending(whole, ".part")) {
      const std::string renamed(whole);
      file.reset(::open(renamed.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
      if (file) path = renamed;
      faults_.begin_file(path);
      errno = ENOENT;
    }
    struct stat st {};
    if (!file || fstat(file.get(), &st) != 0)
      faults_.tell(0, message_of(errno));
    else if (!S_ISREG(st.st_mode))
      faults_.tell(0, "no regular file");
    else if (const std::error_code ec = lines_.open(file.get()))
      faults_.tell(0, ec.message());
    else
      read(path.ends_with(".part"), counts);
    faults_.end_part();
  }

  void read(bool partial, csv_counts& counts) {
    const std::uint64_t bytes_before = counts.bytes;
    bool taken = false;  // the archive that lines are of
    segment_line line;
    faults_.number_records();
    if (partial && !options_.partial) faults_.note("not complete: its archives keep .part");
    for (bool more = true; !failed_;) {
      const std::error_code ec = lines_.next(line, more);
      if (!more && !ec) break;
      counts.bytes = bytes_before + lines_.reader().compressed_offset();
      if (ec) {
        taken = false;
        // Where it is being written, or was, the last block is not there yet.
        if (partial && ec == errc::truncated_frame)
          faults_.note("its last block is not complete");
        else
          faults_.tell(lines_.reader().record_number(), lines_.describe(ec));
        if (!more) break;
        continue;
      }
      if (line.begins) taken = begin(line, partial);
      if (taken) add(line.text);
      ++counts.rows;
    }
    if (const std::uint64_t missing = lines_.reader().missing_records(); missing != 0) {
      missing_ += missing;
      faults_.tell(0, fmt::format("{} records are missing: they were in damaged blocks", missing));
    }
  }

  // @return whether the lines of the archive that begins are taken.
  bool begin(const segment_line& line, bool partial) {
    const std::string path(line.path);
    const path_key key = keys_(path);
    if (refused_paths_.contains(key)) {
      // Of which of two archives of that path the rest is, nothing tells.
      if (line.goes_on && twice_.erase(key) != 0) stage_.leave_partial(path);
      return false;
    }
    switch (stage_.begin(path, line.goes_on, partial)) {
      case staged_archives::start::done:
        return true;
      case staged_archives::start::beginning_missing:
        tell(path, "goes on here: its beginning is missing");
        if (!lines_.first_line().empty()) add(lines_.first_line());
        return !failed_;
      case staged_archives::start::twice:
        twice_.insert(key);
        return refuse(path, "a second archive of that path: only the first one is unpacked");
      case staged_archives::start::unsafe:
        return refuse(path, "not unpacked: no path of a file below a folder");
      case staged_archives::start::failed:
        break;
    }
    const int error = errno;
    if (!is_of_path(error)) return fail(message_of(error));
    return refuse(path, "not unpacked: " + message_of(error));
  }

  // From here on nothing is taken of that path.
  bool refuse(const std::string& path, const std::string& why) {
    refused_paths_.insert(keys_(path));
    ++refused_;
    tell(path, why);
    return false;
  }

  // Of an archive in the segment.
  void tell(const std::string& path, std::string_view what) {
    const std::string segment = faults_.file();
    faults_.begin_part(fmt::format("{}:{}", segment, path));
    faults_.number_records();
    faults_.tell(lines_.reader().record_number(), what);
    faults_.begin_part(segment);
    faults_.number_records();
  }

  void add(std::string_view text) {
    if (const int error = stage_.add(text))
      fail(message_of(error));
    else
      ++lines_taken_;
  }

  const unpack_options& options_;
  const fault_callback& on_fault_;
  fault_log faults_;
  output_folder folder_;
  staged_archives stage_;
  segment_lines lines_;
  path_keys keys_;
  std::unordered_set<path_key, path_key_hash> refused_paths_;
  std::unordered_set<path_key, path_key_hash> twice_;  // of these, one archive was begun
  bool failed_ = false;

  std::uint64_t placed_ = 0;
  std::uint64_t before_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t missing_ = 0;
  std::uint64_t lines_taken_ = 0;
};

}  // namespace

int unpack_segments(output& out, const unpack_options& options, const say& complain) {
  csv_counts counts;
  command_faults faults(complain);
  const std::vector<std::string> segments = find_segments(options.paths, faults.callback());
  unpacking work(options, faults.callback());
  if (!work.open()) return exit_trouble;
  {
    csv_progress shown(counts, segments, {}, options.progress, "lines");
    const auto told = faults.told_with(shown);
    work.unpack(segments, counts);
  }
  if (!options.quiet) out.put(work.summary());
  return end_status(out, faults.any(), complain);
}

}  // namespace tcpinfo::offline
