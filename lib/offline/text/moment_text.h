// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_TEXT_MOMENT_TEXT_H
#define TCPINFO_OFFLINE_TEXT_MOMENT_TEXT_H

#include <tcpinfo/archive.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "offline/text/times.h"

namespace tcpinfo::offline {

/// Appends moments as text. Of a list of them many are in the second of the one before: then only
/// the fraction is made anew. One thread at a time.
class moment_text {
 public:
  explicit moment_text(time_style style) noexcept : style_(style) {}

  [[nodiscard]] time_style style() const noexcept { return style_; }
  /// As format_moment() writes it. @return false, and nothing is appended, where that writes none.
  [[nodiscard]] bool append(std::string& to, const timestamp& t);
  /// The same without what is less than a millisecond: enough for people. In UTC and in seconds
  /// since 1970 always with three decimals, so that they line up.
  [[nodiscard]] bool append_aligned(std::string& to, const timestamp& t);

 private:
  /// Up to the second, in UTC; false where it cannot be written.
  [[nodiscard]] bool append_second(std::string& to, const timestamp& t);

  static constexpr std::size_t seconds_size = 19;  // 2026-01-31T12:00:00

  time_style style_;
  bool known_ = false;
  std::int64_t second_ = 0;  // of text_, where it is known
  std::array<char, max_moment_size> text_{};
};

}  // namespace tcpinfo::offline

#endif
