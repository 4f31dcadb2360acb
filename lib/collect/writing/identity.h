// SPDX-License-Identifier: Apache-2.0
//
// Who records: what goes into UUIDs and metadata records, found out once.
#ifndef TCPINFO_COLLECT_WRITING_IDENTITY_H
#define TCPINFO_COLLECT_WRITING_IDENTITY_H

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

#include "collect/config.h"

namespace tcpinfo::collect {

/// The UUID prefixes of a run: the one it began with and those that came by reloading. A connection
/// keeps the one that was in force when it was first seen. Any thread.
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

struct identity {
  std::string uuid_prefix;  ///< at the start
  std::string host;
  std::string kernel;     ///< release
  std::string collector;  ///< program and version
  std::string interval;
  std::string run;   ///< 16 hex digits, new for each run
  std::string boot;  ///< the kernel's random id of this boot; empty where unknown
};

/// The first line's worth of a prefix file, one trailing newline dropped, checked.
/// @return the errno of reading it, or errc::bad_uuid.
[[nodiscard]] std::error_code read_uuid_prefix(const std::string& file, std::string& out);

/// A note for the next run, so that it goes on with this prefix where it was made from the boot
/// time: that moves when the clock is stepped.
[[nodiscard]] std::string prefix_note(const identity& who);
/// Takes the prefix of an earlier run's note if that ran since this boot on a host of this name.
void adopt_prefix(std::string_view note, identity& who);

/// Fills all of it. Fails only by the prefix file.
[[nodiscard]] std::error_code make_identity(const config& c, identity& out);

}  // namespace tcpinfo::collect

#endif
