// SPDX-License-Identifier: Apache-2.0
//
// An open-addressing map keyed by socket cookie: linear probing, no tombstones in the table (a
// removal shifts its successors back), at most 5/8 full. Value has a bool used().
#ifndef TCPINFO_CACHE_COOKIE_MAP_H
#define TCPINFO_CACHE_COOKIE_MAP_H

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace tcpinfo::inline v0 {

template <class Entry>  // trivially copyable, with `std::uint64_t cookie` and `bool used() const`
class cookie_map {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return capacity_ * sizeof(Entry); }
  /// How many entries there may be so that it never takes more memory than that, not even while it
  /// grows, when the smaller table is there as well. At least as many as the smallest table holds.
  [[nodiscard]] static constexpr std::size_t most_in(std::size_t bytes) noexcept {
    const std::size_t capacity = std::bit_floor(bytes / sizeof(Entry) * 2 / 3);
    return (capacity < minimum_capacity ? minimum_capacity : capacity) / 8 * 5;
  }

  [[nodiscard]] Entry* find(std::uint64_t cookie) const noexcept {
    if (capacity_ == 0) return nullptr;
    for (std::size_t at = home(cookie);; at = (at + 1) & (capacity_ - 1)) {
      Entry& entry = entries_[at];
      if (!entry.used()) return nullptr;
      if (entry.cookie == cookie) return &entry;
    }
  }

  /// Asks the processor for the place where find() begins.
  void fetch(std::uint64_t cookie) const noexcept {
    if (capacity_ != 0) __builtin_prefetch(&entries_[home(cookie)]);
  }

  /// Makes room for one more entry; false when there is no memory.
  [[nodiscard]] bool reserve_one() noexcept {
    if ((size_ + 1) * 8 <= capacity_ * 5) return true;
    return rehash(capacity_ == 0 ? minimum_capacity : capacity_ * 2);
  }

  /// Adds an entry whose cookie is not there yet; reserve_one() must have succeeded.
  Entry& insert(const Entry& entry) noexcept {
    std::size_t at = home(entry.cookie);
    while (entries_[at].used()) at = (at + 1) & (capacity_ - 1);
    entries_[at] = entry;
    ++size_;
    return entries_[at];
  }

  void erase(Entry* entry) noexcept {
    auto hole = static_cast<std::size_t>(entry - entries_.get());
    for (std::size_t at = (hole + 1) & (capacity_ - 1); entries_[at].used();
         at = (at + 1) & (capacity_ - 1)) {
      // An entry may move back to the hole unless its home lies cyclically after the hole.
      const std::size_t distance_to_home = (at - home(entries_[at].cookie)) & (capacity_ - 1);
      const std::size_t distance_to_hole = (at - hole) & (capacity_ - 1);
      if (distance_to_home < distance_to_hole) continue;
      entries_[hole] = entries_[at];
      hole = at;
    }
    entries_[hole] = Entry{};
    --size_;
  }

  /// Calls `fn` for each entry; it must not add or remove any.
  template <class F>
  void for_each(F&& fn) const noexcept {
    for (std::size_t at = 0; at < capacity_; ++at)
      if (entries_[at].used()) fn(entries_[at]);
  }

  /// Removes the entries of which `fn` says so.
  template <class F>
  void erase_if(F&& fn) noexcept {
    for (std::size_t at = 0; at < capacity_;) {
      // After a removal another entry may stand here. One that wrapped around from the table's
      // start is met twice, which does no harm.
      if (entries_[at].used() && fn(entries_[at]))
        erase(&entries_[at]);
      else
        ++at;
    }
    if (capacity_ > minimum_capacity && size_ * 8 < capacity_) (void)rehash(capacity_ / 2);
  }

 private:
  static constexpr std::size_t minimum_capacity = 64;

  [[nodiscard]] std::size_t home(std::uint64_t cookie) const noexcept {
    // Cookies are small counters: Fibonacci hashing spreads them by the high bits.
    return static_cast<std::size_t>((cookie * 0x9e3779b97f4a7c15U) >> shift_);
  }

  bool rehash(std::size_t capacity) noexcept {
    std::unique_ptr<Entry[]> fresh(new (std::nothrow) Entry[capacity]());
    if (fresh == nullptr) return false;
    std::swap(entries_, fresh);
    const std::size_t old_capacity = std::exchange(capacity_, capacity);
    shift_ = 64 - std::countr_zero(capacity);
    size_ = 0;
    for (std::size_t at = 0; at < old_capacity; ++at)
      if (fresh[at].used()) insert(fresh[at]);
    return true;
  }

  std::unique_ptr<Entry[]> entries_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  int shift_ = 63;
};

}  // namespace tcpinfo::inline v0

#endif
