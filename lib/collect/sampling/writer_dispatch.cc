// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/writer_dispatch.h"

#include <algorithm>

namespace tcpinfo::collect {
namespace {

// Waiting in a queue: 10 to 20 ms of work for its writer.
constexpr std::size_t much = std::size_t{4} << 20;
constexpr int full_queue_tries = 10'000;
constexpr std::int64_t full_queue_pause_ns = 1'000'000;

}  // namespace

bool writer_dispatch::push(const snapshot_header& header, bytes_view message,
                           bool may_wait) noexcept {
  // The kernel hands out cookies in order: neighbours go to different writers.
  const std::size_t at = static_cast<std::size_t>(header.cookie) % writers_.size();
  writer& to = *writers_[at];
  pushed_ = true;
  bool taken = to.push(header, message);
  for (int tried = 0; !taken && may_wait && tried < full_queue_tries; ++tried) {
    to.wake();
    (void)system_.wait(-1, -1, system_.monotonic_ns() + full_queue_pause_ns);
    taken = to.push(header, message);
  }
  // In a poll with many records the writer must not wait for the poll's end.
  if (!nudged_[at] && to.queue().used_bytes() > std::min(much, to.queue().capacity_bytes() / 4)) {
    nudged_[at] = true;
    to.wake();
  }
  return taken;
}

void writer_dispatch::wake(std::int64_t now_ns, std::int64_t next_ns, bool at_once) noexcept {
  if (pushed_ && (at_once || !may_wake_later(settings_, woken_ns_, next_ns))) {
    for (const auto& w : writers_) w->wake();
    pushed_ = false;
    woken_ns_ = now_ns;
  }
  nudged_.assign(writers_.size(), false);
}

}  // namespace tcpinfo::collect
