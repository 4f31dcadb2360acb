// SPDX-License-Identifier: Apache-2.0
//
// The operating system as the collector uses it: clock, threads, files, network namespaces. One
// production implementation (linux_os); tests give another that fails, lies or replays. File
// operations are whole deeds ("append this frame"), so that no caller can leave one half done.
#ifndef TCPINFO_COLLECT_OS_OS_H
#define TCPINFO_COLLECT_OS_OS_H

#include <tcpinfo/inetdiag.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "collect/os/descriptor.h"
#include "collect/os/netns.h"

namespace tcpinfo::collect {

struct directory_entry {
  std::string name;
  bool is_directory = false;
  bool is_file = false;  ///< a regular one
};

/// Gives the lock back when it ends. Its file can keep a note for the next run.
class held_lock {
 public:
  held_lock() = default;
  virtual ~held_lock() = default;
  held_lock(const held_lock&) = delete;
  held_lock& operator=(const held_lock&) = delete;

  /// Whether the lock's file is still the one of that path, so that others meet the lock.
  [[nodiscard]] virtual bool in_place() = 0;
  [[nodiscard]] virtual std::error_code read_note(std::string& out) = 0;
  [[nodiscard]] virtual std::error_code write_note(std::string_view text) = 0;
};

/// The addresses of the network namespace it was made in. Used by one thread.
class address_watch {
 public:
  address_watch() = default;
  virtual ~address_watch() = default;
  address_watch(const address_watch&) = delete;
  address_watch& operator=(const address_watch&) = delete;

  /// Whether they may have changed since the last call; true at the first. Cheap, never waits.
  [[nodiscard]] virtual bool changed() noexcept = 0;
  /// All of them now, IPv4 as such, unsorted. On failure changed() will be true again.
  [[nodiscard]] virtual std::error_code read(std::vector<ip_address>& out) noexcept = 0;
};

class os {
 public:
  virtual ~os() = default;

  // Clock. Thread-safe.

  /// Nanoseconds since 1970, UTC. May jump.
  [[nodiscard]] virtual std::int64_t realtime_ns() noexcept = 0;
  /// Nanoseconds since some start. Never jumps, and stands still while the machine sleeps.
  [[nodiscard]] virtual std::int64_t monotonic_ns() noexcept = 0;
  /// The same with the time the machine slept.
  [[nodiscard]] virtual std::int64_t boottime_ns() noexcept = 0;
  /// Processor time that this process has used, all threads.
  [[nodiscard]] virtual std::int64_t processor_ns() noexcept = 0;
  /// Which descriptors wait() found readable.
  struct readable {
    bool a = false;
    bool b = false;
  };
  /// Sleeps until the monotonic time `until_ns`, or less long where a descriptor (-1 is none)
  /// becomes readable or a signal handler ran.
  virtual readable wait(int descriptor_a, int descriptor_b, std::int64_t until_ns) noexcept = 0;

  /// Sleeps until `changed` is notified or the monotonic time is `until_ns`; it may also return
  /// earlier. `lock` is held when it is called and when it returns.
  virtual void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                    std::int64_t until_ns) noexcept = 0;

  /// Starts a thread where `out` has none. Thread-safe.
  /// @return why it cannot be had: EAGAIN where a limit on processes or threads is reached, ENOMEM.
  [[nodiscard]] virtual std::error_code start_thread(std::function<void()> body,
                                                     std::thread& out) noexcept = 0;

  // Files. Thread-safe for different paths. Below the output directory no symbolic link is
  // followed, wherever in the path it stands (ENOTDIR, ELOOP); the output directory itself may be
  // one.

  /// Makes the directory and its parents; one that exists is fine. Where it fails, what it made is
  /// gone again.
  [[nodiscard]] virtual std::error_code make_directories(const std::string& path) = 0;
  /// Writes `bytes` at offset `at`, which must be the file's size: ESTALE where it is not. At 0 the
  /// file is created, EEXIST where it exists. After an error the file has its former size or, where
  /// even that could not be restored, is cut by recovery; a file that was to be created is gone.
  [[nodiscard]] virtual std::error_code append(const std::string& path, bytes_view bytes,
                                               std::uint64_t at) = 0;
  /// Opens a regular file for reading. EINVAL for anything but a regular file.
  [[nodiscard]] virtual std::error_code open_read(const std::string& path, descriptor& out) = 0;
  /// A regular file's size, what it takes of the disk, and when it was last written to.
  struct file_status {
    std::uint64_t size = 0;
    std::uint64_t allocated = 0;   ///< bytes of its blocks
    std::int64_t modified_ns = 0;  ///< since 1970
  };
  [[nodiscard]] virtual std::error_code status(const std::string& path, file_status& out) = 0;
  /// Removes a folder. ENOTEMPTY where it holds anything.
  [[nodiscard]] virtual std::error_code remove_folder(const std::string& path) = 0;
  /// A regular file's size.
  [[nodiscard]] virtual std::error_code size(const std::string& path, std::uint64_t& out) = 0;
  /// Cuts a file.
  [[nodiscard]] virtual std::error_code truncate(const std::string& path, std::uint64_t size) = 0;
  /// Tries, with a file of its own that is gone afterwards, what finalizing files takes in this
  /// directory.
  /// @param deed what failed, as "rename"
  /// @return an error only where it will never work here; what may work later (no space) is none.
  [[nodiscard]] virtual std::error_code try_finalizing(const std::string& folder,
                                                       std::string& deed) = 0;
  /// Waits until a file's content is on stable storage, where the file system can tell (one in user
  /// space or of objects may have no fsync(2)).
  [[nodiscard]] virtual std::error_code sync(const std::string& path) = 0;
  /// The same for everything on the file system that holds `path`.
  [[nodiscard]] virtual std::error_code sync_file_system(const std::string& path) = 0;
  /// Renames, atomically and never over an existing file: EEXIST. Where the file system has neither
  /// a rename that replaces nothing nor hard links, it looks first: the caller holds the lock that
  /// keeps others from making a file of that name in between.
  [[nodiscard]] virtual std::error_code rename_new(const std::string& from,
                                                   const std::string& to) = 0;
  /// Renames, atomically, over what is there.
  [[nodiscard]] virtual std::error_code replace(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual std::error_code remove(const std::string& path) = 0;
  /// Whether there is anything of that name.
  [[nodiscard]] virtual std::error_code exists(const std::string& path, bool& out) = 0;
  /// Shows the entries of a directory, one after the other, unsorted, without "." and "..": there
  /// may be many millions.
  [[nodiscard]] virtual std::error_code list(
      const std::string& path, const std::function<void(const directory_entry&)>& show) = 0;
  /// Takes a lock that is held as long as `out` and this object, creating the file. EWOULDBLOCK:
  /// somebody else holds it.
  [[nodiscard]] virtual std::error_code lock(const std::string& path,
                                             std::unique_ptr<held_lock>& out) = 0;

  // Sockets.

  /// As find_newest_cookie().
  [[nodiscard]] virtual std::error_code newest_cookie(std::uint64_t& out) noexcept = 0;
  [[nodiscard]] virtual std::error_code watch_addresses(std::unique_ptr<address_watch>& out) = 0;
  [[nodiscard]] virtual std::unique_ptr<netns_finder> find_netns(
      const std::vector<std::string>& wanted) = 0;
  /// Moves the calling thread into a network namespace for good. ESTALE where it is gone.
  [[nodiscard]] virtual std::error_code enter_netns(const found_netns& where) noexcept = 0;
};

struct linux_os_options {
  std::string output;         ///< the output directory
  unsigned file_mode = 0640;  ///< of files; folders get the execute bits that go with it
  /// Called once, where a file system has no fsync(2), with a path on it and what it answered.
  /// Any thread.
  std::function<void(const std::string& path, std::error_code why)> on_no_fsync = {};
};

/// The real one. Modes are those given, whatever the umask, if the caller has cleared that.
[[nodiscard]] std::unique_ptr<os> make_linux_os(linux_os_options options);

}  // namespace tcpinfo::collect

#endif
