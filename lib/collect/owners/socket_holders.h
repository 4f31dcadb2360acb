// SPDX-License-Identifier: Apache-2.0
//
// Which process holds a socket, by the open files that /proc shows: where no program in the kernel
// tells. A thread of its own goes through them, at most once a second, and only while somebody has
// asked for a socket that it does not know.
#ifndef TCPINFO_COLLECT_OWNERS_SOCKET_HOLDERS_H
#define TCPINFO_COLLECT_OWNERS_SOCKET_HOLDERS_H

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace tcpinfo::collect {

/// Numbers of processes by the inode numbers of the sockets that they hold, as far as this process
/// may see them. Of several the one with the lowest number. Throws std::bad_alloc.
[[nodiscard]] std::unordered_map<std::uint64_t, std::uint32_t> holders_of_sockets();

class socket_holders {
 public:
  socket_holders();
  ~socket_holders();
  socket_holders(const socket_holders&) = delete;
  socket_holders& operator=(const socket_holders&) = delete;

  /// 0 where it is not known yet; then it may be soon. Any thread.
  [[nodiscard]] std::uint32_t holder_of(std::uint64_t inode);

 private:
  void run() noexcept;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<std::uint64_t, std::uint32_t> known_;
  bool wanted_ = true;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
