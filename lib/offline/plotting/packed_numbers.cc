// SPDX-License-Identifier: Apache-2.0
#include "offline/plotting/packed_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string_view>

namespace tcpinfo::offline {
namespace {

constexpr double most_exact = 9'007'199'254'740'992.0;

// Base64 of bytes that come one by one (RFC 4648).
class base64_writer {
 public:
  explicit base64_writer(std::string& to) : to_(to) {}

  void byte(std::uint8_t b) {
    bits_ = bits_ << 8U | b;
    if (++bytes_ == 3) put(4);
  }
  void end() {
    if (bytes_ == 0) return;
    const std::size_t missing = 3 - bytes_;
    bits_ <<= 8 * missing;
    put(4 - missing);
    to_.append(missing, '=');
  }

 private:
  void put(std::size_t digits) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < digits; ++i) to_ += alphabet[bits_ >> (18 - 6 * i) & 63U];
    bits_ = 0;
    bytes_ = 0;
  }

  std::string& to_;
  std::uint32_t bits_ = 0;
  std::size_t bytes_ = 0;
};

void write_number(base64_writer& w, std::uint64_t n, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) w.byte(static_cast<std::uint8_t>(n >> 8 * i & 0xffU));
}

struct range {
  double least = std::numeric_limits<double>::infinity();
  double largest = -std::numeric_limits<double>::infinity();
  bool whole = true;  // all numbers are
};

range range_of(std::span<const double> numbers) {
  range r;
  for (const double n : numbers) {
    if (std::isnan(n)) continue;
    r.least = std::min(r.least, n);
    r.largest = std::max(r.largest, n);
    r.whole = r.whole && n == std::floor(n) && std::abs(n) < most_exact;
  }
  return r;
}

// Bytes of each; 0: not as whole numbers.
std::size_t whole_size(const range& r) {
  if (!r.whole) return 0;
  const double span = r.largest - r.least;
  if (span < 0xff) return 1;
  if (span < 0xffff) return 2;
  return span < 0xffff'ffff ? 4 : 0;
}

}  // namespace

void append_packed(std::string& to, std::span<const double> numbers) {
  const range r = range_of(numbers);
  if (r.least > r.largest) {
    to += "null";
    return;
  }
  base64_writer data(to);
  if (const std::size_t size = whole_size(r)) {
    fmt::format_to(std::back_inserter(to), R"({{"type":"u{}","base":{},"data":")", 8 * size,
                   static_cast<std::int64_t>(r.least));
    for (const double n : numbers)
      write_number(
          data, std::isnan(n) ? ~std::uint64_t{0} : static_cast<std::uint64_t>(n - r.least), size);
  } else {
    to += R"({"type":"f64","data":")";
    for (const double n : numbers) write_number(data, std::bit_cast<std::uint64_t>(n), sizeof n);
  }
  data.end();
  to += "\"}";
}

}  // namespace tcpinfo::offline
