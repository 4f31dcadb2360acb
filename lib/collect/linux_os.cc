// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <utility>

#include "collect/dump_source.h"
#include "collect/os.h"

namespace tcpinfo::collect {
namespace {

std::error_code last_error() noexcept { return {errno, std::system_category()}; }

class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

std::int64_t nanoseconds(clockid_t clock) noexcept {
  timespec now{};
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::error_code write_all(int fd, bytes_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return last_error();
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

struct flock_lock final : held_lock {
  explicit flock_lock(int fd) noexcept : file(fd) {}
  descriptor file;
};

class linux_os final : public os {
 public:
  std::int64_t realtime_ns() noexcept override { return nanoseconds(CLOCK_REALTIME); }
  std::int64_t monotonic_ns() noexcept override { return nanoseconds(CLOCK_MONOTONIC); }

  void wait(int descriptor_a, int descriptor_b, std::int64_t until_ns) noexcept override {
    const std::int64_t left = until_ns - monotonic_ns();
    if (left <= 0) return;
    pollfd watched[2] = {{descriptor_a, POLLIN, 0}, {descriptor_b, POLLIN, 0}};
    const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
    (void)::ppoll(watched, 2, &timeout, nullptr);
  }

  std::error_code make_directories(const std::string& path) override {
    // mkdir(2) on each prefix; what exists already is no error, and the last one says what is
    // wrong.
    std::vector<std::string> made;
    for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
      const std::string part = path.substr(0, at);
      if (::mkdir(part.c_str(), 0750) == 0) {
        made.push_back(part);
      } else if (errno != EEXIST &&
                 (at == std::string::npos || (errno != EROFS && errno != EACCES))) {
        const std::error_code ec = last_error();
        for (auto it = made.rbegin(); it != made.rend(); ++it) (void)::rmdir(it->c_str());
        return ec;
      }
      if (at == std::string::npos) break;
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return last_error();
    if (!S_ISDIR(status.st_mode)) return {ENOTDIR, std::system_category()};
    return {};
  }

  std::error_code append(const std::string& path, bytes_view bytes, std::uint64_t at) override {
    const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_APPEND;
    descriptor file(at == 0 ? ::open(path.c_str(), flags | O_CREAT | O_EXCL, 0640)
                            : ::open(path.c_str(), flags));
    if (file.get() < 0) return last_error();
    if (at != 0) {
      struct stat status {};
      if (::fstat(file.get(), &status) != 0) return last_error();
      if (static_cast<std::uint64_t>(status.st_size) != at) return {ESTALE, std::system_category()};
    }
    std::error_code ec = write_all(file.get(), bytes);
    // Some file systems (NFS) report a failed write only here.
    if (::close(file.release()) != 0 && !ec && errno != EINTR) ec = last_error();
    if (!ec) return {};
    // Never leave half a frame behind: it would stand between whole ones once writing works again.
    if (at == 0)
      (void)::unlink(path.c_str());
    else
      (void)::truncate(path.c_str(), static_cast<off_t>(at));
    return ec;
  }

  std::error_code open_read(const std::string& path, int& out) override {
    // Not blocking: a FIFO of that name must not hold us up.
    descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return last_error();
    if (!S_ISREG(status.st_mode)) return {EINVAL, std::system_category()};
    out = file.release();
    return {};
  }

  std::error_code size(const std::string& path, std::uint64_t& out) override {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return last_error();
    if (!S_ISREG(status.st_mode)) return {EINVAL, std::system_category()};
    out = static_cast<std::uint64_t>(status.st_size);
    return {};
  }

  std::error_code truncate(const std::string& path, std::uint64_t size) override {
    const descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() < 0 || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
      return last_error();
    return {};
  }

  std::error_code sync(const std::string& path) override {
    const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file.get() < 0 || ::fsync(file.get()) != 0) return last_error();
    return {};
  }

  std::error_code sync_file_system(const std::string& path) override {
    const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0 || ::syncfs(file.get()) != 0) return last_error();
    return {};
  }

  std::error_code rename_new(const std::string& from, const std::string& to) override {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno != EINVAL && errno != ENOSYS) return last_error();
    // A file system without that flag: a link fails where the name is taken, just as well.
    if (::link(from.c_str(), to.c_str()) != 0) return last_error();
    return ::unlink(from.c_str()) == 0 ? std::error_code{} : last_error();
  }

  std::error_code replace(const std::string& from, const std::string& to) override {
    return ::rename(from.c_str(), to.c_str()) == 0 ? std::error_code{} : last_error();
  }

  std::error_code remove(const std::string& path) override {
    return ::unlink(path.c_str()) == 0 ? std::error_code{} : last_error();
  }

  bool exists(const std::string& path) override {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
  }

  std::error_code list(const std::string& path, std::vector<directory_entry>& out) override {
    out.clear();
    descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW));
    if (fd.get() < 0) return last_error();
    DIR* directory = ::fdopendir(fd.get());
    if (directory == nullptr) return last_error();
    (void)fd.release();
    errno = 0;
    while (const dirent* entry = ::readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") {
        bool is_directory = entry->d_type == DT_DIR;
        bool is_file = entry->d_type == DT_REG;
        struct stat status {};
        if (entry->d_type == DT_UNKNOWN &&
            ::fstatat(::dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
          is_directory = S_ISDIR(status.st_mode);
          is_file = S_ISREG(status.st_mode);
        }
        out.push_back({std::string(name), is_directory, is_file});
      }
      errno = 0;
    }
    const std::error_code ec = errno == 0 ? std::error_code{} : last_error();
    ::closedir(directory);
    return ec;
  }

  std::error_code lock(const std::string& path, std::unique_ptr<held_lock>& out) override {
    auto taken = std::make_unique<flock_lock>(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (taken->file.get() < 0 || ::flock(taken->file.get(), LOCK_EX | LOCK_NB) != 0)
      return last_error();
    out = std::move(taken);
    return {};
  }

  std::unique_ptr<source> make_dump_source(const source_options& options) override {
    return std::make_unique<dump_source>(options);
  }
};

}  // namespace

std::unique_ptr<os> make_linux_os() { return std::make_unique<linux_os>(); }

}  // namespace tcpinfo::collect
