// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <span>

#include "collect/os/descriptor.h"
#include "collect/os/read_full.h"
#include "common/errno_of.h"

namespace tcpinfo::collect {

std::string read_secret(const std::string& path, std::string& out) {
  constexpr std::size_t most = 65536;
  // Not blocking: a FIFO of that name must not hold us up.
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0)
    return fmt::format("{}: {}", path, last_error().message());
  if (!S_ISREG(status.st_mode)) return fmt::format("{}: is no regular file", path);
  // Of the file that is open, and not of one that has its name a moment later.
  if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0)
    return fmt::format("{}: everybody may {} it (mode {:04o}): take that away (chmod o= FILE)",
                       path, (status.st_mode & S_IROTH) != 0 ? "read" : "write",
                       status.st_mode & 07777U);
  out.resize(most + 1);
  std::size_t got = 0;
  const auto ec = read_full(file.get(), std::as_writable_bytes(std::span(out)), got);
  out.resize(got);
  if (ec) return fmt::format("{}: {}", path, ec.message());
  if (got > most) return fmt::format("{}: has more than 64 KiB", path);
  return {};
}

}  // namespace tcpinfo::collect
