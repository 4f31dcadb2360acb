// SPDX-License-Identifier: Apache-2.0
//
// Parquet's encodings of numbers. Each appends to a text that the caller owns. No state, any
// thread.
#ifndef TCPINFO_PARQUET_ENCODINGS_H
#define TCPINFO_PARQUET_ENCODINGS_H

#include <bit>
#include <cstdint>
#include <span>
#include <string>

namespace tcpinfo::parquet {

/// Bits that numbers up to `most` take; 0 for 0.
[[nodiscard]] constexpr unsigned bits_of(std::uint64_t most) noexcept {
  return static_cast<unsigned>(std::bit_width(most));
}

/// Little-endian, in `size` bytes.
void append_little(std::string& to, std::uint64_t n, unsigned size);

/// Runs of equal numbers, and groups of eight packed ones between them (RLE / bit-packing hybrid),
/// without a length before them. All numbers are below 2^bits.
void append_hybrid(std::string& to, std::span<const std::uint32_t> numbers, unsigned bits);
/// The same of `count` times one number.
void append_run(std::string& to, std::uint32_t number, std::uint64_t count, unsigned bits);

/// DELTA_BINARY_PACKED, of numbers that Parquet holds in `bits`, 32 or 64.
void append_delta(std::string& to, std::span<const std::uint64_t> numbers, unsigned bits);

/// PLAIN, of numbers of `size` bytes.
void append_plain(std::string& to, std::span<const std::uint64_t> numbers, unsigned size);
/// PLAIN of booleans: a bit each.
void append_bits(std::string& to, std::span<const std::uint64_t> numbers);

}  // namespace tcpinfo::parquet

#endif
