// SPDX-License-Identifier: Apache-2.0
//
// What the module's files share: dates, and strings as Go's encoding/json writes them.
#ifndef TCPINFO_ARCHIVE_TEXT_H
#define TCPINFO_ARCHIVE_TEXT_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <tcpinfo/archive.h>

#include "common/known_part.h"
#include "common/utf8.h"

namespace tcpinfo::inline v0 {

struct civil_date {
  unsigned year;
  unsigned month;
  unsigned day;
};

/// Days are counted from 1970-01-01.
[[nodiscard]] civil_date civil_from_days(std::int64_t days) noexcept;
[[nodiscard]] std::int64_t floor_days(std::int64_t seconds) noexcept;
/// Whether the second is within years 0000 to 9999, which four digits can write.
[[nodiscard]] bool in_calendar(std::int64_t local_seconds) noexcept;
/// Whether format_timestamp() has a text for it.
[[nodiscard]] bool has_text(const timestamp& t) noexcept;
/// Writes 10 characters.
char* write_date(char* to, const civil_date& date, char separator) noexcept;

/// A second's fraction, up to 10 characters; nothing where it is 0.
char* write_fraction(char* to, std::uint32_t nanoseconds) noexcept;

inline char* write(char* to, std::string_view text) noexcept {
  // An empty view may have no address, which memcpy must not get.
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

/// A JSON string with its quotes takes at most this.
[[nodiscard]] constexpr std::size_t max_escaped_size(std::size_t bytes) noexcept {
  return 6 * bytes + 2;
}
/// Writes `text` as a JSON string with quotes.
char* write_escaped(char* to, std::string_view text) noexcept;

}  // namespace tcpinfo::inline v0

#endif
