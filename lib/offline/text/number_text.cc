// SPDX-License-Identifier: Apache-2.0
#include "offline/text/number_text.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <iterator>
#include <limits>

namespace tcpinfo::offline {
namespace {

constexpr std::uint64_t powers_of_ten[] = {1, 10, 100, 1000};

// The number times 10^decimals (at most 3), rounded. False where 64 bits do not do: of negative
// numbers, of those from 2^52 on, and of what is none.
bool scale(double n, unsigned decimals, std::uint64_t& out) noexcept {
  static_assert(std::numeric_limits<double>::is_iec559);
  constexpr unsigned fraction_bits = 52;
  const auto bits = std::bit_cast<std::uint64_t>(n);
  const std::uint64_t exponent = bits >> fraction_bits;  // with the sign above it
  // The number is `whole` / 2^shift.
  constexpr std::uint64_t bias = 1023 + fraction_bits;
  if (exponent >= bias) return false;
  const std::uint64_t shift = bias - exponent;
  // Zero has no bit but those of its fraction, and neither have numbers too small to count.
  if (shift > 63) {
    out = 0;
    return true;
  }
  constexpr std::uint64_t one = std::uint64_t{1} << fraction_bits;
  const std::uint64_t whole = (bits & (one - 1)) | one;  // below 2^53: times 1000 fits
  const std::uint64_t scaled = whole * powers_of_ten[decimals];
  const std::uint64_t half = std::uint64_t{1} << (shift - 1);
  const std::uint64_t rest = scaled & (2 * half - 1);
  out = scaled >> shift;
  if (rest > half || (rest == half && out % 2 != 0)) ++out;
  return true;
}

}  // namespace

void append_padded(std::string& to, std::uint64_t n, unsigned digits) {
  char text[max_decimal_size];
  for (unsigned i = digits; i-- > 0; n /= 10) text[i] = static_cast<char>('0' + n % 10);
  to.append(text, digits);
}

void append_fixed(std::string& to, double n, unsigned decimals) {
  std::uint64_t scaled = 0;
  if (!scale(n, decimals, scaled)) {
    fmt::format_to(std::back_inserter(to), "{:.{}f}", n, decimals);
    return;
  }
  const std::uint64_t one = powers_of_ten[decimals];
  append_number(to, scaled / one);
  if (decimals == 0) return;
  to += '.';
  append_padded(to, scaled % one, decimals);
}

void append_decimal(std::string& to, double n) {
  const auto whole = n >= 0 && n < 1e15 ? static_cast<std::uint64_t>(n) : 0;
  if (n >= 0 && n < 1e15 && static_cast<double>(whole) == n) {
    append_number(to, whole);
  } else if (n >= 1e-4 && n < 1e15) {
    char text[48];
    const auto end = std::to_chars(text, text + sizeof text, n, std::chars_format::fixed).ptr;
    to.append(text, end);
  } else if (n < 1e15) {
    fmt::format_to(std::back_inserter(to), "{}", n);
  } else {
    fmt::format_to(std::back_inserter(to), "{:.0f}", n);
  }
}

void append_seconds(std::string& to, std::int64_t ns) {
  constexpr std::uint64_t second = 1'000'000'000;
  const std::uint64_t size =
      ns < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  if (ns < 0) to += '-';
  append_number(to, size / second);
  to += '.';
  append_padded(to, size % second, 9);
}

}  // namespace tcpinfo::offline
