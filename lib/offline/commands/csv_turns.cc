// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/csv_turns.h"

namespace tcpinfo::offline {

bool csv_turns::take(input_part& part, std::size_t& number) {
  // Not the lock of the turns: the walk may wait for its own turn inside.
  const std::lock_guard taking(taking_);
  {
    const std::lock_guard lock(waiting_);
    if (stopped_) return false;
  }
  if (!next_(part)) return false;
  number = given_++;
  return true;
}

bool csv_turns::is_turn(std::size_t number) {
  const std::lock_guard lock(waiting_);
  return turn_ == number;
}

bool csv_turns::wait(std::size_t number) {
  std::unique_lock lock(waiting_);
  turned_.wait(lock, [&] { return stopped_ || turn_ == number; });
  return !stopped_;
}

void csv_turns::done(std::size_t number) {
  {
    const std::lock_guard lock(waiting_);
    turn_ = number + 1;
  }
  turned_.notify_all();
}

void csv_turns::stop() {
  {
    const std::lock_guard lock(waiting_);
    stopped_ = true;
  }
  turned_.notify_all();
}

}  // namespace tcpinfo::offline
