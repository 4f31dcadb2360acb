// SPDX-License-Identifier: Apache-2.0
//
// Keeps a second collector out of the output directory, also after somebody took that away and it
// was made anew.
#ifndef TCPINFO_COLLECT_WRITING_OUTPUT_LOCK_H
#define TCPINFO_COLLECT_WRITING_OUTPUT_LOCK_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>

#include "collect/os/os.h"

namespace tcpinfo::collect {

/// Any thread.
class output_lock {
 public:
  output_lock(os& system, std::string output);

  /// Makes the directory where it is missing, and takes the lock; where it is held and still in its
  /// place, nothing is done.
  /// @return EWOULDBLOCK: another collector has it.
  [[nodiscard]] std::error_code take();

  /// take(), at most once a second: whether files may still be made here.
  [[nodiscard]] std::error_code check();

  /// See held_lock. The lock must be held.
  [[nodiscard]] std::error_code read_note(std::string& out);
  [[nodiscard]] std::error_code write_note(const std::string& text);

 private:
  os& system_;
  const std::string output_;
  const std::string path_;
  std::mutex mutex_;
  std::unique_ptr<held_lock> lock_;
  std::string note_;  // that was written, for a lock taken anew
  std::atomic<std::int64_t> checked_ns_{0};
};

}  // namespace tcpinfo::collect

#endif
