// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/netns_registry.h"

#include <utility>

namespace tcpinfo::collect {

std::uint32_t netns_registry::add(std::shared_ptr<recorded_netns> netns) {
  const std::lock_guard lock(mutex_);
  all_.emplace(next_, std::move(netns));
  return next_++;
}

void netns_registry::remove(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  all_.erase(number);
}

std::shared_ptr<recorded_netns> netns_registry::get(std::uint32_t number) const {
  const std::lock_guard lock(mutex_);
  return all_.at(number);
}

}  // namespace tcpinfo::collect
