// SPDX-License-Identifier: Apache-2.0
#include "segment/planes.h"

#include <algorithm>
#include <array>

namespace tcpinfo::inline v0::segment_format {
namespace {

constexpr std::byte goes_on_bit{0x80};

bool goes_on_behind(std::byte b) noexcept { return (b & goes_on_bit) != std::byte{0}; }

// How many of the bytes are not the last ones of their varints.
std::size_t unfinished(bytes_view bytes) noexcept {
  std::size_t count = 0;
  for (const std::byte b : bytes) count += std::to_integer<std::size_t>(b) >> 7U;
  return count;
}

// Of some: how many are among the latest different ones, or nearly so.
std::size_t repeated(bytes_view varints, std::size_t count) noexcept {
  constexpr unsigned bits = 8;
  std::array<std::uint32_t, std::size_t{1} << bits> seen{};
  std::size_t repeats = 0;
  const std::byte* at = varints.data();
  for (std::size_t i = 0; i < count; ++i) {
    const auto n = static_cast<std::uint32_t>(next_varint(at));
    std::uint32_t& latest = seen[(n * 0x9e37'79b1U) >> (32 - bits)];
    if (latest == n) ++repeats;
    latest = n;
  }
  return repeats;
}

}  // namespace

bool wants_planes(bytes_view varints, std::size_t count) noexcept {
  // Varints of one byte are a plane already; few ones gain nothing.
  constexpr std::size_t few = 32;
  if (count < few || 4 * varints.size() < 5 * count) return false;
  // What comes again and again is found again as a whole, but not in planes.
  const std::size_t some = std::min<std::size_t>(count, 2048);
  return 2 * repeated(varints, some) < some;
}

void put_planes(bytes_view varints, byte_stream& out) {
  // How many varints have a byte there.
  std::array<std::size_t, max_varint_bytes> sizes{};
  std::size_t place = 0;
  for (const std::byte b : varints) {
    ++sizes[place];
    place = goes_on_behind(b) ? place + 1 : 0;
  }
  std::byte* const to = out.room(varints.size());
  std::array<std::byte*, max_varint_bytes> planes{};
  std::byte* at = to;
  for (std::size_t i = 0; i < planes.size(); ++i) {
    planes[i] = at;
    at += sizes[i];
  }
  place = 0;
  for (const std::byte b : varints) {
    *planes[place]++ = b;
    place = goes_on_behind(b) ? place + 1 : 0;
  }
  out.end_at(to + varints.size());
}

bool join_planes(bytes_view planes, std::uint64_t count, std::byte* to) noexcept {
  if (count > planes.size()) return false;
  // Where each plane begins: it has as many bytes as the one before has unfinished ones.
  std::array<const std::byte*, max_varint_bytes> at{};
  bytes_view left = planes;
  auto size = static_cast<std::size_t>(count);
  for (const std::byte*& begin : at) {
    if (size > left.size()) return false;
    begin = left.data();
    const std::size_t next = unfinished(left.first(size));
    left = left.subspan(size);
    size = next;
  }
  if (size != 0 || !left.empty()) return false;
  for (std::uint64_t i = 0; i < count; ++i)
    for (std::size_t plane = 0;; ++plane) {
      const std::byte b = *at[plane]++;
      *to++ = b;
      if (!goes_on_behind(b)) break;
    }
  return true;
}

}  // namespace tcpinfo::inline v0::segment_format
