// SPDX-License-Identifier: Apache-2.0
#include "offline/text/moment_text.h"

#include <algorithm>

#include "offline/text/number_text.h"

namespace tcpinfo::offline {
namespace {

constexpr std::uint32_t second_ns = 1'000'000'000;
constexpr std::uint32_t millisecond_ns = 1'000'000;

}  // namespace

bool moment_text::append_second(std::string& to, const timestamp& t) {
  if (t.nanoseconds >= second_ns) return false;
  if (!known_ || t.seconds != second_) {
    known_ = format_moment({t.seconds, 0, 0}, time_style::utc, text_) == seconds_size + 1;
    second_ = t.seconds;
  }
  if (known_) to.append(text_.data(), seconds_size);
  return known_;
}

bool moment_text::append(std::string& to, const timestamp& t) {
  if (style_ != time_style::utc) {
    std::array<char, max_moment_size> text;
    const std::size_t size = format_moment(t, style_, text);
    to.append(text.data(), size);
    return size != 0;
  }
  if (!append_second(to, t)) return false;
  if (t.nanoseconds != 0) {
    to += '.';
    append_padded(to, t.nanoseconds, 9);
    while (to.back() == '0') to.pop_back();
  }
  to += 'Z';
  return true;
}

bool moment_text::append_aligned(std::string& to, const timestamp& t) {
  if (style_ == time_style::utc) {
    if (!append_second(to, t)) return false;
    to += '.';
    append_padded(to, t.nanoseconds / millisecond_ns, 3);
    to += 'Z';
    return true;
  }
  std::array<char, max_moment_size> text;
  if (format_moment(t, style_, text) == 0) return false;
  timestamp rounded = t;
  rounded.nanoseconds = t.nanoseconds / millisecond_ns * millisecond_ns;
  const std::size_t from = to.size();
  to.append(text.data(), format_moment(rounded, style_, text));
  if (style_ != time_style::epoch) return true;
  const std::size_t point = to.find('.', from);
  if (point == std::string::npos)
    to += ".000";
  else
    to.append(4 - (to.size() - point), '0');
  return true;
}

}  // namespace tcpinfo::offline
