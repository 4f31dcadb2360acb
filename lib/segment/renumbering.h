// SPDX-License-Identifier: Apache-2.0
//
// Numbers that a block gives to what it uses of a window, from 0, in the order of first use.
#ifndef TCPINFO_SEGMENT_RENUMBERING_H
#define TCPINFO_SEGMENT_RENUMBERING_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "segment/growing.h"

namespace tcpinfo::inline v0::segment_format {

class renumbering {
 public:
  /// Forgets the block before; `size`: of the window. May throw std::bad_alloc.
  void restart(std::size_t size) {
    for (const std::uint32_t n : used_) numbers_[n] = 0;
    used_.clear();
    if (numbers_.size() >= size) return;
    std::uint32_t* const to = numbers_.room(size - numbers_.size());
    std::fill(to, numbers_.data() + size, 0U);
    numbers_.shrink(size);
  }
  /// May throw std::bad_alloc.
  [[nodiscard]] std::uint32_t number_of(std::uint32_t n) {
    if (numbers_[n] == 0) {
      used_.add(n);
      numbers_[n] = static_cast<std::uint32_t>(used_.size());
    }
    return numbers_[n] - 1;
  }
  /// Gives what is used new numbers: the order of `in_order`, which has the same.
  void reorder(std::span<const std::uint32_t> in_order) noexcept {
    std::uint32_t number = 0;
    for (const std::uint32_t n : in_order) numbers_[n] = ++number;
  }
  [[nodiscard]] bool has(std::uint32_t n) const noexcept { return numbers_[n] != 0; }
  /// What the block uses, by its numbers there.
  [[nodiscard]] std::span<const std::uint32_t> used() const noexcept { return used_.all(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return numbers_.capacity_bytes() + used_.capacity_bytes();
  }

 private:
  growing<std::uint32_t> numbers_;  // plus one; 0: not used
  growing<std::uint32_t> used_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
