// SPDX-License-Identifier: Apache-2.0
//
// Numbers as text, for those who write a million of them: nothing is parsed and nothing allocated
// but the text that grows. All of them append.
#ifndef TCPINFO_OFFLINE_TEXT_NUMBER_TEXT_H
#define TCPINFO_OFFLINE_TEXT_NUMBER_TEXT_H

#include <cstdint>
#include <string>

#include "common/decimal.h"

namespace tcpinfo::offline {

inline void append_number(std::string& to, std::uint64_t n) {
  char text[max_decimal_size];
  to.append(text, static_cast<std::size_t>(write_decimal(text, n) - text));
}
/// The last `digits` digits of it, with zeros before it where it has fewer. `digits`: at most 19.
void append_padded(std::string& to, std::uint64_t n, unsigned digits);
/// With so many decimals, at most 3, rounded as printf() does: the nearest to the number itself,
/// of two the even one.
void append_fixed(std::string& to, double n, unsigned decimals);
/// As few digits as it takes to get the same number back; with an exponent below 0.0001 only.
/// From 10^15 on all digits.
void append_decimal(std::string& to, double n);
/// Nanoseconds as seconds with nine decimals.
void append_seconds(std::string& to, std::int64_t ns);

}  // namespace tcpinfo::offline

#endif
