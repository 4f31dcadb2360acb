// SPDX-License-Identifier: Apache-2.0
//
// The summaries of a segment's archives, in place of its records.
#ifndef TCPINFO_OFFLINE_INPUTS_SEGMENT_SUMMARIES_H
#define TCPINFO_OFFLINE_INPUTS_SEGMENT_SUMMARIES_H

#include <tcpinfo/archive.h>
#include <tcpinfo/segment.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/archive_summary.h"
#include "analysis/name_pool.h"
#include "offline/inputs/archive_facts.h"

namespace tcpinfo::offline {

/// An archive's summary as a reader hands it on. Views are valid during the call only.
struct input_summary {
  std::string_view uuid;
  archive_facts facts;
  std::string_view congestion_control;  ///< empty: unknown
  /// To be taken: afterwards it is not to be used. Its congestion control is that of above.
  analysis::archive_summary& of;
};

/// When records are wanted; absent: whenever.
struct summary_times {
  std::optional<timestamp> since{};  ///< this moment and later
  std::optional<timestamp> until{};  ///< before this moment
};

/// Reads one segment after the other. One thread at a time.
class segment_summaries {
 public:
  /// So many are held at once, of some 800 bytes: of more, the blocks are read a second time.
  static constexpr std::size_t usually_held = std::size_t{1} << 17U;

  explicit segment_summaries(std::int32_t max_window_log, std::size_t most_held = usually_held)
      : max_window_log_(max_window_log), most_held_(most_held) {}

  /// Reads the summaries of the file at `path`, if it is a finished segment whose index says that
  /// they tell of all its records, and all these are within the times wanted. @return false where
  /// records are to be read instead: also where anything of the summaries is damaged. No fault is
  /// told here.
  [[nodiscard]] bool read(const std::string& path, const summary_times& wanted);
  /// Reads those of one block in memory, which is used until they were handed on; a block of
  /// records has none. @return as segment_reader::next_summary(), errc::bad_block also where one
  /// does not say which connection it is of: there are none then.
  [[nodiscard]] std::error_code read_block(bytes_view block);
  /// Of the latest file, where that was false: its index says that they tell of all its records,
  /// and they cannot be read.
  [[nodiscard]] bool is_damaged() const noexcept { return damaged_; }
  /// Of the latest file read: records that its summaries tell of; bytes.
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  [[nodiscard]] std::uint64_t file_bytes() const noexcept { return file_bytes_; }

  /// Calls `fn(input_summary&)` for each summary of that file, in its order, and forgets them.
  template <class F>
  void hand_on(F&& fn) {
    for (; fill(); held_.pop_front()) {
      held& h = held_.front();
      archive_facts facts;
      facts.host = names_.text(h.host);
      facts.netns = names_.text(h.netns);
      facts.run = names_.text(h.run);
      facts.sequence = h.sequence;
      facts.start_time = h.start_time;
      facts.opened = h.opened;
      facts.owner = names_.text(h.owner);
      input_summary one{h.uuid, facts, names_.text(h.summary.records().congestion_control()),
                        h.summary};
      fn(one);
    }
  }

 private:
  struct held {
    analysis::archive_summary summary;
    std::string uuid;
    std::uint64_t sequence = 0;
    timestamp start_time;
    timestamp opened;
    analysis::name_pool::id host = analysis::name_pool::none;
    analysis::name_pool::id netns = analysis::name_pool::none;
    analysis::name_pool::id run = analysis::name_pool::none;
    analysis::name_pool::id owner = analysis::name_pool::none;
  };

  [[nodiscard]] bool load(int fd);
  [[nodiscard]] bool take_all(const segment_contents& contents);
  [[nodiscard]] bool open();
  [[nodiscard]] bool fill();
  [[nodiscard]] bool take(const segment_archive& archive, const segment_summary& summary);

  std::int32_t max_window_log_;
  std::size_t most_held_;
  segment_reader reader_;
  analysis::name_pool names_;
  std::vector<std::byte> bytes_;  // the blocks of summaries
  std::deque<held> held_;
  std::uint64_t records_ = 0;
  std::uint64_t file_bytes_ = 0;
  bool damaged_ = false;
  bool held_all_ = true;  // else reader_ has the rest
};

}  // namespace tcpinfo::offline

#endif
