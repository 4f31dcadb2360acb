// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/current_exclusions.h"

#include <new>
#include <utility>

namespace tcpinfo::collect {

// What cannot be used is found out before it is in force.
std::error_code shared_exclusions::set(exclusion_lists lists) {
  exclusions trial;
  if (const auto ec = trial.set(include_local_, lists.sports, lists.destinations)) return ec;
  const std::lock_guard lock(mutex_);
  lists_ = std::move(lists);
  generation_.fetch_add(1, std::memory_order_release);
  return {};
}

std::error_code shared_exclusions::copy(exclusions& to, std::uint64_t& generation) const {
  const std::lock_guard lock(mutex_);
  if (const auto ec = to.set(include_local_, lists_.sports, lists_.destinations)) return ec;
  generation = generation_.load(std::memory_order_relaxed);
  return {};
}

bool current_exclusions::renew() noexcept {
  if (from_.generation() == generation_) return false;
  try {
    return !from_.copy(unwanted_, generation_);
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace tcpinfo::collect
