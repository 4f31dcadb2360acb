// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/uuid_prefixes.h"

#include <utility>

namespace tcpinfo::collect {

bool uuid_prefixes::has_room_for(std::string_view prefix) const {
  const std::lock_guard lock(mutex_);
  return all_.size() <= 0xffff || all_.back() == prefix;
}

bool uuid_prefixes::set(std::string prefix) {
  const std::lock_guard lock(mutex_);
  if (!all_.empty() && all_.back() == prefix) return true;
  if (all_.size() > 0xffff) return false;
  all_.push_back(std::move(prefix));
  current_.store(static_cast<std::uint16_t>(all_.size() - 1), std::memory_order_release);
  return true;
}

std::string_view uuid_prefixes::get(std::uint16_t number) const noexcept {
  const std::lock_guard lock(mutex_);
  return all_[number];
}

}  // namespace tcpinfo::collect
