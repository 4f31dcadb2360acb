// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/append_frame.h"

#include <cerrno>

#include "common/errno_of.h"

namespace tcpinfo::collect {

std::error_code append_frame(const writer_context& context, const std::string& part,
                             const std::string& folder, bytes_view frame, std::uint64_t at) {
  if (at == 0)
    if (const auto taken = context.lock.check()) return taken;
  std::error_code ec = context.system.append(part, frame, at);
  if (is_errno(ec, ENOENT) && at == 0) {
    // The day's first file, or its folder was taken away; perhaps the output directory itself.
    if (const auto taken = context.lock.take()) return taken;
    if (const auto made = context.system.make_directories(folder)) return made;
    ec = context.system.append(part, frame, 0);
  }
  return ec;
}

bool concerns_all_files(const std::error_code& ec) noexcept {
  if (ec.category() != std::system_category()) return true;
  switch (ec.value()) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EWOULDBLOCK:  // of the output's lock
      return true;
    default:
      return false;
  }
}

}  // namespace tcpinfo::collect
