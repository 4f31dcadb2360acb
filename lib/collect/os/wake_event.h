// SPDX-License-Identifier: Apache-2.0
//
// Wakes a thread that waits for descriptors: an eventfd(2).
#ifndef TCPINFO_COLLECT_OS_WAKE_EVENT_H
#define TCPINFO_COLLECT_OS_WAKE_EVENT_H

#include <sys/eventfd.h>

#include <system_error>

#include "collect/os/descriptor.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

/// Any thread, once open.
class wake_event {
 public:
  [[nodiscard]] std::error_code open() noexcept {
    event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return event_ ? std::error_code{} : last_error();
  }
  void close() noexcept { event_.reset(); }

  /// From here on get() is readable.
  void signal() const noexcept { (void)::eventfd_write(event_.get(), 1); }
  /// No more, until the next signal().
  void clear() const noexcept {
    eventfd_t times = 0;
    (void)::eventfd_read(event_.get(), &times);
  }
  [[nodiscard]] int get() const noexcept { return event_.get(); }

 private:
  descriptor event_;
};

}  // namespace tcpinfo::collect

#endif
