// SPDX-License-Identifier: Apache-2.0
#include "archive/base64_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstdint>

namespace tcpinfo::inline v0 {
namespace base64 {
namespace {

// The idea of looking characters up by their halves with byte shuffles is W. Mula's and D. Lemire's
// ("Faster Base64 Encoding and Decoding using AVX2 Instructions", 2018); the tables are worked out
// here.

constexpr bool in_alphabet(unsigned c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

// Upper halves whose rows of the character table have the same holes are one class, a bit; rows
// without any character of the alphabet are the class `none`.
constexpr std::uint8_t none = 0x10;
constexpr std::uint8_t class_of(unsigned high) noexcept {
  switch (high) {
    case 2:
      return 0x01;
    case 3:
      return 0x02;
    case 4:
    case 6:
      return 0x04;
    case 5:
    case 7:
      return 0x08;
    default:
      return none;
  }
}

struct tables {
  // A byte shuffle looks up in each half of the register on its own: everything stands twice.
  alignas(32) std::array<std::uint8_t, 32> classes{};  // by upper half
  alignas(32) std::array<std::uint8_t, 32> holes{};  // by lower half: classes that have none there
  alignas(32) std::array<std::int8_t, 32> shifts{};  // by upper half: from character to value
};

constexpr tables make_tables() noexcept {
  tables t;
  for (unsigned i = 0; i < 16; ++i) {
    t.classes[i] = t.classes[i + 16] = class_of(i);
    std::uint8_t holes = none;
    for (unsigned high = 2; high < 8; ++high)
      if (!in_alphabet(high << 4U | i)) holes = static_cast<std::uint8_t>(holes | class_of(high));
    t.holes[i] = t.holes[i + 16] = holes;
  }
  // '/' has the upper half of '+': it is moved to the free place below.
  const std::array<int, 8> shifts = {0,       63 - '/', 62 - '+', 52 - '0',
                                     0 - 'A', 0 - 'A',  26 - 'a', 26 - 'a'};
  for (std::size_t i = 0; i < shifts.size(); ++i)
    t.shifts[i] = t.shifts[i + 16] = static_cast<std::int8_t>(shifts[i]);
  return t;
}
constexpr tables lookup = make_tables();

// The other way: a value's distance from its character depends on which run of the alphabet it is
// in. Classes, by what a saturating subtraction and one comparison make of a value: 0 for a to z, 1
// to 10 for the digits, 11 and 12 for '+' and '/', 13 for A to Z.
constexpr unsigned first_small = 26;
constexpr unsigned first_digit = 52;
constexpr std::uint8_t capital_class = 13;
struct distances {
  alignas(32) std::array<std::int8_t, 32> by_class{};
};
constexpr distances make_distances() noexcept {
  distances t;
  const auto set = [&t](std::size_t at, int character, unsigned value) {
    t.by_class[at] = t.by_class[at + 16] =
        static_cast<std::int8_t>(character - static_cast<int>(value));
  };
  set(0, 'a', first_small);
  for (unsigned digit = 0; digit < 10; ++digit) set(1 + digit, '0', first_digit);
  set(11, '+', 62);
  set(12, '/', 63);
  set(capital_class, 'A', 0);
  return t;
}
constexpr distances distance = make_distances();

// A load and a test; a constant of the file would be code that runs before main.
bool has_avx2() noexcept { return __builtin_cpu_supports("avx2") != 0; }

[[gnu::target("avx2")]] __m256i load(const void* from) noexcept {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

[[gnu::target("avx2")]] bool decode_avx2(const char*& from, const char* end,
                                         std::byte*& to) noexcept {
  const __m256i classes = load(lookup.classes.data());
  const __m256i holes = load(lookup.holes.data());
  const __m256i shifts = load(lookup.shifts.data());
  const __m256i half = _mm256_set1_epi8(0x0f);
  const __m256i slash = _mm256_set1_epi8('/');
  // Four values of six bits become three bytes, the first character's highest.
  const __m256i join_two = _mm256_set1_epi32(0x01400140);   // a * 64 + b
  const __m256i join_four = _mm256_set1_epi32(0x00011000);  // ab * 4096 + cd
  const __m256i order = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, 2,
                                         1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  const __m256i close_gap = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
  while (end - from >= 32) {
    const __m256i text = load(from);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi32(text, 4), half);
    const __m256i low = _mm256_and_si256(text, half);
    const __m256i wrong =
        _mm256_and_si256(_mm256_shuffle_epi8(classes, high), _mm256_shuffle_epi8(holes, low));
    const __m256i place = _mm256_add_epi8(high, _mm256_cmpeq_epi8(text, slash));
    const __m256i values = _mm256_add_epi8(text, _mm256_shuffle_epi8(shifts, place));
    const __m256i joined = _mm256_madd_epi16(_mm256_maddubs_epi16(values, join_two), join_four);
    const __m256i bytes =
        _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(joined, order), close_gap);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
    const auto good = static_cast<std::uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(wrong, _mm256_setzero_si256())));
    if (good != 0xffffffff) {
      // What was made of the groups before the first wrong character stands.
      const int groups = std::countr_one(good) / 4;
      from += 4 * groups;
      to += 3 * groups;
      return true;
    }
    from += 32;
    to += 24;
  }
  return false;
}

[[gnu::target("avx2")]] __m128i half(const __m256i& v) noexcept {
  return _mm256_castsi256_si128(v);
}

[[gnu::target("avx2")]] void encode_avx2(const std::byte*& from, std::size_t& n,
                                         char*& to) noexcept {
  const __m256i by_class = load(distance.by_class.data());
  // Each three bytes become a group of four, with the middle one twice: its halves belong to two of
  // the values.
  const __m256i spread = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, 1, 0,
                                          2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
  const __m256i odd_values = _mm256_set1_epi32(0x0fc0fc00);
  const __m256i even_values = _mm256_set1_epi32(0x003f03f0);
  // Multiplications shift the two values of each kind by amounts of their own.
  const __m256i shift_down = _mm256_set1_epi32(0x04000040);
  const __m256i shift_up = _mm256_set1_epi32(0x01000010);
  const __m256i last_letter = _mm256_set1_epi8(first_digit - 1);
  const __m256i small = _mm256_set1_epi8(first_small);
  const __m256i capital = _mm256_set1_epi8(capital_class);
  // The upper half is loaded from the thirteenth byte and reads four beyond what it uses.
  while (n >= 28) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 12));
    const __m256i groups =
        _mm256_shuffle_epi8(_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), spread);
    const __m256i values =
        _mm256_or_si256(_mm256_mulhi_epu16(_mm256_and_si256(groups, odd_values), shift_down),
                        _mm256_mullo_epi16(_mm256_and_si256(groups, even_values), shift_up));
    const __m256i is_capital = _mm256_cmpgt_epi8(small, values);
    const __m256i classes = _mm256_or_si256(_mm256_subs_epu8(values, last_letter),
                                            _mm256_and_si256(is_capital, capital));
    const __m256i text = _mm256_add_epi8(values, _mm256_shuffle_epi8(by_class, classes));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), text);
    from += 24;
    n -= 24;
    to += 32;
  }
  // The same with half of each register, for what is left and for short payloads.
  while (n >= 16) {
    const __m128i groups =
        _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)), half(spread));
    const __m128i values =
        _mm_or_si128(_mm_mulhi_epu16(_mm_and_si128(groups, half(odd_values)), half(shift_down)),
                     _mm_mullo_epi16(_mm_and_si128(groups, half(even_values)), half(shift_up)));
    const __m128i is_capital = _mm_cmpgt_epi8(half(small), values);
    const __m128i classes = _mm_or_si128(_mm_subs_epu8(values, half(last_letter)),
                                         _mm_and_si128(is_capital, half(capital)));
    const __m128i text = _mm_add_epi8(values, _mm_shuffle_epi8(half(by_class), classes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), text);
    from += 12;
    n -= 12;
    to += 16;
  }
}

}  // namespace

bool decode_blocks(const char*& from, const char* end, std::byte*& to) noexcept {
  return has_avx2() && decode_avx2(from, end, to);
}

void encode_blocks(const std::byte*& from, std::size_t& n, char*& to) noexcept {
  if (has_avx2()) encode_avx2(from, n, to);
}

}  // namespace base64
}  // namespace tcpinfo::inline v0

#else

namespace tcpinfo::inline v0 {
namespace base64 {
bool decode_blocks(const char*&, const char*, std::byte*&) noexcept { return false; }
void encode_blocks(const std::byte*&, std::size_t&, char*&) noexcept {}
}  // namespace base64
}  // namespace tcpinfo::inline v0

#endif
