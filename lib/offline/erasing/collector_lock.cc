// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/collector_lock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "common/message_of.h"
#include "offline/inputs/walk.h"
#include "offline/packing/folders.h"

namespace tcpinfo::offline {
namespace {

// As collect/writing/output_lock.cc names it.
constexpr const char* lock_file = "/.tcpinfo-collect.lock";

std::unique_ptr<char, void (*)(void*)> real_path(const std::string& path) {
  return {::realpath(path.c_str(), nullptr), std::free};
}

}  // namespace

// @return false where one holds it, and where that cannot be told.
bool collector_lock::take_one(const std::string& folder) {
  error_ = 0;
  descriptor file(open((folder + lock_file).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) {
    if (errno != ENOENT && errno != ENOTDIR) error_ = errno;
    return error_ == 0;
  }
  if (flock(file.get(), LOCK_SH | LOCK_NB) != 0) {
    error_ = errno;
    return false;
  }
  held_.push_back(std::move(file));
  return true;
}

// A folder, and all those above it.
bool collector_lock::take_from(std::string folder) {
  for (;; folder.resize(folder_of(folder).size())) {
    if (!take_one(folder)) {
      release();
      return false;
    }
    if (folder.empty()) return true;
  }
}

bool collector_lock::take(const std::string& path) {
  release();
  const auto real = real_path(path);
  return real != nullptr && take_from(std::string(folder_of(real.get())));
}

std::string collector_lock::refuse(const std::string& path) {
  release();
  struct stat st {};
  const auto real = real_path(path);
  // Who reads it says so.
  if (real == nullptr || stat(real.get(), &st) != 0) return {};
  std::string top = real.get();
  if (!S_ISDIR(st.st_mode) || top == "/") top.resize(folder_of(top).size());
  bool free = take_from(std::move(top));
  if (free && S_ISDIR(st.st_mode)) {
    const auto look = [this, &free](const walk_entry& e) {
      if (!e.is_folder && e.name == lock_file + 1 && free)
        free = take_one(std::string(folder_of(e.path)));
      release();
      return e.is_folder && free;
    };
    input_walk files({path}, {.wants = look}, [](const input_fault&) { return true; });
    for (std::string none; files.next(none);) continue;
  }
  release();
  if (free) return {};
  if (error_ == EWOULDBLOCK) return "a collector is writing there: stop it first";
  return "whether a collector is writing there cannot be told: " + message_of(error_);
}

}  // namespace tcpinfo::offline
