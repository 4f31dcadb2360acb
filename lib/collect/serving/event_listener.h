// SPDX-License-Identifier: Apache-2.0
//
// The file of the event socket: made, guarded and removed.
#ifndef TCPINFO_COLLECT_SERVING_EVENT_LISTENER_H
#define TCPINFO_COLLECT_SERVING_EVENT_LISTENER_H

#include <sys/types.h>

#include <optional>
#include <string>
#include <system_error>

#include "collect/os/descriptor.h"

namespace tcpinfo::collect {

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
  [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }
  /// Stops listening, and removes the file if it is still ours.
  void close() noexcept;

 private:
  collect::descriptor socket_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace tcpinfo::collect

#endif
