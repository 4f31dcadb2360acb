// SPDX-License-Identifier: Apache-2.0
#include "collect/os/linux_netns.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <set>

#include "collect/os/descriptor.h"
#include "collect/os/readiness.h"
#include "common/errno_of.h"
#include "common/kernel_release.h"

namespace tcpinfo::collect {
namespace {

// Whether it is one of network, and not of something else, setns(2) finds out.
std::error_code id_of(int file, netns_id& out) noexcept {
  struct stat status {};
  if (::fstat(file, &status) != 0) return last_error();
  out = {status.st_dev, status.st_ino};
  return {};
}

descriptor open_file(const std::string& path) noexcept {
  // Not blocking: the path is somebody's choice and may be a FIFO.
  return descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

// Takes no descriptor: where the process has none left, what it records is still to be found.
std::error_code id_of(const std::string& path, netns_id& out) noexcept {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return last_error();
  out = {status.st_dev, status.st_ino};
  return {};
}

/// A directory that is read again and again, and needs no descriptor for it then.
class held_directory {
 public:
  explicit held_directory(std::string path) : path_(std::move(path)) {}

  /// At its first entry; null, and errno, where it is not there or cannot be read.
  [[nodiscard]] DIR* begin() {
    struct stat now {};
    if (::stat(path_.c_str(), &now) != 0) return nullptr;
    struct stat held {};
    // Another of that name, as after it was removed and made again.
    if (open_ != nullptr && (::fstat(::dirfd(open_.get()), &held) != 0 ||
                             held.st_dev != now.st_dev || held.st_ino != now.st_ino))
      open_.reset();
    if (open_ == nullptr)
      open_.reset(::opendir(path_.c_str()));
    else
      ::rewinddir(open_.get());
    return open_.get();
  }

 private:
  const std::string path_;
  std::unique_ptr<DIR, int (*)(DIR*)> open_{nullptr, &::closedir};
};

bool is_number(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

class linux_netns_finder final : public netns_finder {
 public:
  explicit linux_netns_finder(const std::vector<std::string>& wanted)
      : mounts_(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {
    for (const std::string& one : wanted) {
      if (one == all_netns)
        all_ = true;
      else
        wanted_.push_back(one);
    }
    (void)id_of("/proc/thread-self/ns/net", own_);
  }

  void find(netns_findings& out) override {
    out.found.clear();
    out.faults.clear();
    out.complete = true;
    known_ = {own_};
    for (const std::string& one : wanted_) {
      const bool is_path = one.find('/') != std::string::npos;
      const std::string path = is_path ? one : fmt::format("{}/{}", netns_folder, one);
      netns_id id;
      if (const auto ec = find_one(path, id))
        out.faults.push_back({"network namespace " + one, ec});
      else
        add(out, id, one, path);
    }
    if (!all_) return;
    find_named(out);
    find_of_processes(out);
  }

  void wait(int stop, std::int64_t until_ns) noexcept override {
    // proc(5): a change of mounts is told as an exceptional condition.
    pollfd watched[2] = {{stop, POLLIN, 0}, {mounts_.get(), POLLPRI, 0}};
    (void)await_any(watched, until_ns);
  }

 private:
  // EINVAL: something else than a namespace. `ip netns add` makes a file that is empty for a
  // moment.
  std::error_code find_one(const std::string& path, netns_id& out) const noexcept {
    if (const auto ec = id_of(path, out)) return ec;
    return out.device == own_.device ? std::error_code{} : system_error(EINVAL);
  }

  void add(netns_findings& out, const netns_id& id, std::string name, std::string path) {
    if (known_.insert(id).second) out.found.push_back({id, std::move(name), std::move(path)});
  }

  // A file that is no namespace (yet) is passed over: nobody asked for it by name.
  void find_named(netns_findings& out) {
    const std::string folder(netns_folder);
    DIR* const names = names_.begin();
    if (names == nullptr) {
      out.complete = errno == ENOENT;
      if (errno != ENOENT)
        out.faults.push_back({"the network namespaces in " + folder, last_error()});
      return;
    }
    while (const dirent* entry = ::readdir(names)) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      const std::string path = folder + "/" + name;
      netns_id id;
      const auto ec = find_one(path, id);
      if (!ec)
        add(out, id, name, path);
      else if (ec.value() == EACCES || ec.value() == EPERM)
        out.faults.push_back({"network namespace " + name, ec});
    }
  }

  // Namespaces of threads other than a process's first are not looked for: a server has thousands.
  void find_of_processes(netns_findings& out) {
    DIR* const processes = processes_.begin();
    if (processes == nullptr) {
      out.complete = false;
      out.faults.push_back({"the network namespaces of processes", last_error()});
      return;
    }
    std::size_t hidden = 0;
    while (const dirent* entry = ::readdir(processes)) {
      if (!is_number(entry->d_name)) continue;
      const std::string path = fmt::format("/proc/{}/ns/net", entry->d_name);
      struct stat status {};
      // Opening each would cost twice as much.
      if (::stat(path.c_str(), &status) != 0) {
        hidden += errno == EACCES || errno == EPERM ? 1U : 0U;
        continue;
      }
      add(out, {status.st_dev, status.st_ino}, fmt::format("net:[{}]", status.st_ino), path);
    }
    if (hidden > 0)
      out.faults.push_back({"the network namespaces of some processes", system_error(EACCES)});
  }

  const descriptor mounts_;
  held_directory names_{std::string(netns_folder)};
  held_directory processes_{"/proc"};
  std::vector<std::string> wanted_;
  bool all_ = false;
  netns_id own_;
  std::set<netns_id> known_;  // in the search that runs
};

}  // namespace

bool is_netns_name(std::string_view text) noexcept {
  if (text.empty() || text == "." || text == ".." || text.find('\0') != std::string_view::npos)
    return false;
  // The name stands in metadata and in log lines.
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return std::iscntrl(static_cast<unsigned char>(c)) != 0; });
}

bool cookies_are_unique(std::string_view kernel_release) noexcept {
  const auto version = version_of_release(kernel_release);
  if (version) return *version >= kernel_version{5, 4};
  // Not that of any Linux we know: nothing speaks against it.
  return major_of_release(kernel_release).value_or(6) > 5;
}

std::unique_ptr<netns_finder> make_netns_finder(const std::vector<std::string>& wanted) {
  return std::make_unique<linux_netns_finder>(wanted);
}

std::error_code enter_netns_of(const found_netns& where) noexcept {
  const descriptor file = open_file(where.path);
  if (!file) return last_error();
  netns_id id;
  if (const auto ec = id_of(file.get(), id)) return ec;
  // The process has ended, and its number is another's.
  if (id != where.id) return system_error(ESTALE);
  return ::setns(file.get(), CLONE_NEWNET) == 0 ? std::error_code{} : last_error();
}

}  // namespace tcpinfo::collect
