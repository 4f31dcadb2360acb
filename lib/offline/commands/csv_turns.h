// SPDX-License-Identifier: Apache-2.0
//
// Files, and parts of large ones, go to several workers, and what they print comes out in their
// order: who is not the first waits when its buffer is full. So memory stays constant, whatever a
// file's size.
#ifndef TCPINFO_OFFLINE_COMMANDS_CSV_TURNS_H
#define TCPINFO_OFFLINE_COMMANDS_CSV_TURNS_H

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>

#include "offline/inputs/parts.h"

namespace tcpinfo::offline {

class csv_turns {
 public:
  /// The next file, or part of one; false at the end. Called by one worker at a time. A fault of
  /// the walk itself (a folder that cannot be read) has the turn of the file that comes after it.
  using next_file = std::function<bool(input_part& part)>;

  explicit csv_turns(next_file next) : next_(std::move(next)) {}

  /// Takes a part and its number. @return false at the end, and after stop().
  [[nodiscard]] bool take(input_part& part, std::size_t& number);
  /// The number that take() gives out next; for the walk's own faults.
  [[nodiscard]] std::size_t next_number() const { return given_; }

  /// Whether all parts before `number` are done.
  [[nodiscard]] bool is_turn(std::size_t number);
  /// Waits until they are. @return false after stop().
  [[nodiscard]] bool wait(std::size_t number);
  /// Nothing more comes of that part. Only in its turn.
  void done(std::size_t number);
  /// Nobody waits and nothing is given out any more.
  void stop();

 private:
  next_file next_;
  std::mutex taking_;
  std::size_t given_ = 0;

  std::mutex waiting_;
  std::condition_variable turned_;
  std::size_t turn_ = 0;
  bool stopped_ = false;
};

}  // namespace tcpinfo::offline

#endif
