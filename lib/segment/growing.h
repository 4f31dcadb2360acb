// SPDX-License-Identifier: Apache-2.0
//
// A buffer that only grows and is used again: what std::vector does, without the price of a
// vector's push_back, which is paid for each changed word.
#ifndef TCPINFO_SEGMENT_GROWING_H
#define TCPINFO_SEGMENT_GROWING_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

#include <tcpinfo/bytes.h>

#include "segment/varint.h"

namespace tcpinfo::inline v0::segment_format {

template <class T>
requires std::is_trivially_copyable_v<T>
class growing {
 public:
  /// Room for `n` more behind what there is. May throw std::bad_alloc.
  [[nodiscard]] T* room(std::size_t n) {
    if (capacity_ - size_ < n) [[unlikely]]
      grow(n);
    return data_.get() + size_;
  }
  void add(const T& value) {
    *room(1) = value;
    ++size_;
  }
  void add(std::span<const T> values) {
    T* const to = room(values.size());
    if (!values.empty()) std::memcpy(to, values.data(), values.size_bytes());
    size_ += values.size();
  }
  /// What was written to room() up to `end`.
  void end_at(const T* end) noexcept { size_ = static_cast<std::size_t>(end - data_.get()); }
  void shrink(std::size_t size) noexcept { size_ = size; }
  void clear() noexcept { size_ = 0; }

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity_bytes() const noexcept { return capacity_ * sizeof(T); }
  [[nodiscard]] T* data() noexcept { return data_.get(); }
  [[nodiscard]] const T* data() const noexcept { return data_.get(); }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  [[nodiscard]] T* begin() noexcept { return data_.get(); }
  [[nodiscard]] T* end() noexcept { return data_.get() + size_; }
  [[nodiscard]] const T* begin() const noexcept { return data_.get(); }
  [[nodiscard]] const T* end() const noexcept { return data_.get() + size_; }
  [[nodiscard]] std::span<const T> all() const noexcept { return {data_.get(), size_}; }

 private:
  void grow(std::size_t n) {
    // Twice as much is more than is used, where it is much.
    constexpr std::size_t most = (std::size_t{4} << 20) / sizeof(T);
    const std::size_t capacity = std::max(size_ + n, capacity_ + std::min(capacity_ + 16, most));
    auto grown = std::make_unique_for_overwrite<T[]>(capacity);
    if (size_ > 0) std::memcpy(grown.get(), data_.get(), size_ * sizeof(T));
    data_ = std::move(grown);
    capacity_ = capacity;
  }

  std::unique_ptr<T[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// One stream of a block while it is made.
class byte_stream : public growing<std::byte> {
 public:
  void varint(std::uint64_t n) { end_at(put_varint(room(10), n)); }
  void folded(std::uint64_t difference) { varint(fold(difference)); }
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
