// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/waiting_memory.h"

#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>

namespace tcpinfo::collect {

std::size_t waiting_memory::limit() const noexcept {
  const auto bytes = counts_.tombstone_bytes.load(std::memory_order_relaxed);
  const auto share = static_cast<std::size_t>(std::max<std::int64_t>(0, bytes)) / writers_;
  const std::size_t queue = queue_.load(std::memory_order_relaxed);
  const std::size_t beyond = queue - std::min(queue, queue_kept_);
  const std::size_t left = most_ - std::min(share, most_ / 4) - std::min(beyond, most_ / 2);
  // Records are never without room.
  return left - std::min({summaries_.load(std::memory_order_relaxed), most_ / 4, left / 2});
}

void waiting_memory::give_back(std::int64_t now_ns) noexcept {
  constexpr std::size_t worth_it = std::size_t{16} << 20;
  constexpr std::int64_t pause_ns = 60'000'000'000;
  peak_ = std::max(peak_, now_);
  if (peak_ < worth_it || now_ > peak_ / 8) return;
  if (given_back_ns_ != 0 && now_ns - given_back_ns_ < pause_ns) return;
  given_back_ns_ = now_ns;
  peak_ = now_;
#if defined(__GLIBC__)
  (void)::malloc_trim(0);
#endif
}

}  // namespace tcpinfo::collect
