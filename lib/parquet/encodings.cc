// SPDX-License-Identifier: Apache-2.0
#include "parquet/encodings.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "parquet/thrift.h"

namespace tcpinfo::parquet {
namespace {

// Numbers one behind the other, the lowest bits first, in whole bytes at the end.
class bit_packer {
 public:
  bit_packer(std::string& to, unsigned bits) : to_(to), bits_(bits) {}
  ~bit_packer() {
    for (; used_ > 0; used_ -= std::min(used_, 8U), held_ >>= 8U) to_ += static_cast<char>(held_);
  }
  bit_packer(const bit_packer&) = delete;
  bit_packer& operator=(const bit_packer&) = delete;

  void add(std::uint64_t n) {
    if (bits_ > 32) {
      put(n & 0xffff'ffffU, 32);
      put(n >> 32U, bits_ - 32);
    } else {
      put(n, bits_);
    }
  }

 private:
  // At most 32 bits, with fewer than 32 held: 64 have room for them.
  void put(std::uint64_t n, unsigned bits) {
    held_ |= n << used_;
    used_ += bits;
    if (used_ < 32) return;
    append_little(to_, held_ & 0xffff'ffffU, 4);
    held_ >>= 32U;
    used_ -= 32;
  }

  std::string& to_;
  unsigned bits_;
  std::uint64_t held_ = 0;
  unsigned used_ = 0;
};

constexpr std::size_t group = 8;  // packed numbers come by so many

// What lies between runs; only the last one of a page may end within a group.
void append_packed(std::string& to, std::span<const std::uint32_t> numbers, unsigned bits) {
  if (numbers.empty()) return;
  const std::size_t groups = (numbers.size() + group - 1) / group;
  append_varint(to, groups << 1U | 1U);
  bit_packer packer(to, bits);
  for (const std::uint32_t n : numbers) packer.add(n);
  for (std::size_t i = numbers.size(); i < groups * group; ++i) packer.add(0);
}

}  // namespace

void append_little(std::string& to, std::uint64_t n, unsigned size) {
  std::array<char, 8> bytes{};
  for (unsigned i = 0; i < size; ++i) bytes[i] = static_cast<char>(n >> 8U * i);
  to.append(bytes.data(), size);
}

void append_run(std::string& to, std::uint32_t number, std::uint64_t count, unsigned bits) {
  append_varint(to, count << 1U);
  append_little(to, number, (bits + 7) / 8);
}

void append_hybrid(std::string& to, std::span<const std::uint32_t> numbers, unsigned bits) {
  std::size_t packed = 0;  // where those begin that are not written yet
  for (std::size_t at = 0; at < numbers.size();) {
    std::size_t end = at + 1;
    while (end < numbers.size() && numbers[end] == numbers[at]) ++end;
    // The group before is filled up from the run.
    const std::size_t from = at + (group - (at - packed) % group) % group;
    if (end >= from + group) {
      append_packed(to, numbers.subspan(packed, from - packed), bits);
      append_run(to, numbers[at], end - from, bits);
      packed = end;
    }
    at = end;
  }
  append_packed(to, numbers.subspan(packed), bits);
}

void append_delta(std::string& to, std::span<const std::uint64_t> numbers, unsigned bits) {
  constexpr std::size_t block = 128;
  constexpr std::size_t parts = 4;
  constexpr std::size_t part = block / parts;
  // Differences of 32-bit numbers have 32 bits, too: they wrap.
  const auto signed_of = [bits](std::uint64_t n) {
    return bits == 32 ? std::int64_t{static_cast<std::int32_t>(static_cast<std::uint32_t>(n))}
                      : static_cast<std::int64_t>(n);
  };
  const std::uint64_t mask = bits == 32 ? 0xffff'ffffU : ~std::uint64_t{0};
  append_varint(to, block);
  append_varint(to, parts);
  append_varint(to, numbers.size());
  append_varint(to, zigzag(numbers.empty() ? 0 : signed_of(numbers[0])));
  std::array<std::uint64_t, block> deltas{};
  for (std::size_t at = 1; at < numbers.size(); at += block) {
    const std::size_t count = std::min(block, numbers.size() - at);
    std::int64_t least = INT64_MAX;
    for (std::size_t i = 0; i < count; ++i) {
      deltas[i] = numbers[at + i] - numbers[at + i - 1];
      least = std::min(least, signed_of(deltas[i]));
    }
    append_varint(to, zigzag(least));
    std::array<unsigned, parts> widths{};
    for (std::size_t i = 0; i < count; ++i) {
      deltas[i] = (deltas[i] - static_cast<std::uint64_t>(least)) & mask;
      widths[i / part] = std::max(widths[i / part], bits_of(deltas[i]));
    }
    for (const unsigned w : widths) to += static_cast<char>(w);
    std::fill(deltas.begin() + static_cast<std::ptrdiff_t>(count), deltas.end(), 0);
    for (std::size_t p = 0; p * part < count; ++p) {
      bit_packer packer(to, widths[p]);
      for (std::size_t i = 0; i < part; ++i) packer.add(deltas[p * part + i]);
    }
  }
}

void append_plain(std::string& to, std::span<const std::uint64_t> numbers, unsigned size) {
  to.reserve(to.size() + numbers.size() * size);
  for (const std::uint64_t n : numbers) append_little(to, n, size);
}

void append_bits(std::string& to, std::span<const std::uint64_t> numbers) {
  bit_packer packer(to, 1);
  for (const std::uint64_t n : numbers) packer.add(n);
}

}  // namespace tcpinfo::parquet
