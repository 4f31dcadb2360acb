// SPDX-License-Identifier: Apache-2.0
//
// Numbers of variable length: seven bits a byte, the lowest first, the highest bit set in all but
// the last byte. Signed ones are folded first (zigzag), so that small ones of both signs are short.
#ifndef TCPINFO_SEGMENT_VARINT_H
#define TCPINFO_SEGMENT_VARINT_H

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <tcpinfo/bytes.h>

#include "common/little_endian.h"

namespace tcpinfo::inline v0::segment_format {

// A little-endian number of any alignment, as load_le() reads it.
template <class T>
inline void store_le(std::byte* to, T n) noexcept {
  for (std::size_t i = 0; i < sizeof n; ++i) to[i] = static_cast<std::byte>(n >> (8 * i));
}

template <class T>
[[nodiscard]] constexpr T fold(
    T difference) noexcept {  // an unsigned type; the top bit is the sign
  return static_cast<T>((difference << 1U) ^ (T{0} - (difference >> (sizeof(T) * 8 - 1))));
}
template <class T>
[[nodiscard]] constexpr T unfold(T folded) noexcept {
  return static_cast<T>((folded >> 1U) ^ (T{0} - (folded & 1U)));
}

/// A signed number as the unsigned ones that differences are made of.
[[nodiscard]] constexpr std::uint64_t whole(std::int64_t n) noexcept {
  return static_cast<std::uint64_t>(n);
}

[[nodiscard]] constexpr std::size_t varint_size(std::uint64_t n) noexcept {
  return (static_cast<std::size_t>(std::bit_width(n | 1U)) + 6) / 7;
}

/// Writes at most 10 bytes.
inline std::byte* put_varint(std::byte* to, std::uint64_t n) noexcept {
  while (n >= 0x80) {
    *to++ = static_cast<std::byte>(n | 0x80U);
    n >>= 7U;
  }
  *to++ = static_cast<std::byte>(n);
  return to;
}

/// Of bytes that put_varint() wrote: nothing is checked.
[[nodiscard]] inline std::uint64_t next_varint(const std::byte*& at) noexcept {
  auto b = std::to_integer<std::uint64_t>(*at++);
  std::uint64_t n = b & 0x7fU;
  for (unsigned shift = 7; b >= 0x80; shift += 7) {
    b = std::to_integer<std::uint64_t>(*at++);
    n |= (b & 0x7fU) << shift;
  }
  return n;
}

/// Takes numbers and bytes off the front of a view; after a fault everything is 0 and `ok` is
/// false.
class taker {
 public:
  taker() noexcept = default;
  explicit taker(bytes_view from) noexcept : at_(from.data()), end_(from.data() + from.size()) {}

  [[nodiscard]] std::uint64_t varint() noexcept {
    std::uint64_t n = 0;
    for (unsigned shift = 0; at_ != end_; shift += 7) {
      const auto b = std::to_integer<std::uint64_t>(*at_++);
      if (shift == 63 && b > 1) break;
      n |= (b & 0x7fU) << shift;
      if (b < 0x80) return n;
      if (shift == 63) break;
    }
    return fail();
  }
  /// The same, for numbers that are mostly small.
  [[nodiscard]] std::uint64_t short_varint() noexcept {
    if (at_ != end_ && (*at_ & std::byte{0x80}) == std::byte{0}) [[likely]]
      return std::to_integer<std::uint64_t>(*at_++);
    return varint();
  }
  /// The same, for numbers that are mostly of one byte or two.
  [[nodiscard]] std::uint64_t medium_varint() noexcept {
    if (left() >= 2) {
      const auto two = load_le<std::uint16_t>(at_);
      if ((two & 0x80U) == 0) {
        ++at_;
        return two & 0x7fU;
      }
      if ((two & 0x8000U) == 0) {
        at_ += 2;
        return (two & 0x7fU) | (two >> 1U & 0x3f80U);
      }
    }
    const auto [number, behind] = long_varint(at_, end_);
    if (behind == nullptr) return fail();
    at_ = behind;
    return number;
  }
  /// At most `most`.
  [[nodiscard]] std::uint64_t varint(std::uint64_t most) noexcept {
    const std::uint64_t n = short_varint();
    return n <= most ? n : fail();
  }
  [[nodiscard]] std::uint64_t unfolded() noexcept { return unfold(medium_varint()); }
  [[nodiscard]] bytes_view bytes(std::uint64_t size) noexcept {
    if (size > left()) {
      (void)fail();
      return {};
    }
    const bytes_view taken(at_, static_cast<std::size_t>(size));
    at_ += size;
    return taken;
  }

  /// Takes the bytes that are `byte`, at most `most` of them. @return how many.
  [[nodiscard]] std::uint32_t equal_bytes(std::uint32_t byte, std::uint32_t most) noexcept {
    const std::byte* at = at_;
    const std::byte* const end = at + std::min<std::size_t>(most, left());
    const std::uint64_t all = 0x0101'0101'0101'0101U * byte;
    // By eights, as long as so many are there, asked for or not.
    while (at < end && end_ - at >= 8) {
      const std::uint64_t others = load_le<std::uint64_t>(at) ^ all;
      at += std::countr_zero(others) / 8;
      if (others != 0) break;
    }
    while (at < end && *at == static_cast<std::byte>(byte)) ++at;
    at = std::min(at, end);
    return static_cast<std::uint32_t>(at - std::exchange(at_, at));
  }

  /// Takes eight numbers of one byte each, the first one lowest. False where the next ones are
  /// none.
  [[nodiscard]] bool next_eight(std::uint64_t& numbers) noexcept {
    if (left() < 8) return false;
    numbers = load_le<std::uint64_t>(at_);
    if ((numbers & 0x8080'8080'8080'8080U) != 0) return false;
    at_ += 8;
    return true;
  }

  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  struct one_taken {
    std::uint64_t number;
    const std::byte* behind;  // null: there is none
  };
  // Not inlined, and with copies, so that who takes many short ones has all in registers.
  [[gnu::noinline]] static one_taken long_varint(const std::byte* at,
                                                 const std::byte* end) noexcept {
    // One of up to four bytes, where as many are there.
    if (end - at >= 4) {
      const auto four = load_le<std::uint32_t>(at);
      std::uint32_t n = four & 0x7fU;
      if ((four & 0x80U) == 0) return {n, at + 1};
      n |= four >> 1U & 0x3f80U;
      if ((four & 0x8000U) == 0) return {n, at + 2};
      n |= four >> 2U & 0x1f'c000U;
      if ((four & 0x80'0000U) == 0) return {n, at + 3};
      n |= four >> 3U & 0xfe0'0000U;
      if ((four & 0x8000'0000U) == 0) return {n, at + 4};
    }
    taker rest(bytes_view(at, end));
    const std::uint64_t n = rest.varint();
    return {n, rest.ok() ? rest.at_ : nullptr};
  }
  std::uint64_t fail() noexcept {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  bool ok_ = true;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
