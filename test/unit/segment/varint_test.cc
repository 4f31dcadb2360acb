// SPDX-License-Identifier: Apache-2.0
//
// Numbers are those written, whichever way they are taken, and where their bytes end before they do
// that is told.
#include "segment/varint.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "segment/growing.h"
#include "unit/catch.h"

namespace {

namespace format = tcpinfo::segment_format;
using format::taker;

using take = std::uint64_t (*)(taker&);
constexpr take ways[] = {[](taker& t) { return t.varint(); },
                         [](taker& t) { return t.short_varint(); },
                         [](taker& t) { return t.medium_varint(); }};

// What the format says, byte by byte. False where the number does not end, or has too many bits.
bool read_slowly(const std::vector<std::byte>& bytes, std::uint64_t& number, std::size_t& size) {
  number = 0;
  for (size = 0; size < std::min<std::size_t>(bytes.size(), 10);) {
    const auto b = std::to_integer<std::uint64_t>(bytes[size]);
    if (size == 9 && b > 1) return false;
    number |= (b & 0x7fU) << 7 * size++;
    if (b < 0x80) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("numbers of variable length are those of their bytes, however many follow") {
  std::mt19937_64 random(3);
  for (unsigned round = 0; round < 3000; ++round) {
    std::vector<std::byte> bytes(random() % 14);
    // Most bytes go on, so that numbers of all lengths come, too long ones among them.
    for (std::byte& b : bytes)
      b = static_cast<std::byte>(random() % 5 == 0 ? random() % 128 : random() | 128U);
    if (round % 4 == 0 && bytes.size() > 9) bytes[9] = static_cast<std::byte>(random() % 3);
    std::uint64_t wanted = 0;
    std::size_t size = 0;
    const bool good = read_slowly(bytes, wanted, size);
    for (const take way : ways) {
      taker t(bytes);
      const std::uint64_t got = way(t);
      INFO("round " << round);
      CHECK(t.ok() == good);
      CHECK(got == (good ? wanted : 0));
      CHECK(t.left() == (good ? bytes.size() - size : 0));
    }
  }
}

TEST_CASE("numbers that were written come back") {
  std::mt19937_64 random(4);
  format::byte_stream written;
  std::vector<std::uint64_t> numbers;
  for (unsigned i = 0; i < 2000; ++i) {
    numbers.push_back(random() >> random() % 64);
    written.varint(numbers.back());
  }
  for (const take way : ways) {
    taker t(written.all());
    std::vector<std::uint64_t> got;
    while (t.left() > 0) got.push_back(way(t));
    CHECK(t.ok());
    const bool same = got == numbers;
    CHECK(same);
  }
}

TEST_CASE("bytes that are alike are taken, and no others") {
  std::mt19937 random(5);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (unsigned round = 0; round < 2000; ++round) {
    const std::uint32_t byte = below(128);
    const std::size_t alike = below(40);
    std::vector<std::byte> bytes(alike, static_cast<std::byte>(byte));
    for (unsigned more = below(12); more > 0; --more)
      bytes.push_back(static_cast<std::byte>(bytes.size() == alike ? byte + 1 + below(100) : byte));
    const std::uint32_t most = below(50);
    taker t(bytes);
    const std::uint32_t count = t.equal_bytes(byte, most);
    INFO("round " << round);
    CHECK(count == std::min<std::size_t>(alike, most));
    CHECK(t.left() == bytes.size() - count);
    CHECK(t.ok());
  }
}

TEST_CASE("eight numbers at once: where eight of one byte are there") {
  std::vector<std::byte> bytes;
  for (unsigned i = 1; i <= 17; ++i) bytes.push_back(static_cast<std::byte>(i));
  bytes[16] = std::byte{0x80};
  taker t(bytes);
  std::uint64_t eight = 0;
  CHECK(t.next_eight(eight));
  CHECK(eight == 0x0807'0605'0403'0201U);
  CHECK(t.short_varint() == 9);
  CHECK_FALSE(t.next_eight(eight));
  CHECK(t.left() == 8);
  taker few(tcpinfo::bytes_view(bytes).first(7));
  CHECK_FALSE(few.next_eight(eight));
  CHECK(few.left() == 7);
  CHECK(few.ok());
}
