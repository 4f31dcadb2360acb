// SPDX-License-Identifier: Apache-2.0
#include "offline/filters/uuid_list.h"

#include <tcpinfo/archive.h>

#include <atomic>
#include <charconv>
#include <deque>
#include <optional>
#include <unordered_map>

namespace tcpinfo::offline {
namespace {

struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};

// No UUID: that has a '_' before its cookie.
std::optional<std::uint64_t> bare_cookie(std::string_view text) {
  for (const std::string_view before : {"sk:", "0x", "0X"})
    if (text.starts_with(before)) {
      text.remove_prefix(before.size());
      break;
    }
  std::uint64_t cookie = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), cookie, 16);
  if (ec != std::errc{} || end != text.data() + text.size() || text.size() > 16 ||
      text.starts_with('-'))
    return std::nullopt;
  return cookie;
}

std::vector<uuid_list::item> as_typed(const std::vector<std::string>& texts) {
  std::vector<uuid_list::item> items;
  for (const std::string& text : texts) items.push_back({text, text});
  return items;
}

}  // namespace

struct uuid_list::impl {
  struct entry {
    explicit entry(std::string t) : typed(std::move(t)) {}
    std::string typed;
    // Written by any worker, read after all of them.
    std::atomic<bool> met{false};
  };
  template <class Map, class Key>
  static bool note(const Map& map, const Key& key) {
    bool any = false;
    for (auto [at, end] = map.equal_range(key); at != end; ++at) {
      // Most records are of a connection that was met before: no cache line changes hands then.
      if (!at->second->met.load(std::memory_order_relaxed))
        at->second->met.store(true, std::memory_order_relaxed);
      any = true;
    }
    return any;
  }

  std::deque<entry> entries;  // they stay in place
  std::unordered_multimap<std::string, entry*, text_hash, std::equal_to<>> by_text;
  std::unordered_multimap<std::uint64_t, entry*> by_cookie;      // of bare cookies
  std::unordered_multimap<std::uint64_t, entry*> by_any_cookie;  // of UUIDs, too
};

uuid_list::uuid_list(const std::vector<std::string>& texts) : uuid_list(as_typed(texts)) {}

uuid_list::uuid_list(const std::vector<item>& items) {
  if (items.empty()) return;
  impl_ = std::make_shared<impl>();
  for (const auto& [text, typed] : items) {
    impl::entry& e = impl_->entries.emplace_back(typed);
    impl_->by_text.emplace(text, &e);
    std::uint64_t of_uuid = 0;
    if (const auto cookie = bare_cookie(text)) {
      impl_->by_cookie.emplace(*cookie, &e);
      impl_->by_any_cookie.emplace(*cookie, &e);
    } else if (!parse_uuid_cookie(text, of_uuid)) {
      impl_->by_any_cookie.emplace(of_uuid, &e);
    }
  }
}

bool uuid_list::holds(std::string_view uuid, std::uint64_t cookie) const {
  if (impl_ == nullptr) return false;
  const bool by_text = impl::note(impl_->by_text, uuid);
  return (!impl_->by_cookie.empty() && impl::note(impl_->by_cookie, cookie)) || by_text;
}

bool uuid_list::holds_uuid(std::string_view uuid) const {
  std::uint64_t cookie = 0;
  const bool told = !parse_uuid_cookie(uuid, cookie);
  if (told) return holds(uuid, cookie);
  return impl_ != nullptr && impl::note(impl_->by_text, uuid);
}

bool uuid_list::holds_cookie(std::uint64_t cookie) const {
  return impl_ != nullptr && impl::note(impl_->by_any_cookie, cookie);
}

std::vector<std::string> uuid_list::unmet() const {
  std::vector<std::string> texts;
  if (impl_ == nullptr) return texts;
  for (const impl::entry& e : impl_->entries)
    if (!e.met.load(std::memory_order_relaxed)) texts.push_back(e.typed);
  return texts;
}

}  // namespace tcpinfo::offline
