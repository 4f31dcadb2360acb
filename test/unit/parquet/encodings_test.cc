// SPDX-License-Identifier: Apache-2.0
//
// Parquet's encodings against bytes that were worked out by hand from its specification, and
// against slow decoders.
#include "parquet/encodings.h"

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "parquet/thrift.h"
#include "unit/catch.h"

using namespace tcpinfo::parquet;

namespace {

std::string bytes(std::initializer_list<int> list) {
  std::string text;
  for (const int b : list) text += static_cast<char>(b);
  return text;
}

std::string hybrid(const std::vector<std::uint32_t>& numbers, unsigned bits) {
  std::string text;
  append_hybrid(text, numbers, bits);
  return text;
}

std::string delta(const std::vector<std::uint64_t>& numbers, unsigned bits) {
  std::string text;
  append_delta(text, numbers, bits);
  return text;
}

// Reads what the encoders wrote, a bit at a time.
class reader {
 public:
  explicit reader(const std::string& text) : text_(text) {}

  bool is_at_end() const { return at_ == text_.size(); }
  std::uint64_t byte() {
    REQUIRE(at_ < text_.size());
    return static_cast<std::uint8_t>(text_[at_++]);
  }
  std::uint64_t varint() {
    std::uint64_t n = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint64_t b = byte();
      n |= (b & 0x7fU) << shift;
      if (b < 0x80) return n;
    }
  }
  std::uint64_t zigzag_varint() {
    const std::uint64_t n = varint();
    return n >> 1U ^ (std::uint64_t{0} - (n & 1U));
  }
  std::vector<std::uint64_t> packed(std::size_t count, unsigned bits) {
    std::vector<std::uint64_t> numbers(count);
    for (std::size_t i = 0; i < count * bits; ++i) {
      const std::size_t at = at_ + i / 8;
      REQUIRE(at < text_.size());
      const auto bit =
          static_cast<std::uint64_t>(static_cast<std::uint8_t>(text_[at]) >> i % 8 & 1);
      numbers[i / bits] |= bit << i % bits;
    }
    at_ += count * bits / 8;
    return numbers;
  }

 private:
  const std::string& text_;
  std::size_t at_ = 0;
};

std::vector<std::uint32_t> read_hybrid(const std::string& text, std::size_t count, unsigned bits) {
  std::vector<std::uint32_t> numbers;
  reader from(text);
  while (!from.is_at_end()) {
    const std::uint64_t head = from.varint();
    if ((head & 1U) != 0) {
      for (const std::uint64_t n : from.packed((head >> 1U) * 8, bits))
        numbers.push_back(static_cast<std::uint32_t>(n));
    } else {
      std::uint64_t n = 0;
      for (unsigned i = 0; i < (bits + 7) / 8; ++i) n |= from.byte() << 8 * i;
      numbers.insert(numbers.end(), head >> 1U, static_cast<std::uint32_t>(n));
    }
  }
  REQUIRE(numbers.size() >= count);
  REQUIRE(numbers.size() < count + 8);
  numbers.resize(count);
  return numbers;
}

std::vector<std::uint64_t> read_delta(const std::string& text, unsigned bits) {
  reader from(text);
  const std::uint64_t block = from.varint();
  const std::uint64_t parts = from.varint();
  const std::uint64_t count = from.varint();
  std::vector<std::uint64_t> numbers = {from.zigzag_varint()};
  while (numbers.size() < count) {
    const std::uint64_t least = from.zigzag_varint();
    std::vector<unsigned> widths;
    for (std::uint64_t p = 0; p < parts; ++p) widths.push_back(static_cast<unsigned>(from.byte()));
    for (const unsigned width : widths) {
      if (numbers.size() >= count) break;
      REQUIRE(width <= bits);
      for (const std::uint64_t n : from.packed(block / parts, width))
        numbers.push_back(numbers.back() + least + n);
    }
  }
  REQUIRE(from.is_at_end());
  numbers.resize(count);
  if (bits == 32)
    for (std::uint64_t& n : numbers) n &= 0xffff'ffffU;
  return numbers;
}

}  // namespace

TEST_CASE("runs and packed groups are those of the specification") {
  CHECK(hybrid({}, 3).empty());
  // The specification's example: 0 to 7 in three bits each.
  CHECK(hybrid({0, 1, 2, 3, 4, 5, 6, 7}, 3) == bytes({0x03, 0x88, 0xc6, 0xfa}));
  // Nine fives are a run.
  CHECK(hybrid({5, 5, 5, 5, 5, 5, 5, 5, 5}, 3) == bytes({9 << 1, 5}));
  // Seven are none, and are filled up.
  CHECK(hybrid({1, 1, 1, 1, 1, 1, 1}, 1) == bytes({0x03, 0x7f}));
  // A run gives what the group before it lacks.
  CHECK(hybrid({0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 1) ==
        bytes({0x03, 0xfe, 9 << 1, 1}));
  // Of a dictionary of one value no bit is left.
  CHECK(hybrid(std::vector<std::uint32_t>(100, 0), 0) == bytes({0xc8, 0x01}));
}

TEST_CASE("runs and packed groups come back") {
  std::mt19937 random(1);
  for (const unsigned bits : {1U, 2U, 3U, 7U, 8U, 9U, 15U, 16U, 17U, 31U, 32U}) {
    for (std::size_t count = 0; count < 200; count += 7) {
      std::vector<std::uint32_t> numbers;
      while (numbers.size() < count) {
        const auto n = static_cast<std::uint32_t>(random() & ((std::uint64_t{1} << bits) - 1));
        numbers.insert(numbers.end(), random() % 3 == 0 ? random() % 30 : 1, n);
      }
      numbers.resize(count);
      REQUIRE(read_hybrid(hybrid(numbers, bits), count, bits) == numbers);
    }
  }
}

TEST_CASE("differences are those of the specification") {
  // Block of 128, 4 parts, 5 numbers, the first is 1; least difference 1, widths 0.
  CHECK(delta({1, 2, 3, 4, 5}, 32) == bytes({0x80, 0x01, 4, 5, 2, 2, 0, 0, 0, 0}));
  // 7 5 3 1 2 3 4 5: differences -2 -2 -2 1 1 1 1, above the least 0 0 0 3 3 3 3.
  CHECK(delta({7, 5, 3, 1, 2, 3, 4, 5}, 64) ==
        bytes({0x80, 0x01, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0}));
  CHECK(delta({9}, 32) == bytes({0x80, 0x01, 4, 1, 18}));
}

TEST_CASE("differences come back, those that overflow too") {
  std::mt19937_64 random(2);
  for (const unsigned bits : {32U, 64U}) {
    const std::uint64_t most = bits == 32 ? 0xffff'ffffU : ~std::uint64_t{0};
    REQUIRE(read_delta(delta({0, most, 0, most / 2, most / 2 + 1, 0}, bits), bits) ==
            std::vector<std::uint64_t>{0, most, 0, most / 2, most / 2 + 1, 0});
    for (const unsigned width : {0U, 1U, 5U, 17U, 31U, 32U, 33U, 47U, 64U}) {
      for (const std::size_t count : {1U, 2U, 31U, 32U, 33U, 128U, 129U, 130U, 300U}) {
        std::vector<std::uint64_t> numbers;
        for (std::size_t i = 0; i < count; ++i)
          numbers.push_back(width == 0 ? 3 : random() >> (64 - width) & most);
        REQUIRE(read_delta(delta(numbers, bits), bits) == numbers);
      }
    }
  }
}

TEST_CASE("plain numbers are little-endian, booleans bits") {
  std::string text;
  append_plain(text, std::vector<std::uint64_t>{0x01020304, 0xffffffff}, 4);
  CHECK(text == bytes({4, 3, 2, 1, 0xff, 0xff, 0xff, 0xff}));
  text.clear();
  append_bits(text, std::vector<std::uint64_t>{1, 0, 1, 1, 0, 0, 0, 0, 1});
  CHECK(text == bytes({0x0d, 0x01}));
}

TEST_CASE("structs are those of Thrift's compact protocol") {
  std::string text;
  thrift_writer to(text);
  to.begin();
  to.i32(1, -3);
  to.boolean(2, true);
  to.binary(30, "ab");
  to.begin(31);
  to.i64(1, std::int64_t{300});
  to.end();
  to.i32s(32, 2);
  to.item(std::int64_t{1});
  to.item(std::int64_t{-1});
  to.structures(33, 20);
  for (int i = 0; i < 20; ++i) {
    to.begin();
    to.end();
  }
  to.end();
  CHECK(text == bytes({0x15, 5,    0x11, 0x08, 60,   2, 'a', 'b',  0x1c, 0x16,
                       0xd8, 0x04, 0,    0x19, 0x25, 2, 1,   0x19, 0xfc, 20}) +
                    std::string(20, '\0') + '\0');
}
