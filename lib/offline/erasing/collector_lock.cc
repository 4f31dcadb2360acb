// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/collector_lock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "offline/packing/folders.h"

namespace tcpinfo::offline {
namespace {

// As collect/writing/output_lock.cc names it.
constexpr const char* lock_file = "/.tcpinfo-collect.lock";

}  // namespace

bool collector_lock::take(const std::string& path) {
  release();
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (real == nullptr) return false;
  for (std::string folder(folder_of(real.get()));; folder.resize(folder_of(folder).size())) {
    descriptor file(open((folder + lock_file).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (file) {
      if (flock(file.get(), LOCK_SH | LOCK_NB) != 0) {
        release();
        return false;
      }
      held_.push_back(std::move(file));
    } else if (errno != ENOENT && errno != ENOTDIR) {
      release();
      return false;
    }
    if (folder.empty()) return true;
  }
}

}  // namespace tcpinfo::offline
