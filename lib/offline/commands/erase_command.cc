// SPDX-License-Identifier: Apache-2.0
//
// All files are read twice: a connection is erased as a whole, so that it must be known which ones
// are before the first file is changed.
#include "offline/commands/erase_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "common/message_of.h"
#include "offline/commands/command_faults.h"
#include "offline/commands/csv_progress.h"
#include "offline/erasing/carried_contexts.h"
#include "offline/erasing/collector_lock.h"
#include "offline/erasing/erase_judge.h"
#include "offline/erasing/erase_reader.h"
#include "offline/erasing/erase_walk.h"
#include "offline/erasing/file_swap.h"
#include "offline/erasing/kept_check.h"
#include "offline/erasing/kept_copy.h"
#include "offline/inputs/fault_log.h"
#include "offline/inputs/file_names.h"

namespace tcpinfo::offline {
namespace {

constexpr std::string_view came_meanwhile =
    "records of the networks came while it was read: erase again";
constexpr std::string_view cannot_finish = "cannot be read to its end";
constexpr std::string_view cannot_judge =
    "cannot be read: whether it is of the networks is not known, left as it is";

// What is in a file.
struct file_content {
  std::uint64_t archives = 0;  // of erased connections
  std::uint64_t records = 0;   // of them
  std::uint64_t erased = 0;    // lines of them
  std::uint64_t kept = 0;      // lines of others
  bool damaged = false;
  bool read = false;  // to its end
  bool beyond_us = false;
  bool came = false;  // records of the networks, of connections that were not there before
  std::uint64_t identity = 0;
};

class erasing {
 public:
  erasing(const erase_options& options, const fault_callback& on_fault)
      : options_(options),
        on_fault_(on_fault),
        faults_(on_fault, options.verbose),
        judge_(options.networks, keys_, carried_),
        reader_(judge_, options.max_window_log) {}

  // @return whether collectors run there: what they write meanwhile would not be found.
  [[nodiscard]] bool refuse() {
    bool refused = false;
    for (const std::string& path : options_.paths) {
      const std::string wrong = collector_.refuse(path);
      if (wrong.empty()) continue;
      on_fault_({.file = path, .what = wrong, .note = options_.dry_run});
      refused = !options_.dry_run;
    }
    return refused;
  }

  // Finds the connections. Nothing is changed by it but what an interrupted run has left.
  void look(csv_counts& counts) {
    erase_walk judge(
        options_.max_window_log,
        [this](const std::string& path, std::string_view what) { leave(path, what); },
        [this](const std::string& path) { remove_leftover(path); });
    input_walk files(options_.paths, judge.options(), on_fault_);
    for (std::string path; files.next(path); ++counts.files) {
      follow_name(path);
      look_into(path);
      counts.bytes += reader_.stored_bytes();
      reader_.close();
      ++files_;
    }
  }

  void erase(csv_counts& counts) {
    // Archives of which only the name or metadata says whose they are come first: after an
    // interruption nothing but the others would tell that they are to be erased.
    if (!connections_.empty() || look_again_)
      for (const bool with_records : {false, true})
        go_through([&](const std::string& path) {
          if (with_records ? is_late(path) || was_completed(path) : !is_late(path))
            take(path, counts);
        });
    // What came into a folder when its names were read; as often as there is more of it.
    for (bool more = true; more;) {
      more = false;
      go_through([&](const std::string& path) {
        if (was_seen(path)) return;
        more = true;
        take(path, counts);
      });
    }
  }

  [[nodiscard]] std::string summary() const {
    std::string text =
        fmt::format("{} connections {}erased: {} archives, {} records in {} files; {} files read",
                    connections_.size(), options_.dry_run ? "would be " : "", archives_, records_,
                    changed_, files_);
    if (removed_ != 0) text += fmt::format(", {} removed", removed_);
    if (left_ != 0) text += fmt::format(", {} left as they are", left_);
    return text + '\n';
  }

 private:
  // The file has it under the name of the complete one, too.
  [[nodiscard]] path_key key_of(std::string_view path) const {
    take_ending(path, ".part");
    return keys_(path);
  }

  // One that was being written when it was found may be complete by now.
  static void follow_name(std::string& path) {
    if (std::string_view whole = path; access(path.c_str(), F_OK) != 0 && errno == ENOENT &&
                                       take_ending(whole, ".part") &&
                                       access(std::string(whole).c_str(), F_OK) == 0)
      path.resize(whole.size());
  }

  void leave(const std::string& path, std::string_view what) {
    ++left_;
    on_fault_({.file = path, .what = what});
  }

  void remove_leftover(const std::string& path) {
    if (options_.dry_run) return;
    file_swap swap;
    if (const std::string wrong = swap.remove_leftover(path); !wrong.empty()) leave(path, wrong);
  }

  [[nodiscard]] bool is_being_written(const std::string& path) {
    const bool running = path.ends_with(".part") && !collector_.take(path);
    collector_.release();
    return running;
  }

  void look_into(const std::string& path) {
    faults_.begin_file(path);
    if (path == stdin_path) {
      faults_.tell(0, "standard input is no file to erase from");
      faults_.end_part();
      return;
    }
    // Its end may not be there yet.
    const bool growing = is_being_written(path);
    std::vector<std::pair<std::uint64_t, std::string>> wrong;  // with a growing one
    const bool readable =
        reader_.open(path, path, [this, growing, &wrong](std::uint64_t at, std::string_view what) {
          if (reader_.is_segment()) faults_.number_records();
          if (growing)
            wrong.emplace_back(at, what);
          else
            faults_.tell(at, what);
        });
    const judged named = judge_.by_name();
    bool again = false;
    erase_item item;
    while (readable && reader_.next(item)) {
      if (item.is.in_networks) {
        connections_.insert(item.is.owner);
        found_in_.insert(key_of(path));
      }
      if (item.is.unread || !item.is.owned || item.is.owner != named.owner) again = true;
    }
    for (const auto& [at, what] : wrong) {
      if (reader_.cut_at_end())
        faults_.note(what);
      else
        faults_.tell(at, what);
    }
    if (!readable && !(growing && reader_.cut_at_end())) ++left_;
    // Of segments the reader tells it.
    if (readable && !growing && !reader_.is_segment() && !reader_.complete()) {
      faults_.tell(0, cannot_finish);
      again = true;
    }
    if (!readable || !reader_.complete()) unreadable_.insert(key_of(path));
    look_again_ |= again || reader_.is_segment();
    const bool whole = readable && !again && !reader_.is_segment() && !path.ends_with(".part");
    if (path.ends_with(".part")) partial_.insert(key_of(path));
    (whole ? told_by_name_ : not_told_).insert(key_of(path));
    faults_.end_part();
  }

  // Calls `fn(path)` for all files that there are now.
  template <class F>
  void go_through(F&& fn) {
    erase_walk judge(
        options_.max_window_log, [](const std::string&, std::string_view) {},
        [](const std::string&) {});
    input_walk files(options_.paths, judge.options(), [](const input_fault&) { return true; });
    for (std::string path; files.next(path);) {
      follow_name(path);
      fn(path);
    }
  }

  void take(const std::string& path, csv_counts& counts) {
    if (const path_key key = key_of(path); !was_looked_at(key)) came_late_.insert(key);
    if (may_hold(path)) erase_from(path, counts);
    ++counts.files;
  }

  [[nodiscard]] bool was_looked_at(const path_key& key) const {
    return told_by_name_.contains(key) || not_told_.contains(key);
  }
  [[nodiscard]] bool was_seen(const std::string& path) const {
    const path_key key = key_of(path);
    return path == stdin_path || was_looked_at(key) || came_late_.contains(key);
  }

  // With records in the networks, or come since all was looked at.
  [[nodiscard]] bool is_late(const std::string& path) const {
    const path_key key = key_of(path);
    return found_in_.contains(key) || !was_looked_at(key);
  }

  [[nodiscard]] bool was_completed(const std::string& path) const {
    return !path.ends_with(".part") && partial_.contains(keys_(path));
  }

  // A file of one connection alone, which its name tells, need not be read again. One that was not
  // there before is.
  [[nodiscard]] bool may_hold(const std::string& path) {
    const path_key key = key_of(path);
    if (!told_by_name_.contains(key) || found_in_.contains(key)) return true;
    judge_.begin_file(path);
    return is_erased(judge_.by_name());
  }

  [[nodiscard]] bool is_erased(const judged& is) const {
    return is.owned && connections_.contains(is.owner);
  }

  // What is wrong was told when it was read first.
  [[nodiscard]] bool open_again(const std::string& path) {
    return reader_.open(path, path, [](std::uint64_t, std::string_view) {});
  }

  // Counts what is in the file, and tells of lines that are kept because nothing is known of them.
  [[nodiscard]] file_content content_of(const std::string& path) {
    file_content in;
    if (!open_again(path)) {
      // What is wrong with others was told when they were read first.
      if (unreadable_.contains(key_of(path))) return in;
      ++left_;
      faults_.tell(0, "cannot be read any more: left as it is");
      return in;
    }
    if (reader_.is_segment()) faults_.number_records();
    in.identity = reader_.identity();
    erase_item item;
    while (reader_.next(item)) {
      if (!is_erased(item.is)) {
        ++in.kept;
        if (item.is.unread) faults_.tell(reader_.number(), cannot_judge);
        in.came |= item.is.in_networks;
        continue;
      }
      ++in.erased;
      if (item.is.message) ++in.records;
      if (item.record != nullptr && item.record->first != 0 &&
          reader_.segment().archive().goes_on == 0)
        ++in.archives;
    }
    // One without a line is known by its name alone.
    if (!reader_.is_segment() && in.kept == 0 && is_erased(judge_.by_name())) in.erased += 1;
    if (!reader_.is_segment() && in.erased != 0) ++in.archives;
    in.damaged = reader_.damaged();
    in.read = reader_.complete();
    if (!in.read && in.erased == 0 && !unreadable_.contains(key_of(path))) {
      ++left_;
      faults_.tell(0, cannot_finish);
    }
    in.beyond_us = reader_.beyond_us();
    return in;
  }

  void erase_from(const std::string& path, csv_counts& counts) {
    faults_.begin_file(path);
    const file_content in = content_of(path);
    counts.bytes += reader_.stored_bytes();
    counts.rows += in.erased + in.kept;
    if (in.came) {
      ++left_;
      if (options_.dry_run)
        faults_.note(came_meanwhile);
      else
        faults_.tell(0, came_meanwhile);
    } else if (in.erased != 0) {
      std::string wrong;
      if (in.beyond_us)
        wrong = "has what cannot be read here, or only by a later version of this tool";
      else if (!in.read)
        wrong = cannot_finish;
      if (wrong.empty() && !options_.dry_run) wrong = change(path, in);
      if (wrong.empty()) {
        ++changed_;
        archives_ += in.archives;
        records_ += in.records;
      } else {
        ++left_;
        faults_.tell(0, fmt::format("not erased from: {}", wrong));
      }
    }
    reader_.close();
    faults_.end_part();
  }

  // @return what is wrong; empty where nothing is.
  [[nodiscard]] std::string change(const std::string& path, const file_content& in) {
    const bool partial = path.ends_with(".part");
    if (partial && !collector_.take(path)) {
      collector_.release();
      return "a collector is writing it; erase again when it is complete";
    }
    file_swap swap;
    std::string wrong = swap.begin(path);
    const std::uint64_t links = swap.links();
    if (wrong.empty() && in.kept == 0) {
      wrong = swap.remove(in.identity);
      if (wrong.empty()) ++removed_;
    } else if (wrong.empty()) {
      wrong = rewrite(path, in, swap);
    }
    collector_.release();
    if (!wrong.empty()) return wrong;
    if (links > 1) {
      ++left_;
      faults_.tell(0, fmt::format("has {} other names (hard links): what was erased is there yet",
                                  links - 1));
    }
    if (in.damaged && in.kept != 0)
      faults_.tell(0, "damaged: what could not be read is gone with what was erased");
    return {};
  }

  [[nodiscard]] std::string rewrite(const std::string& path, const file_content& in,
                                    file_swap& swap) {
    if (const int error = swap.create()) return message_of(error);
    if (!open_again(path)) return "cannot be read any more";
    std::uint64_t kept = 0;
    if (const std::error_code ec = copy(path, swap.fd(), kept)) return ec.message();
    if (!reader_.complete() || kept != in.kept) return std::string(cannot_finish);
    const bool segment = reader_.is_segment();
    kept_check check(options_.networks, keys_, connections_, carried_, options_.max_window_log);
    bool same = false;
    if (segment) {
      const descriptor old(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      same = old && check.segments(old.get(), swap.fd(), path);
    } else {
      same = check.archives(path, swap.new_path(), path);
    }
    if (!same) return "the new file does not hold what is to be kept: the old one stays";
    return swap.replace(in.identity);
  }

  [[nodiscard]] std::error_code copy(const std::string& path, int to, std::uint64_t& kept) {
    erase_item item;
    if (!reader_.is_segment()) {
      std::string_view name = path;
      take_ending(name, ".part");
      archive_copy copy;
      std::error_code ec = copy.begin(to, name.ends_with(".zst"));
      while (!ec && reader_.next(item)) {
        if (is_erased(item.is)) continue;
        ec = copy.add(item.line);
        ++kept;
      }
      return ec ? ec : copy.finish();
    }
    segment_copy copy(keys_);
    std::error_code ec = copy.begin(to);
    while (!ec && reader_.next(item)) {
      if (is_erased(item.is)) {
        copy.skip(reader_.segment(), *item.record);
      } else {
        ec = copy.add(reader_.segment(), *item.record, !is_erased(reader_.about()));
        ++kept;
      }
    }
    return ec ? ec : copy.finish(!path.ends_with(".part"));
  }

  const erase_options& options_;
  const fault_callback& on_fault_;
  fault_log faults_;
  path_keys keys_;
  carried_contexts carried_{keys_};
  erase_judge judge_;
  erase_reader reader_;
  collector_lock collector_;
  connection_set connections_;   // that are erased
  connection_set found_in_;      // files, by their paths, with records in the networks
  connection_set told_by_name_;  // files whose names tell whose all their lines are
  connection_set not_told_;      // other files
  connection_set unreadable_;    // of those, files of which not all can be read: that was told
  connection_set came_late_;     // other files, that came since and were erased from
  connection_set partial_;       // of those, files that were not complete
  bool look_again_ = false;      // into those

  std::uint64_t files_ = 0;
  std::uint64_t changed_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t archives_ = 0;
  std::uint64_t records_ = 0;
};

}  // namespace

int erase_connections(output& out, const erase_options& options, const say& complain) {
  command_faults faults(complain);
  erasing work(options, faults.callback());
  if (work.refuse()) return end_status(out, true, complain);
  const walk_options walk{.max_window_log = options.max_window_log};
  {
    csv_counts counts;
    csv_progress shown(counts, options.paths, walk, options.progress, "records");
    const auto told = faults.told_with(shown);
    work.look(counts);
  }
  {
    csv_counts counts;
    csv_progress shown(counts, options.paths, walk, options.progress, "records");
    const auto told = faults.told_with(shown);
    work.erase(counts);
  }
  if (!options.quiet) out.put(work.summary());
  return end_status(out, faults.any(), complain);
}

}  // namespace tcpinfo::offline
