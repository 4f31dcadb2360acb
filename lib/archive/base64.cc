// SPDX-License-Identifier: Apache-2.0
#include "archive/base64.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "archive/base64_avx2.h"

namespace tcpinfo::inline v0 {
namespace base64 {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct pair {
  char text[2];
};

// Two characters for each 12 bits: half the look-ups of the usual table, and 8 KiB stay in the
// cache.
constexpr auto make_pairs() noexcept {
  std::array<pair, 4096> table{};
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = {{alphabet[i >> 6], alphabet[i & 63]}};
  return table;
}
constexpr std::array<pair, 4096> pairs = make_pairs();

constexpr std::uint8_t invalid = 0xff;
constexpr auto make_values() noexcept {
  std::array<std::uint8_t, 256> table{};
  for (auto& v : table) v = invalid;
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
  return table;
}
constexpr std::array<std::uint8_t, 256> values = make_values();

// For each place in a group of four characters, its bits where they belong in the three bytes, the
// first byte lowest. A character that is none sets the fourth byte.
constexpr std::uint32_t bad = 0xff000000;
constexpr auto make_places() noexcept {
  std::array<std::array<std::uint32_t, 256>, 4> t{};
  for (std::size_t c = 0; c < 256; ++c) {
    const std::uint32_t v = values[c];
    if (v == invalid) {
      for (auto& place : t) place[c] = bad;
      continue;
    }
    t[0][c] = v << 2;
    t[1][c] = v >> 4 | (v & 0xf) << 12;
    t[2][c] = (v >> 2) << 8 | (v & 3) << 22;
    t[3][c] = v << 16;
  }
  return t;
}
constexpr std::array<std::array<std::uint32_t, 256>, 4> places = make_places();

std::uint64_t load_big_endian(const std::byte* from) noexcept {
  std::uint64_t v;
  std::memcpy(&v, from, sizeof v);
  if constexpr (std::endian::native == std::endian::little) v = __builtin_bswap64(v);
  return v;
}

void store_little_endian(std::byte* to, std::uint64_t v) noexcept {
  if constexpr (std::endian::native == std::endian::big) v = __builtin_bswap64(v);
  std::memcpy(to, &v, sizeof v);
}

std::uint32_t group(const char* from) noexcept {
  std::uint8_t c[4];
  std::memcpy(c, from, 4);
  return places[0][c[0]] | places[1][c[1]] | places[2][c[2]] | places[3][c[3]];
}

}  // namespace

char* encode(const std::byte* from, std::size_t n, char* to) noexcept {
  // Not for attributes of a byte or two, which are the most.
  if (n >= 16) encode_blocks(from, n, to);
  while (n >= 8) {
    const std::uint64_t v = load_big_endian(from);
    std::memcpy(to, &pairs[v >> 52], 2);
    std::memcpy(to + 2, &pairs[v >> 40 & 0xfff], 2);
    std::memcpy(to + 4, &pairs[v >> 28 & 0xfff], 2);
    std::memcpy(to + 6, &pairs[v >> 16 & 0xfff], 2);
    from += 6;
    n -= 6;
    to += 8;
  }
  const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(from[i]); };
  while (n >= 3) {
    const std::uint32_t v = at(0) << 16 | at(1) << 8 | at(2);
    std::memcpy(to, &pairs[v >> 12], 2);
    std::memcpy(to + 2, &pairs[v & 0xfff], 2);
    from += 3;
    n -= 3;
    to += 4;
  }
  if (n == 0) return to;
  const std::uint32_t v = at(0) << 16 | (n == 2 ? at(1) << 8 : 0U);
  std::memcpy(to, &pairs[v >> 12], 2);
  to[2] = n == 2 ? alphabet[v >> 6 & 63] : '=';
  to[3] = '=';
  return to + 4;
}

const char* decode(const char* from, const char* end, std::byte* to, std::size_t& n) noexcept {
  const std::byte* const start = to;
  // Most attributes are a byte or two.
  const bool padded = end - from >= 4 && from[3] == '=';
  const bool at_end = padded || decode_blocks(from, end, to);
  while (!at_end && end - from >= 16) {
    const std::uint32_t a = group(from);
    const std::uint32_t b = group(from + 4);
    const std::uint32_t c = group(from + 8);
    const std::uint32_t d = group(from + 12);
    if (((a | b | c | d) & bad) != 0) break;
    store_little_endian(to, a | std::uint64_t{b} << 24);
    store_little_endian(to + 6, c | std::uint64_t{d} << 24);
    from += 16;
    to += 12;
  }
  while (!at_end && end - from >= 4) {
    const std::uint32_t v = group(from);
    if ((v & bad) != 0) break;
    store_little_endian(to, v);
    from += 4;
    to += 3;
  }
  n = static_cast<std::size_t>(to - start);

  const auto value = [&](std::ptrdiff_t i) { return values[static_cast<std::uint8_t>(from[i])]; };
  // Here the text ends, or the last group is padded; a group that is only begun is neither.
  if (from == end || value(0) == invalid) return from;
  if (end - from < 4 || from[3] != '=') return nullptr;
  const std::uint8_t v0 = value(0);
  const std::uint8_t v1 = value(1);
  if (v1 == invalid) return nullptr;
  to[0] = static_cast<std::byte>(v0 << 2 | v1 >> 4);
  if (from[2] == '=') {
    if ((v1 & 0xf) != 0) return nullptr;
    n += 1;
    return from + 4;
  }
  const std::uint8_t v2 = value(2);
  if (v2 == invalid || (v2 & 3) != 0) return nullptr;
  to[1] = static_cast<std::byte>((v1 & 0xf) << 4 | v2 >> 2);
  n += 2;
  return from + 4;
}

}  // namespace base64
}  // namespace tcpinfo::inline v0
