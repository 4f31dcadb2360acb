// SPDX-License-Identifier: Apache-2.0
//
// Connections whose TCP has ended while a descriptor still holds the socket. The kernel shows such
// a socket to nobody, and tells of its end when the last descriptor is closed, which may be hours
// later, or never. Until then this remembers what the final record needs.
#ifndef TCPINFO_COLLECT_SAMPLING_DETACHED_FLOWS_H
#define TCPINFO_COLLECT_SAMPLING_DETACHED_FLOWS_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

namespace tcpinfo::collect {

/// One thread's.
class detached_flows {
 public:
  struct flow {
    std::vector<std::byte> last;  ///< the last message kept of it
    std::int64_t ended_ns = 0;    ///< since 1970, when its TCP ended

    [[nodiscard]] std::uint64_t cookie() const noexcept { return message{last}.cookie(); }
  };

  /// Sockets in the kernel (NFS, for one) never have a destroy event: there must be a bound.
  static constexpr std::size_t limit = 32'768;

  explicit detached_flows(std::size_t most = limit) noexcept : most_(most) {}

  /// Remembers it. Where there are too many the oldest is forgotten. One that is there stays.
  /// Throws std::bad_alloc, having changed nothing.
  /// @return how many were forgotten.
  std::size_t add(const message& last, std::int64_t ended_ns) {
    const std::uint64_t cookie = last.cookie();
    if (by_cookie_.contains(cookie)) return 0;
    std::list<flow> one;
    one.push_back({{last.bytes.begin(), last.bytes.end()}, ended_ns});
    by_cookie_.emplace(cookie, one.begin());
    in_order_.splice(in_order_.end(), one);
    std::size_t forgotten = 0;
    for (; in_order_.size() > most_; ++forgotten) erase(in_order_.front().cookie());
    return forgotten;
  }
  /// nullptr where there is none; valid until it is erased.
  [[nodiscard]] const flow* find(std::uint64_t cookie) const noexcept {
    if (in_order_.empty()) return nullptr;
    const auto found = by_cookie_.find(cookie);
    return found == by_cookie_.end() ? nullptr : &*found->second;
  }
  void erase(std::uint64_t cookie) noexcept {
    if (in_order_.empty()) return;
    const auto found = by_cookie_.find(cookie);
    if (found == by_cookie_.end()) return;
    in_order_.erase(found->second);
    by_cookie_.erase(found);
  }
  /// Removes those of which `fn(message)` says so.
  template <class F>
  void erase_if(F&& fn) {
    for (auto at = in_order_.begin(); at != in_order_.end();) {
      const auto one = at++;
      if (fn(message{one->last})) erase(one->cookie());
    }
  }
  [[nodiscard]] std::size_t size() const noexcept { return in_order_.size(); }

 private:
  const std::size_t most_;
  std::list<flow> in_order_;  // of their ends; the oldest first
  std::unordered_map<std::uint64_t, std::list<flow>::iterator> by_cookie_;
};

}  // namespace tcpinfo::collect

#endif
