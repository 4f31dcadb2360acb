// SPDX-License-Identifier: Apache-2.0
#include "collect/owners/socket_holders.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "text/whole_number.h"

namespace tcpinfo::collect {
namespace {

constexpr auto between_looks = std::chrono::seconds(1);

std::vector<std::uint32_t> all_processes() {
  std::vector<std::uint32_t> found;
  std::error_code ec;
  using each_entry = std::filesystem::directory_iterator;
  for (each_entry at("/proc", ec); !ec && at != each_entry(); at.increment(ec)) {
    if (const auto pid = text::parse_whole_32(at->path().filename().native()))
      found.push_back(*pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::unordered_map<std::uint64_t, std::uint32_t> holders_of_sockets() {
  std::unordered_map<std::uint64_t, std::uint32_t> holders;
  constexpr std::string_view prefix = "socket:[";
  for (const std::uint32_t pid : all_processes()) {
    std::error_code ec;
    using each_entry = std::filesystem::directory_iterator;
    const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
    for (each_entry at(folder, ec); !ec && at != each_entry(); at.increment(ec)) {
      std::error_code gone;
      const std::string to = std::filesystem::read_symlink(at->path(), gone).string();
      if (!to.starts_with(prefix) || !to.ends_with(']')) continue;
      const std::string_view digits =
          std::string_view(to).substr(prefix.size(), to.size() - prefix.size() - 1);
      if (const auto inode = text::parse_whole(digits)) holders.try_emplace(*inode, pid);
    }
  }
  return holders;
}

socket_holders::socket_holders() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    // Nobody is known then.
  }
}

socket_holders::~socket_holders() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::uint32_t socket_holders::holder_of(std::uint64_t inode) {
  if (inode == 0) return 0;
  const std::lock_guard lock(mutex_);
  if (const auto found = known_.find(inode); found != known_.end()) return found->second;
  wanted_ = true;
  changed_.notify_all();
  return 0;
}

void socket_holders::run() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return wanted_ || ends_; });
    if (ends_) return;
    wanted_ = false;
    lock.unlock();
    std::unordered_map<std::uint64_t, std::uint32_t> found;
    try {
      found = holders_of_sockets();
    } catch (const std::exception&) {
      // As far as it came.
    }
    lock.lock();
    known_ = std::move(found);
    changed_.wait_for(lock, between_looks, [this] { return ends_; });
  }
}

}  // namespace tcpinfo::collect
