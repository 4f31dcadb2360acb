// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/stall_wheel.h"

#include <algorithm>
#include <new>

namespace tcpinfo::collect {

bool stall_wheel::put(std::uint64_t cookie, entry& e) noexcept try {
  // After a long time without take_due() the slots do not reach so far: look_at() puts it where it
  // belongs.
  const std::int64_t step = std::clamp(step_of(e.due_ns), step_ + 1, step_ + slots - 1);
  wheel_[place_of(step)].push_back(cookie);
  e.step = step;
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

void stall_wheel::start(const socket_id& id, std::int64_t due_ns, std::int64_t pause_ns) noexcept
    try {
  const auto [at, is_new] = entries_.try_emplace(id.cookie);
  entry& e = at->second;
  e.id = id;
  e.due_ns = due_ns;
  e.pause_ns = pause_ns;
  e.waits = true;
  // One in an earlier slot stays there: look_at() puts it where it belongs.
  if ((is_new || step_of(due_ns) < e.step) && !put(id.cookie, e)) entries_.erase(at);
} catch (const std::bad_alloc&) {
}

void stall_wheel::stop(std::uint64_t cookie) noexcept {
  if (entries_.empty()) return;
  if (const auto found = entries_.find(cookie); found != entries_.end())
    found->second.waits = false;
}

std::int64_t stall_wheel::pause_ns(std::uint64_t cookie) const noexcept {
  const auto found = entries_.find(cookie);
  return found == entries_.end() || !found->second.waits ? 0 : found->second.pause_ns;
}

std::int64_t stall_wheel::next_due(std::int64_t now_ns, std::int64_t most_ns) const noexcept {
  for (std::int64_t step = step_ + 1; step < step_ + slots; ++step) {
    const std::int64_t due_ns = step * step_ns;
    if (due_ns >= most_ns) break;
    if (!wheel_[place_of(step)].empty()) return std::max(due_ns, now_ns);
  }
  return most_ns;
}

}  // namespace tcpinfo::collect
