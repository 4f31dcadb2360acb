// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/copy_bytes.h"

#include <tcpinfo/error.h>

#include <algorithm>
#include <span>
#include <vector>

#include "collect/os/descriptor.h"
#include "collect/os/read_full.h"

namespace tcpinfo::collect {

std::error_code copy_bytes(os& system, const std::string& from, const std::string& to,
                           std::uint64_t size, bool& unreadable) {
  constexpr std::size_t at_a_time = std::size_t{64} << 10;
  unreadable = true;
  descriptor file;
  if (const auto ec = system.open_read(from, file)) return ec;
  std::vector<std::byte> block(at_a_time);
  for (std::uint64_t at = 0; at < size;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), size - at));
    std::size_t n = 0;
    if (const auto ec = read_full(file.get(), std::span(block).first(want), n)) return ec;
    if (n < want) return errc::truncated_frame;
    if (const auto ec = system.append(to, bytes_view(block).first(n), at)) {
      unreadable = false;
      return ec;
    }
    at += n;
  }
  unreadable = false;
  return {};
}

}  // namespace tcpinfo::collect
