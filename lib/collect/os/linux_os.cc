// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <span>
#include <utility>

#include "collect/os/clock.h"
#include "collect/os/descriptor.h"
#include "collect/os/linux_addresses.h"
#include "collect/os/linux_netns.h"
#include "collect/os/newest_cookie.h"
#include "collect/os/os.h"
#include "collect/os/output_tree.h"
#include "collect/os/readiness.h"
#include "collect/os/thread.h"
#include "common/errno_of.h"
#include "common/time_units.h"
#include "text/write_all.h"

namespace tcpinfo::collect {
namespace {

std::error_code write_all(int fd, bytes_view bytes) noexcept {
  const int error =
      text::write_all(fd, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return error == 0 ? std::error_code{} : system_error(error);
}

// File systems answer so to a call, or a flag of it, that they do not have. EPERM may mean a
// missing permission as well; then the other way fails, too.
bool is_unsupported(int error) noexcept {
  return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM;
}

// The execute bit for everybody who may read or write.
unsigned folder_mode(unsigned file_mode) noexcept {
  return file_mode | (file_mode & 0444U) >> 2U | (file_mode & 0222U) >> 1U;
}

class flock_lock final : public held_lock {
 public:
  flock_lock(descriptor file, std::string path, const output_tree& tree)
      : file_(std::move(file)), path_(std::move(path)), tree_(tree) {}

  bool in_place() override {
    place where;
    struct stat there {};
    struct stat held {};
    return !tree_.find(path_, where) &&
           ::fstatat(where.folder.get(), where.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           ::fstat(file_.get(), &held) == 0 && there.st_dev == held.st_dev &&
           there.st_ino == held.st_ino;
  }
  std::error_code read_note(std::string& out) override {
    out.resize(4096);
    const ssize_t got = ::pread(file_.get(), out.data(), out.size(), 0);
    out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return got < 0 ? last_error() : std::error_code{};
  }
  std::error_code write_note(std::string_view text) override {
    place where;
    if (const auto ec = tree_.find(path_, where)) return ec;
    const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    const descriptor file(::openat(where.folder.get(), where.name.c_str(), flags));
    struct stat opened {};
    struct stat held {};
    if (!file || ::fstat(file.get(), &opened) != 0 || ::fstat(file_.get(), &held) != 0)
      return last_error();
    // Nothing but the file that is locked.
    if (opened.st_dev != held.st_dev || opened.st_ino != held.st_ino) return system_error(ESTALE);
    if (::ftruncate(file.get(), 0) != 0) return last_error();
    return write_all(file.get(), std::as_bytes(std::span(text)));
  }

 private:
  // Opened for reading: a descriptor open for writing would keep the file system from being
  // remounted read-only.
  const descriptor file_;
  const std::string path_;
  const output_tree& tree_;
};

class linux_os final : public os {
 public:
  explicit linux_os(linux_os_options options)
      : mode_(options.file_mode),
        on_no_fsync_(std::move(options.on_no_fsync)),
        tree_(std::move(options.output)) {}

  std::int64_t realtime_ns() noexcept override { return clock_ns(CLOCK_REALTIME); }
  std::int64_t monotonic_ns() noexcept override { return clock_ns(CLOCK_MONOTONIC); }
  std::int64_t processor_ns() noexcept override { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }
  std::int64_t boottime_ns() noexcept override { return clock_ns(CLOCK_BOOTTIME); }

  readable wait(int descriptor_a, int descriptor_b, std::int64_t until_ns) noexcept override {
    pollfd watched[2] = {{descriptor_a, POLLIN, 0}, {descriptor_b, POLLIN, 0}};
    if (await_any(watched, until_ns) <= 0) return {};
    return {watched[0].revents != 0, watched[1].revents != 0};
  }

  void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
            std::int64_t until_ns) noexcept override {
    // Not for ever at once: the end must be a time that the library's clock can name.
    constexpr std::int64_t longest_ns = 3'600'000'000'000;
    const std::int64_t left = std::min(until_ns - monotonic_ns(), longest_ns);
    if (left > 0) changed.wait_for(lock, std::chrono::nanoseconds(left));
  }

  std::error_code start_thread(std::function<void()> body, std::thread& out) noexcept override {
    return collect::start_thread(std::move(body), out);
  }

  std::error_code make_directories(const std::string& path) override {
    return tree_.make(path, folder_mode(mode_));
  }

  std::error_code append(const std::string& path, bytes_view bytes, std::uint64_t at) override {
    place where;
    if (const auto ec = tree_.find(path, where)) return ec;
    // Not blocking: a FIFO of that name must not hold us up.
    const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_APPEND |
                      (at == 0 ? O_CREAT | O_EXCL : 0);
    descriptor file(::openat(where.folder.get(), where.name.c_str(), flags, mode_));
    if (!file) return last_error();
    if (at != 0) {
      struct stat status {};
      if (::fstat(file.get(), &status) != 0) return last_error();
      if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != at)
        return system_error(ESTALE);
    }
    std::error_code ec = write_all(file.get(), bytes);
    // Never leave half a frame behind: it would stand between whole ones once writing works again.
    if (ec && at != 0) (void)::ftruncate(file.get(), static_cast<off_t>(at));
    // Some file systems (NFS) report a failed write only here.
    if (::close(file.release()) != 0 && !ec && errno != EINTR) {
      ec = last_error();
      if (at != 0) (void)truncate(path, at);
    }
    if (ec && at == 0) (void)::unlinkat(where.folder.get(), where.name.c_str(), 0);
    return ec;
  }

  std::error_code open_read(const std::string& path, descriptor& out) override {
    return open_file(path, O_RDONLY, out);
  }

  std::error_code size(const std::string& path, std::uint64_t& out) override {
    struct stat status {};
    if (const auto ec = look(path, status)) return ec;
    if (!S_ISREG(status.st_mode)) return system_error(EINVAL);
    out = static_cast<std::uint64_t>(status.st_size);
    return {};
  }

  std::error_code status(const std::string& path, file_status& out) override {
    struct stat status {};
    if (const auto ec = look(path, status)) return ec;
    if (!S_ISREG(status.st_mode)) return system_error(EINVAL);
    constexpr std::uint64_t block = 512;  // stat(2): whatever the file system's are
    out.size = static_cast<std::uint64_t>(status.st_size);
    out.allocated = static_cast<std::uint64_t>(status.st_blocks) * block;
    out.modified_ns =
        std::int64_t{status.st_mtim.tv_sec} * ns_a_second + std::int64_t{status.st_mtim.tv_nsec};
    return {};
  }

  std::error_code remove_folder(const std::string& path) override {
    place where;
    if (const auto ec = tree_.find(path, where)) return ec;
    return ::unlinkat(where.folder.get(), where.name.c_str(), AT_REMOVEDIR) == 0 ? std::error_code{}
                                                                                 : last_error();
  }

  std::error_code truncate(const std::string& path, std::uint64_t size) override {
    descriptor file;
    if (const auto ec = open_file(path, O_WRONLY, file)) return ec;
    return ::ftruncate(file.get(), static_cast<off_t>(size)) == 0 ? std::error_code{}
                                                                  : last_error();
  }

  std::error_code sync(const std::string& path) override {
    descriptor file;
    if (const auto ec = open_file(path, O_RDONLY, file)) return ec;
    if (::fsync(file.get()) == 0) return {};
    if (errno == EPERM || !is_unsupported(errno)) return last_error();
    const std::error_code none = last_error();
    if (on_no_fsync_ && !said_no_fsync_.exchange(true)) on_no_fsync_(path, none);
    return {};
  }

  std::error_code try_finalizing(const std::string& folder, std::string& deed) override {
    const std::string part = folder + "/.tcpinfo-collect.trial";
    const std::string complete = folder + "/.tcpinfo-collect.trial-complete";
    // Of one that was killed.
    (void)remove(part);
    (void)remove(complete);
    const auto one = std::as_bytes(std::span<const char>("x", 1));
    deed = "append";
    auto ec = append(part, one, 0);
    if (!ec) ec = append(part, one, 1);
    if (!ec) {
      deed = "sync";
      ec = sync(part);
    }
    if (!ec) {
      deed = "rename";
      ec = rename_new(part, complete);
    }
    (void)remove(part);
    (void)remove(complete);
    if (!ec || !is_unsupported(ec.value())) return {};
    return ec;
  }

  std::error_code sync_file_system(const std::string& path) override {
    const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return file && ::syncfs(file.get()) == 0 ? std::error_code{} : last_error();
  }

  std::error_code rename_new(const std::string& from, const std::string& to) override {
    place old;
    place fresh;
    if (const auto ec = tree_.find(from, old)) return ec;
    if (const auto ec = tree_.find(to, fresh)) return ec;
    const char* const old_name = old.name.c_str();
    const char* const new_name = fresh.name.c_str();
    if (::renameat2(old.folder.get(), old_name, fresh.folder.get(), new_name, RENAME_NOREPLACE) ==
        0)
      return {};
    if (!is_unsupported(errno)) return last_error();
    // A file system without that flag: a link fails where the name is taken, just as well.
    if (::linkat(old.folder.get(), old_name, fresh.folder.get(), new_name, 0) == 0)
      return ::unlinkat(old.folder.get(), old_name, 0) == 0 ? std::error_code{} : last_error();
    if (!is_unsupported(errno)) return last_error();
    // Nor hard links: one in user space, or of objects.
    struct stat status {};
    if (::fstatat(fresh.folder.get(), new_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
      return system_error(EEXIST);
    if (errno != ENOENT) return last_error();
    return ::renameat(old.folder.get(), old_name, fresh.folder.get(), new_name) == 0
               ? std::error_code{}
               : last_error();
  }

  std::error_code replace(const std::string& from, const std::string& to) override {
    place old;
    place fresh;
    if (const auto ec = tree_.find(from, old)) return ec;
    if (const auto ec = tree_.find(to, fresh)) return ec;
    return ::renameat(old.folder.get(), old.name.c_str(), fresh.folder.get(), fresh.name.c_str()) ==
                   0
               ? std::error_code{}
               : last_error();
  }

  std::error_code remove(const std::string& path) override {
    place where;
    if (const auto ec = tree_.find(path, where)) return ec;
    return ::unlinkat(where.folder.get(), where.name.c_str(), 0) == 0 ? std::error_code{}
                                                                      : last_error();
  }

  std::error_code exists(const std::string& path, bool& out) override {
    struct stat status {};
    const auto ec = look(path, status);
    out = !ec;
    const bool not_there = ec == std::errc::no_such_file_or_directory;
    return not_there ? std::error_code{} : ec;
  }

  std::error_code list(const std::string& path,
                       const std::function<void(const directory_entry&)>& show) override {
    descriptor fd;
    if (const auto ec = open(path, O_RDONLY | O_DIRECTORY, fd)) return ec;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd.get()), &::closedir);
    if (directory == nullptr) return last_error();
    (void)fd.release();
    directory_entry found;
    errno = 0;
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") {
        bool is_directory = entry->d_type == DT_DIR;
        bool is_file = entry->d_type == DT_REG;
        struct stat status {};
        if (entry->d_type == DT_UNKNOWN &&
            ::fstatat(::dirfd(directory.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
          is_directory = S_ISDIR(status.st_mode);
          is_file = S_ISREG(status.st_mode);
        }
        found.name = name;
        found.is_directory = is_directory;
        found.is_file = is_file;
        show(found);
      }
      errno = 0;
    }
    return errno == 0 ? std::error_code{} : last_error();
  }

  std::error_code lock(const std::string& path, std::unique_ptr<held_lock>& out) override {
    descriptor file;
    if (const auto ec = open_file(path, O_RDONLY | O_CREAT, file)) return ec;
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return last_error();
    // Another name of some other file, which would be overwritten.
    if (status.st_nlink > 1) return system_error(EMLINK);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      // NFS makes byte-range locks of it, which need a descriptor open for writing.
      if (errno != EBADF) return last_error();
      if (const auto ec = open_file(path, O_RDWR, file)) return ec;
      if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return last_error();
    }
    out = std::make_unique<flock_lock>(std::move(file), path, tree_);
    return {};
  }

  std::error_code watch_addresses(std::unique_ptr<address_watch>& out) override {
    return make_address_watch(out);
  }

  std::error_code newest_cookie(std::uint64_t& out) noexcept override {
    return find_newest_cookie(out);
  }
  std::unique_ptr<netns_finder> find_netns(const std::vector<std::string>& wanted) override {
    return make_netns_finder(wanted);
  }

  std::error_code enter_netns(const found_netns& where) noexcept override {
    return enter_netns_of(where);
  }

 private:
  [[nodiscard]] std::error_code open(const std::string& path, int flags, descriptor& out) const {
    place where;
    if (const auto ec = tree_.find(path, where)) return ec;
    out.reset(
        ::openat(where.folder.get(), where.name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode_));
    return out ? std::error_code{} : last_error();
  }
  // A regular one. Opening does not wait, whatever stands there.
  [[nodiscard]] std::error_code open_file(const std::string& path, int flags,
                                          descriptor& out) const {
    if (const auto ec = open(path, flags | O_NONBLOCK, out)) return ec;
    struct stat status {};
    if (::fstat(out.get(), &status) != 0) return last_error();
    return S_ISREG(status.st_mode) ? std::error_code{} : system_error(EINVAL);
  }
  [[nodiscard]] std::error_code look(const std::string& path, struct stat& out) const {
    place where;
    if (const auto ec = tree_.find(path, where)) return ec;
    return ::fstatat(where.folder.get(), where.name.c_str(), &out, AT_SYMLINK_NOFOLLOW) == 0
               ? std::error_code{}
               : last_error();
  }

  const unsigned mode_;
  const std::function<void(const std::string&, std::error_code)> on_no_fsync_;
  const output_tree tree_;
  std::atomic<bool> said_no_fsync_{false};
};

}  // namespace

std::unique_ptr<os> make_linux_os(linux_os_options options) {
  return std::make_unique<linux_os>(std::move(options));
}

}  // namespace tcpinfo::collect
