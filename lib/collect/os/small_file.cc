// SPDX-License-Identifier: Apache-2.0
#include "collect/os/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <span>

#include "collect/os/descriptor.h"
#include "collect/os/read_full.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

std::error_code read_small_file(const std::string& path, std::size_t most, std::string& out) {
  // Not blocking: a FIFO of that name must not hold us up.
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return last_error();
  if (S_ISDIR(status.st_mode)) return system_error(EISDIR);
  // A character device, as /dev/null is one, does not wait when told not to.
  if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) return system_error(EINVAL);
  out.clear();
  for (;;) {
    const std::size_t had = out.size();
    if (had > most) return system_error(EFBIG);
    out.resize(had + 65536);
    std::size_t got = 0;
    const auto ec = read_some(file.get(), std::as_writable_bytes(std::span(out)).subspan(had), got);
    out.resize(had + got);
    if (ec || got == 0) return ec;
  }
}

}  // namespace tcpinfo::collect
