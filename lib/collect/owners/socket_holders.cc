// SPDX-License-Identifier: Apache-2.0
#include "collect/owners/socket_holders.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tcpinfo::collect {
namespace {

constexpr auto between_looks = std::chrono::seconds(1);

template <class Number>
bool number_of(std::string_view text, Number& out) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::uint32_t> all_processes() {
  std::vector<std::uint32_t> found;
  std::error_code ec;
  using each_entry = std::filesystem::directory_iterator;
  for (each_entry at("/proc", ec); !ec && at != each_entry(); at.increment(ec)) {
    std::uint32_t pid = 0;
    if (number_of(at->path().filename().native(), pid)) found.push_back(pid);
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
      std::uint64_t inode = 0;
      if (to.starts_with(prefix) && to.ends_with(']') &&
          number_of(std::string_view(to).substr(prefix.size(), to.size() - prefix.size() - 1),
                    inode))
        holders.try_emplace(inode, pid);
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
