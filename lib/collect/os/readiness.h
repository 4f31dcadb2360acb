// SPDX-License-Identifier: Apache-2.0
//
// Whether descriptors are readable or writable: asked now, or waited for.
#ifndef TCPINFO_COLLECT_OS_READINESS_H
#define TCPINFO_COLLECT_OS_READINESS_H

#include <poll.h>
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <system_error>

#include "collect/os/descriptor.h"

namespace tcpinfo::collect {

/// Whether a read, or a write, would not wait now. False where `fd` is -1.
[[nodiscard]] bool is_readable(int fd) noexcept;
[[nodiscard]] bool is_writable(int fd) noexcept;
/// Waits until a write would not wait.
void await_writable(int fd) noexcept;

/// For ever, as a time to wait until.
inline constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();

/// poll(2) until the monotonic time `until_ns`.
/// @return how many are ready; -1 where a signal came, or there is no memory.
int await_any(std::span<pollfd> watched, std::int64_t until_ns) noexcept;

/// Descriptors that are waited for again and again: epoll(7). One thread.
class wait_set {
 public:
  /// One that is ready, and for what (EPOLLIN and the like).
  struct ready {
    int fd;
    std::uint32_t events;
  };

  [[nodiscard]] std::error_code open() noexcept;
  void close() noexcept { epoll_.reset(); }
  /// A descriptor that is closed leaves the set by itself.
  [[nodiscard]] std::error_code add(int fd, std::uint32_t events) noexcept;
  [[nodiscard]] std::error_code change(int fd, std::uint32_t events) noexcept;
  void remove(int fd) noexcept;
  /// Waits for `timeout_ms` at most; -1: for ever.
  /// @return those that are ready, valid until the next call.
  [[nodiscard]] std::span<const ready> wait(int timeout_ms) noexcept;
  /// Readable while one of them is ready, so that a set can be in a set; -1 where it is not open.
  [[nodiscard]] int descriptor() const noexcept { return epoll_.get(); }

 private:
  [[nodiscard]] std::error_code control(int operation, int fd, std::uint32_t events) noexcept;

  collect::descriptor epoll_;
  std::array<ready, 64> found_;
};

}  // namespace tcpinfo::collect

#endif
