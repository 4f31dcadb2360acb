// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/stall_wheel.h"

#include <algorithm>
#include <new>

namespace tcpinfo::collect {

bool clock_wheel::put(std::uint64_t cookie, clock& c) noexcept try {
  // Where nobody has looked for long it is looked at early, and put where it belongs then.
  const std::int64_t step = std::clamp(step_of(c.due_ns), step_ + 1, step_ + slots - 1);
  wheel_[place_of(step)].push_back(cookie);
  c.step = step;
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

void clock_wheel::start(const socket_id& id, std::int64_t due_ns, std::int64_t pause_ns) noexcept
    try {
  const auto [at, is_new] = clocks_.try_emplace(id.cookie);
  clock& c = at->second;
  c.id = id;
  c.due_ns = due_ns;
  c.pause_ns = pause_ns;
  c.runs = true;
  // One that is in an earlier slot is put where it belongs when that is looked at.
  if ((is_new || step_of(due_ns) < c.step) && !put(id.cookie, c)) clocks_.erase(at);
} catch (const std::bad_alloc&) {
}

void clock_wheel::stop(std::uint64_t cookie) noexcept {
  if (clocks_.empty()) return;
  if (const auto found = clocks_.find(cookie); found != clocks_.end()) found->second.runs = false;
}

std::int64_t clock_wheel::pause_ns(std::uint64_t cookie) const noexcept {
  const auto found = clocks_.find(cookie);
  return found == clocks_.end() || !found->second.runs ? 0 : found->second.pause_ns;
}

std::int64_t clock_wheel::next_due(std::int64_t now_ns, std::int64_t most_ns) const noexcept {
  for (std::int64_t step = step_ + 1; step < step_ + slots; ++step) {
    const std::int64_t due_ns = step * step_ns;
    if (due_ns >= most_ns) break;
    if (!wheel_[place_of(step)].empty()) return std::max(due_ns, now_ns);
  }
  return most_ns;
}

}  // namespace tcpinfo::collect
