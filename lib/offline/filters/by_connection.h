// SPDX-License-Identifier: Apache-2.0
//
// What is remembered of each connection of an input. An archive's connections are told apart by
// their cookies, for as long as the same context holds. In a segment the archives come again and
// again, a few records each: what is remembered goes on where its archive does.
#ifndef TCPINFO_OFFLINE_FILTERS_BY_CONNECTION_H
#define TCPINFO_OFFLINE_FILTERS_BY_CONNECTION_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

template <class Value>
class by_connection {
 public:
  /// Whether nothing that is remembered holds for a record of `context`: clear() then.
  [[nodiscard]] bool is_over(const context_pointer& context) const noexcept {
    return context_ != context &&
           !(context_ != nullptr && context != nullptr && context_->in_segment &&
             context->in_segment && context_->file == context->file);
  }
  /// To be called before the others with each record's context.
  void enter(const context_pointer& context) {
    if (context_ == context) return;
    context_ = context;
    latest_ = nullptr;
    key_.clear();
    if (context_ == nullptr || !context_->in_segment) return;
    key_.append(context_->archive).push_back('\0');
    key_.append(context_->uuid).push_back('\0');
  }

  /// Null where there is none.
  [[nodiscard]] Value* find(std::uint64_t cookie) {
    if (latest_ != nullptr && latest_cookie_ == cookie) return latest_;
    const auto it = values_.find(key_of(cookie));
    return it == values_.end() ? nullptr : keep(cookie, it->second);
  }
  /// Makes one where there is none. It stays in place until it is erased.
  [[nodiscard]] Value& of(std::uint64_t cookie) {
    if (latest_ != nullptr && latest_cookie_ == cookie) return *latest_;
    return *keep(cookie, values_[key_of(cookie)]);
  }
  void erase(std::uint64_t cookie) {
    latest_ = nullptr;
    values_.erase(key_of(cookie));
  }

  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
  void clear() {
    values_.clear();
    latest_ = nullptr;
    context_ = nullptr;
  }
  template <class Each>
  void for_each(Each&& each) {
    for (auto& [key, value] : values_) each(value);
  }

 private:
  [[nodiscard]] std::string key_of(std::uint64_t cookie) const {
    return std::string(key_).append(reinterpret_cast<const char*>(&cookie), sizeof cookie);
  }
  Value* keep(std::uint64_t cookie, Value& value) noexcept {
    latest_cookie_ = cookie;
    latest_ = &value;
    return latest_;
  }

  context_pointer context_;
  std::string key_;  // of the archive in a segment
  std::unordered_map<std::string, Value> values_;
  Value* latest_ = nullptr;
  std::uint64_t latest_cookie_ = 0;
};

}  // namespace tcpinfo::offline

#endif
