// SPDX-License-Identifier: Apache-2.0
//
// The file of the event socket: made, guarded and removed.
#ifndef TCPINFO_COLLECT_SERVING_EVENT_LISTENER_H
#define TCPINFO_COLLECT_SERVING_EVENT_LISTENER_H

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace tcpinfo::collect {

/// Longest path a unix socket can have.
inline constexpr std::size_t max_socket_path = 107;

/// One thread.
class event_listener {
 public:
  event_listener() = default;
  ~event_listener() { close(); }
  event_listener(const event_listener&) = delete;
  event_listener& operator=(const event_listener&) = delete;

  /// Listens at `path`. A socket there that nobody listens to is what a killed collector left, and
  /// is replaced; anything else that is there stays, a symbolic link among it. `mode` is the file's
  /// (who may connect needs the right to write); without it the umask decides.
  /// @return EADDRINUSE: somebody listens there. EEXIST: there is something that is no socket.
  [[nodiscard]] std::error_code open(const std::string& path, std::optional<unsigned> mode);
  /// Readable when somebody calls. Does not block.
  [[nodiscard]] int descriptor() const noexcept { return fd_; }
  /// Stops listening, and removes the file if it is still ours.
  void close() noexcept;

 private:
  int fd_ = -1;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace tcpinfo::collect

#endif
