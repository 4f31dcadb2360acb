// SPDX-License-Identifier: Apache-2.0
//
// The UUID prefixes of a run.
#ifndef TCPINFO_COLLECT_WRITING_UUID_PREFIXES_H
#define TCPINFO_COLLECT_WRITING_UUID_PREFIXES_H

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

namespace tcpinfo::collect {

/// The prefix the run began with and those that came by reloading. A connection keeps the one that
/// was in force when it was first seen. Any thread.
class uuid_prefixes {
 public:
  /// The number of the one in force.
  [[nodiscard]] std::uint16_t current() const noexcept {
    return current_.load(std::memory_order_acquire);
  }
  [[nodiscard]] bool has_room_for(std::string_view prefix) const;
  /// From now on. The same one again changes nothing. False where there were too many.
  [[nodiscard]] bool set(std::string prefix);
  /// Valid as long as this object.
  [[nodiscard]] std::string_view get(std::uint16_t number) const noexcept;

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> all_;
  std::atomic<std::uint16_t> current_{0};
};

}  // namespace tcpinfo::collect

#endif
