// SPDX-License-Identifier: Apache-2.0
#include "collect/owners/cgroup_paths.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <system_error>

#include "analysis/cgroup_list.h"

namespace tcpinfo::collect {
namespace {

// Groups come and go, all day long.
constexpr std::size_t most_known = 16'384;
// Of the kernel's handles of kernfs: a number of 64 bits. (FILEID_KERNFS of linux/exportfs.h.)
constexpr int kernfs_handle = 0xfe;

std::string link_text(const std::string& link) {
  std::error_code ec;
  return std::filesystem::read_symlink(link, ec).string();
}

}  // namespace

std::string find_cgroup_mount(std::string_view mountinfo) {
  while (!mountinfo.empty()) {
    const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
    std::string_view line = mountinfo.substr(0, end);
    mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
    // id, parent, device, root, mount point, options, others up to "-", type
    if (line.find(" - cgroup2 ") == line.npos) continue;
    for (int passed = 0; passed < 4; ++passed)
      line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    // Spaces are escaped there. Nobody mounts control groups at a place that has one.
    return std::string(line.substr(0, line.find(' ')));
  }
  return {};
}

std::string without_addresses(std::string_view path) {
  std::string made;
  for (;;) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    const std::size_t at = name.find('@');
    const std::size_t type = name.rfind('.');
    const bool tells = at != std::string_view::npos && type != std::string_view::npos &&
                       at < type && name.substr(at, type - at).find(':') != std::string_view::npos;
    if (tells)
      made.append(name.substr(0, at + 1)).append(name.substr(type));
    else
      made.append(name);
    if (end == path.size()) return made;
    made += '/';
    path.remove_prefix(end + 1);
  }
}

cgroup_paths::cgroup_paths() {
  std::ifstream in("/proc/self/mountinfo");
  mount_ = find_cgroup_mount(std::string(std::istreambuf_iterator<char>(in), {}));
  if (!mount_.empty()) root_.reset(::open(mount_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::string cgroup_paths::ask(std::uint64_t id) {
  // The handle's bytes stand behind its head.
  alignas(file_handle) std::byte room[sizeof(file_handle) + sizeof id] = {};
  auto* const asked = ::new (room) file_handle;
  asked->handle_bytes = sizeof id;
  asked->handle_type = kernfs_handle;
  std::memcpy(room + sizeof(file_handle), &id, sizeof id);
  // Takes CAP_DAC_READ_SEARCH.
  const descriptor found(::open_by_handle_at(root_.get(), asked, O_PATH | O_CLOEXEC));
  if (!found) {
    if (errno == EPERM || errno == EOPNOTSUPP) may_ask_ = false;
    return {};
  }
  std::string path = link_text("/proc/self/fd/" + std::to_string(found.get()));
  if (!path.starts_with(mount_)) return {};
  path.erase(0, mount_.size());
  constexpr std::string_view gone = " (deleted)";
  if (path.ends_with(gone)) path.resize(path.size() - gone.size());
  return path.empty() ? "/" : path;
}

// Not often: there may be thousands.
void cgroup_paths::look_at_all() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + std::chrono::seconds(2);
  analysis::for_each_cgroup(mount_, [this](std::uint64_t id, std::string_view path) {
    if (known_.size() < most_known) known_[id] = path;
  });
}

std::string cgroup_paths::path_of(std::uint64_t id) {
  if (!root_ || id == 0) return {};
  if (const auto known = known_.find(id); known != known_.end()) return known->second;
  if (known_.size() >= most_known) known_.clear();
  if (may_ask_) {
    std::string path = ask(id);
    if (!path.empty()) return known_[id] = std::move(path);
    if (may_ask_) return {};  // it has gone
  }
  look_at_all();
  const auto found = known_.find(id);
  return found == known_.end() ? std::string() : found->second;
}

}  // namespace tcpinfo::collect
