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

#include <tcpinfo/bytes.h>

namespace tcpinfo::inline v0::segment_format {

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
  /// At most `most`.
  [[nodiscard]] std::uint64_t varint(std::uint64_t most) noexcept {
    const std::uint64_t n = short_varint();
    return n <= most ? n : fail();
  }
  [[nodiscard]] std::uint64_t unfolded() noexcept { return unfold(short_varint()); }
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
    const std::byte* const begin = at_;
    const std::byte* const end = at_ + std::min<std::size_t>(most, left());
    const std::uint64_t all = 0x0101'0101'0101'0101U * byte;
    for (std::uint64_t eight = 0; end - at_ >= 8; at_ += 8) {
      std::memcpy(&eight, at_, sizeof eight);
      if (eight != all) break;
    }
    while (at_ != end && *at_ == static_cast<std::byte>(byte)) ++at_;
    return static_cast<std::uint32_t>(at_ - begin);
  }

  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] bool ok() const noexcept { return ok_; }

 private:
  std::uint64_t fail() noexcept {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  bool ok_ = true;
};

// Little-endian numbers of any alignment.
template <class T>
[[nodiscard]] inline T load_le(const std::byte* from) noexcept {
  T n;
  std::memcpy(&n, from, sizeof n);
  if constexpr (std::endian::native == std::endian::big) {
    T swapped = 0;
    for (std::size_t i = 0; i < sizeof n; ++i, n = static_cast<T>(n >> 8U))
      swapped = static_cast<T>(static_cast<T>(swapped << 8U) | (n & 0xffU));
    n = swapped;
  }
  return n;
}
template <class T>
inline void store_le(std::byte* to, T n) noexcept {
  for (std::size_t i = 0; i < sizeof n; ++i) to[i] = static_cast<std::byte>(n >> (8 * i));
}

}  // namespace tcpinfo::inline v0::segment_format

#endif
