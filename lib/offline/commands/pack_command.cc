// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/pack_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <tcpinfo/segment.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include "common/message_of.h"
#include "offline/commands/command_faults.h"
#include "offline/commands/csv_progress.h"
#include "offline/inputs/fault_log.h"
#include "offline/inputs/file_names.h"
#include "offline/packing/archive_lines.h"
#include "offline/packing/archive_packer.h"
#include "offline/packing/folders.h"
#include "offline/packing/pack_inputs.h"
#include "offline/packing/packed_check.h"
#include "offline/packing/packed_removal.h"
#include "offline/packing/segment_file.h"
#include "offline/packing/segment_walk.h"

namespace tcpinfo::offline {
namespace {

// Room below the size of a segment for what is written beside the records of a window.
constexpr std::uint64_t room_for_end = std::uint64_t{1} << 20;
// Of what is flushed together, where segments are small.
constexpr std::uint64_t smallest_window = std::uint64_t{1} << 20;

class packing {
 public:
  packing(const pack_options& options, const fault_callback& on_fault)
      : options_(options),
        inputs_(options.paths),
        faults_(on_fault, options.verbose),
        window_(static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
            options.segment_bytes / 4, smallest_window, segment_options().window))),
        segment_(folder_),
        check_(inputs_, keys_, table_, options.max_window_log),
        lines_(options.max_window_log),
        packer_(
            writer_, [this] { return flush(); }, [this] { return flush_summaries(); }),
        removal_([on_fault](std::string_view file, std::string_view what, bool note) {
          on_fault({.file = file, .what = what, .note = note});
        }) {}

  // Nothing is begun where that fails, which was told.
  bool open() {
    if (const std::string wrong = folder_.open(options_.output); !wrong.empty())
      return fail({}, wrong);
    return create_writer() && look_at_output();
  }

  void pack(csv_counts& counts, const fault_callback& on_fault) {
    for (std::size_t i = 0; i < inputs_.size() && !failed_; ++i) {
      walk_options walk = this->walk();
      input_walk files({inputs_.named(i)}, std::move(walk), on_fault);
      std::string file;
      while (!failed_ && files.next(file)) {
        pack(i, file, counts);
        ++counts.files;
      }
    }
    if (!failed_ && writer_.waiting() != 0)
      if (const std::error_code ec = flush(); ec && !failed_)
        fail(segment_.partial_name(), ec.message());
    if (!failed_ && segment_.size() != 0) finish_segment();
    removal_.finish();
    if (!failed_ && packed_ != whole_ + changed_)
      fail({}, fmt::format("of {} archives that were packed {} are in the segments", packed_,
                           whole_ + changed_));
  }

  // Which files are looked at: what is packed already is none of them.
  [[nodiscard]] walk_options walk() {
    return {.max_window_log = options_.max_window_log,
            .wants = [](const walk_entry& e) { return e.is_folder || !is_segment_name(e.name); }};
  }

  [[nodiscard]] std::string summary() const {
    std::string text = fmt::format("{} archives packed ({} records, {} lines as text)", packed_,
                                   packer_.records(), packer_.text_lines());
    if (segments_ != 0)
      text += fmt::format(" into {} segments of {} bytes", segments_, segment_bytes_);
    text += fmt::format(", {} packed before", before_);
    if (incomplete_ != 0) text += fmt::format(", {} incomplete", incomplete_);
    if (refused_ != 0) text += fmt::format(", {} not packed", refused_);
    if (options_.replace) text += fmt::format(", {} removed", removal_.removed());
    return text + '\n';
  }

 private:
  // Of the output as a whole: the work ends.
  bool fail(const std::string& name, const std::string& what) {
    faults_.begin_file(folder_.path_of(name));
    faults_.tell(0, what);
    faults_.end_part();
    failed_ = true;
    return false;
  }
  bool fail(const std::string& name, int error) { return fail(name, message_of(error)); }

  bool create_writer() {
    segment_options how;
    how.level = options_.level;
    how.window = window_;
    const std::error_code ec = writer_.create(how);
    return !ec || fail({}, ec.message());
  }

  // What earlier runs have left: segments, and the beginning of one, which is made anew.
  bool look_at_output() {
    std::vector<std::string> names;
    if (const int error = list_folder(folder_.get(), names)) return fail({}, error);
    std::set<std::uint64_t> numbers;
    for (const std::string& name : names) {
      bool partial = false;
      const auto number = packed_number(name, partial);
      if (number && !partial) numbers.insert(*number);
      if (number && partial && unlinkat(folder_.get(), name.c_str(), 0) != 0)
        return fail(name, errno);
    }
    for (const std::uint64_t number : numbers)
      compare(packed_name(number), [](const std::string&, const pack_entry&) {});
    if (!numbers.empty()) segment_.number_from(*numbers.rbegin() + 1);
    return !options_.replace || fsync(folder_.get()) == 0 || fail({}, errno);
  }

  template <class Compared>
  void compare(const std::string& name, Compared&& compared) {
    faults_.begin_file(folder_.path_of(name));
    faults_.number_records();
    const descriptor file(openat(folder_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    // Somebody may have copied it here: nothing is removed for what a power cut can take.
    if (!file || (options_.replace && fsync(file.get()) != 0)) {
      faults_.tell(0, message_of(errno));
    } else {
      check_.read(file.get(),
                  {[this](std::uint64_t line, std::string_view what) { faults_.tell(line, what); },
                   compared});
    }
    faults_.end_part();
  }

  void pack(std::size_t input, std::string file, csv_counts& counts) {
    // One that was being written when it was found may be complete by now.
    if (std::string_view whole = file; access(file.c_str(), F_OK) != 0 && errno == ENOENT &&
                                       take_ending(whole, ".part") &&
                                       access(std::string(whole).c_str(), F_OK) == 0)
      file.resize(whole.size());
    const std::string path(inputs_.inner_path(input, file));
    faults_.begin_file(file);
    if (file == stdin_path)
      refuse("standard input has no name to be packed under");
    else if (!is_safe_path(path))
      refuse("its path cannot be that of an archive in a segment");
    else
      pack_file(input, file, path);
    counts.bytes += lines_.stored_bytes();
    counts.rows = packer_.records() + packer_.text_lines();
    lines_.close();
    faults_.end_part();
  }

  void refuse(std::string_view why) {
    ++refused_;
    faults_.tell(0, why);
  }

  void pack_file(std::size_t input, const std::string& file, const std::string& path) {
    const auto [known, is_new] = table_.try_emplace(keys_(path));
    pack_entry& entry = known->second;
    if (is_new) entry.input = static_cast<std::uint32_t>(input);
    if (std::exchange(entry.seen, true) || entry.input != input)
      return refuse(fmt::format("a second archive of the path {}: not packed", path));
    if (entry.state == pack_state::other)
      return refuse(fmt::format("another archive is packed as {} already", path));
    if (entry.state == pack_state::whole && !entry.damaged) {
      ++before_;
      remove(file, path, entry);
      return;
    }
    if (!lines_.open(file, [this](std::uint64_t line, std::string_view what) {
          faults_.tell(line, what);
        })) {
      ++refused_;
      return;
    }
    if (lines_.damaged()) {
      ++incomplete_;
      if (lines_.left_out() != 0)
        faults_.tell(0, fmt::format("{} bytes of damaged text are not packed", lines_.left_out()));
    }
    if (entry.state == pack_state::whole) {
      ++before_;
      return;
    }
    // One whose lines come later would begin a second time then.
    if (lines_.lines() == 0 && file.ends_with(".part"))
      return faults_.note("empty: there is nothing to pack yet");
    current_ = &entry;
    if (pack_lines(path, entry)) ++packed_;
    current_ = nullptr;
  }

  bool pack_lines(const std::string& path, const pack_entry& entry) {
    const std::uint64_t there = entry.lines;
    packer_.begin(path, lines_.lines(), there);
    if (lines_.lines() == 0) return add_line({});
    std::string_view line;
    for (std::uint64_t at = 0; lines_.next(line); ++at) {
      if (at < there)
        packer_.skip(line);
      else if (!add_line(line))
        return false;
    }
    const std::error_code ec = packer_.summarize();
    return !ec || stop(ec);
  }

  bool add_line(std::string_view line) {
    const std::error_code ec = packer_.add(line);
    return !ec || stop(ec);
  }

  bool stop(const std::error_code& ec) {
    if (!failed_) fail(segment_.partial_name(), ec.message());
    return false;
  }

  // Writes the block. What goes wrong was told; the code that is returned ends the packing.
  std::error_code flush() {
    bytes_view block;
    if (const std::error_code ec = writer_.flush(block)) return ec;
    if (const int error = segment_.write(block)) {
      fail(segment_.partial_name(), error);
      return {error, std::system_category()};
    }
    // What is flushed next is no larger than what its records take.
    if (segment_.size() + window_ + room_for_end <= options_.segment_bytes || finish_segment())
      return {};
    return {ECANCELED, std::system_category()};
  }

  // The same of the block of summaries, which ends no segment.
  std::error_code flush_summaries() {
    bytes_view block;
    if (const std::error_code ec = writer_.flush_summaries(block)) return ec;
    const int error = block.empty() ? 0 : segment_.write(block);
    return error != 0 ? std::error_code(error, std::system_category()) : std::error_code();
  }

  bool finish_segment() {
    // Of an archive that goes on in the next one, too.
    std::error_code failed = packer_.summarize();
    if (!failed) failed = flush_summaries();
    if (failed) return stop(failed);
    bytes_view index;
    if (const std::error_code ec = writer_.finish(index))
      return fail(segment_.partial_name(), ec.message());
    if (const int error = index.empty() ? 0 : segment_.write(index))
      return fail(segment_.partial_name(), error);
    const std::uint64_t size = segment_.size();
    if (const int error = segment_.finish()) return fail(segment_.partial_name(), error);
    ++segments_;
    segment_bytes_ += size;
    const std::string interrupted = faults_.file();
    segment_name_ = segment_.name();
    compare(segment_name_,
            [this](const std::string& path, pack_entry& entry) { take_compared(path, entry); });
    // Parts of an archive may have others between them; all of them were read now.
    for (const auto& [path, entry] : begun_)
      if (entry->state == pack_state::beginning && entry != current_) tell_changed(path, *entry);
    begun_.clear();
    faults_.begin_file(interrupted);
    return create_writer();
  }

  // An archive was read back from the segment that was finished.
  void take_compared(const std::string& path, pack_entry& entry) {
    if (entry.state == pack_state::whole) {
      ++whole_;
      remove(inputs_.file_of(entry.input, path), path, entry);
    } else if (entry.state == pack_state::beginning) {
      if (&entry != current_) begun_.emplace_back(path, &entry);
    } else {
      tell_changed(path, entry);
    }
  }

  void tell_changed(const std::string& path, pack_entry& entry) {
    if (std::exchange(entry.told, true)) return;
    ++changed_;
    const std::string segment = folder_.path_of(segment_name_);
    faults_.begin_part(fmt::format("{}:{}", segment, path));
    faults_.tell(0, "is not what its file holds: that changed, or cannot be read");
    faults_.begin_part(segment);
    faults_.number_records();
  }

  void remove(const std::string& file, const std::string& path, const pack_entry& entry) {
    if (!options_.replace || entry.damaged || entry.changed || !packed_removal::may_remove(path))
      return;
    removal_.remove(file, inputs_.folder(entry.input), entry.identity);
  }

  const pack_options& options_;
  pack_inputs inputs_;
  path_keys keys_;
  pack_table table_;
  fault_log faults_;
  output_folder folder_;
  std::uint32_t window_;
  segment_writer writer_;
  segment_file segment_;
  packed_check check_;
  archive_lines lines_;
  archive_packer packer_;
  packed_removal removal_;
  const pack_entry* current_ = nullptr;  // of the archive that is being packed
  std::string segment_name_;             // of the one that is compared
  // Archives of which a beginning was compared, and no end yet.
  std::vector<std::pair<std::string, pack_entry*>> begun_;
  bool failed_ = false;

  std::uint64_t packed_ = 0;
  std::uint64_t before_ = 0;
  std::uint64_t whole_ = 0;    // of those packed, that were read back and are their files
  std::uint64_t changed_ = 0;  // that are not
  std::uint64_t incomplete_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t segments_ = 0;
  std::uint64_t segment_bytes_ = 0;
};

}  // namespace

int pack_archives(output& out, const pack_options& options, const say& complain) {
  csv_counts counts;
  command_faults faults(complain);
  packing work(options, faults.callback());
  if (!work.open()) return exit_trouble;
  {
    csv_progress shown(counts, options.paths, work.walk(), options.progress, "records");
    const auto told = faults.told_with(shown);
    work.pack(counts, faults.callback());
  }
  if (!options.quiet) out.put(work.summary());
  return end_status(out, faults.any(), complain);
}

}  // namespace tcpinfo::offline
