// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/ends_list.h"

#include <atomic>
#include <deque>
#include <utility>

namespace tcpinfo::offline {

struct ends_list::impl {
  struct entry {
    explicit entry(item i) : asked(std::move(i)) {}
    item asked;
    // Written by any worker, read after all of them.
    std::atomic<bool> met{false};
  };
  std::deque<entry> entries;  // they stay in place
};

ends_list::ends_list(const std::vector<item>& items) {
  if (items.empty()) return;
  impl_ = std::make_shared<impl>();
  for (const item& i : items) impl_->entries.emplace_back(i);
}

bool ends_list::holds(const socket_id& id) const {
  if (impl_ == nullptr) return false;
  const text::endpoint here{id.src.unmapped(), id.sport};
  const text::endpoint there{id.dst.unmapped(), id.dport};
  bool any = false;
  for (impl::entry& e : impl_->entries) {
    const auto& [one, other] = e.asked.ends;
    if (!(here == one && there == other) && !(here == other && there == one)) continue;
    if (!e.met.load(std::memory_order_relaxed)) e.met.store(true, std::memory_order_relaxed);
    any = true;
  }
  return any;
}

std::vector<std::string> ends_list::unmet() const {
  std::vector<std::string> texts;
  if (impl_ == nullptr) return texts;
  for (const impl::entry& e : impl_->entries)
    if (!e.met.load(std::memory_order_relaxed)) texts.push_back(e.asked.typed);
  return texts;
}

bool ends_filter::wants(const input_record& r) {
  const socket_id id = r.m.id();
  if (ends_.holds(id)) {
    met_.insert(r.connection_key());
    return true;
  }
  const bool lost = id.dport == 0 && r.m.state() == static_cast<std::uint8_t>(tcp_state::close);
  if (lost) return met_.contains(r.connection_key());
  // The socket was connected anew.
  if (!met_.empty()) met_.erase(r.connection_key());
  return false;
}

}  // namespace tcpinfo::offline
