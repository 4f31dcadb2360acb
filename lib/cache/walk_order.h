// SPDX-License-Identifier: Apache-2.0
//
// The order in which the last dump showed the flows. The next dump shows them in the same order,
// but for those that came and went. So the flow table guesses the next flow without a look-up, and
// fetches the memory of the few after it ahead of time. That pays because the last messages of
// 100,000 connections are far more than the processor's caches hold.
#ifndef TCPINFO_CACHE_WALK_ORDER_H
#define TCPINFO_CACHE_WALK_ORDER_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "cache/kept_message.h"

namespace tcpinfo::inline v0 {

class walk_order {
 public:
  /// Makes room for one block more, where this cycle has yet to show `unseen` of the last one's.
  /// False when there is no memory.
  [[nodiscard]] bool reserve_one(std::size_t unseen) noexcept {
    if (now_size_ + unseen < capacity_) return true;
    drop_holes();
    if ((now_size_ + unseen) * 4 < capacity_ * 3) return true;
    const std::size_t wanted = capacity_ < minimum ? minimum : capacity_ + capacity_ / 2;
    list last(new (std::nothrow) kept_message*[wanted]);
    list now(new (std::nothrow) kept_message*[wanted]);
    if (last == nullptr || now == nullptr) return false;
    for (std::size_t i = 0; i < last_size_; ++i) last[i] = last_[i];
    for (std::size_t i = 0; i < now_size_; ++i) now[i] = now_[i];
    last_ = std::move(last);
    now_ = std::move(now);
    capacity_ = wanted;
    return true;
  }

  /// The block that this cycle shows next if it goes as the last one; nullptr where that is not
  /// known.
  [[nodiscard]] kept_message* expected() const noexcept {
    return next_ < last_size_ ? last_[next_] : nullptr;
  }

  /// A block known from the last cycle is shown; once a cycle.
  void seen(kept_message* block) noexcept {
    next_ = block->place + 1;
    if (next_ + ahead < last_size_)
      if (const kept_message* soon = last_[next_ + ahead]) soon->fetch();
    last_[block->place] = nullptr;
    add(block);
  }
  /// A block is new; there is room for it.
  void add(kept_message* block) noexcept {
    block->place = static_cast<std::uint32_t>(now_size_);
    now_[now_size_++] = block;
  }

  /// A block takes the place of another, or is no more (nullptr). `in_this_cycle`: it was seen.
  void replace(const kept_message* old, kept_message* block, bool in_this_cycle) noexcept {
    (in_this_cycle ? now_ : last_)[old->place] = block;
  }

  /// Those not seen in the cycle go to its end: they may come back.
  void end_cycle(bool all_seen) noexcept {
    if (!all_seen)
      for (std::size_t i = 0; i < last_size_; ++i)
        if (last_[i] != nullptr) add(last_[i]);
    std::swap(last_, now_);
    last_size_ = std::exchange(now_size_, 0);
    next_ = 0;
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return 2 * capacity_ * sizeof(kept_message*);
  }

 private:
  using list = std::unique_ptr<kept_message*[]>;

  // What was seen and is no more leaves one.
  void drop_holes() noexcept {
    const std::size_t size = std::exchange(now_size_, 0);
    for (std::size_t i = 0; i < size; ++i)
      if (now_[i] != nullptr) add(now_[i]);
  }

  static constexpr std::size_t minimum = 64;
  // Blocks between the one compared and the one asked for: a few hundred nanoseconds.
  static constexpr std::size_t ahead = 3;

  list last_;  // of the last cycle, nullptr where it was seen again or is gone
  list now_;   // of the one that is running
  std::size_t last_size_ = 0;
  std::size_t now_size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t next_ = 0;
};

}  // namespace tcpinfo::inline v0

#endif
