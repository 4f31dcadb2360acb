// SPDX-License-Identifier: Apache-2.0
//
// The parts of a data record's line, for those that write it.
#ifndef TCPINFO_ARCHIVE_DATA_LINE_H
#define TCPINFO_ARCHIVE_DATA_LINE_H

#include <array>
#include <bit>

#include <tcpinfo/archive.h>

#include "archive/base64.h"
#include "archive/carried.h"
#include "archive/text.h"
#include "common/decimal.h"
#include "common/known_part.h"

namespace tcpinfo::inline v0 {

inline constexpr std::string_view time_key = "{\"Timestamp\":";
inline constexpr std::string_view idm_key = ",\"RawIDM\":\"";
inline constexpr std::string_view attributes_key = ",\"Attributes\":[";
inline constexpr std::string_view metadata_key = ",\"Metadata\":{";
inline constexpr std::string_view poll_key = ",\"Poll\":";
inline constexpr std::string_view ended_key = ",\"Ended\":\"";
inline constexpr std::string_view thinned_key = ",\"Thinned\":";
inline constexpr std::string_view null_text = "null";
inline constexpr std::string_view line_end = "}\n";

inline constexpr std::size_t idm_text_size = base64::encoded_size(wire::inet_diag_msg_size);

inline char* write_base64(char* to, bytes_view bytes) noexcept {
  *to++ = '"';
  to = base64::encode(bytes.data(), bytes.size(), to);
  *to++ = '"';
  return to;
}

/// What comes behind the message, of any extras.
inline constexpr std::size_t max_extras_size =
    poll_key.size() + max_decimal_size + ended_key.size() + max_timestamp_size + 1 +
    max_carried_size + thinned_key.size() + max_decimal_size;

/// Writes at most max_extras_size. nullptr where the time of the end cannot be written.
inline char* write_extras(char* to, const record_extras& extras) noexcept {
  if (extras.poll != no_poll) {
    to = write(to, poll_key);
    to = write_decimal(to, extras.poll);
  }
  if (!extras.ended.is_zero()) {
    to = write(to, ended_key);
    const std::size_t size = format_timestamp(extras.ended, {to, max_timestamp_size});
    if (size == 0) return nullptr;
    to += size;
    *to++ = '"';
  }
  if (extras.carried != 0) to = write_carried(to, extras.carried);
  if (extras.thinned != 0) {
    to = write(to, thinned_key);
    to = write_decimal(to, extras.thinned);
  }
  return to;
}

inline char* write_nulls(char* to, std::size_t n) noexcept {
  for (; n > 0; --n) to = write(to, "null,");
  return to;
}

// The attributes of a message, by type. Types below 64, which is all that Linux has, are found in
// one walk; each one above costs another walk, so that no table of 16,384 entries is needed.
class sorted_attributes {
 public:
  static constexpr unsigned table_size = 64;

  explicit sorted_attributes(const message& m) noexcept : range_(m.attributes()) {
    auto it = range_.begin();
    for (; it != range_.end(); ++it) {
      const attribute& a = *it;
      if (a.is(attribute_type::md5sig)) {
        ++secrets_;
      } else if (a.type >= table_size) {
        ++high_;
      } else if ((present_ >> a.type & 1U) == 0) {
        present_ |= std::uint64_t{1} << a.type;
        table_[a.type] = {a.payload.data(), a.payload.size()};
        size_ += base64::encoded_size(a.payload.size()) + 3;
      } else if (!a.is(attribute_type::pad) || !a.payload.empty()) {
        // Some machines need several PADs for alignment; they say nothing.
        ++duplicates_;
      }
    }
    unread_ = it.remainder().size();
    unsigned count = 64U - static_cast<unsigned>(std::countl_zero(present_));
    auto distinct = static_cast<unsigned>(std::popcount(present_));
    if (high_ > 0) {
      std::uint64_t distinct_high = 0;
      for_each_high([&](const attribute& a) {
        ++distinct_high;
        count = a.type + 1U;
        size_ += base64::encoded_size(a.payload.size()) + 3;
      });
      duplicates_ += high_ - distinct_high;
      distinct += static_cast<unsigned>(distinct_high);
    }
    size_ += std::size_t{5} * (count - distinct);
    if (count == 0) size_ = null_text.size() + 1;
  }

  // What write() writes, and a comma.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  // Writes the array's elements, each followed by a comma. Calls each(payload, text) with the place
  // of every payload and that of its text.
  template <class Each>
  char* write_elements(char* to, Each&& each) const noexcept {
    if (present_ == 0 && high_ == 0) return write_nulls(to, 1);
    unsigned next = 0;
    for (std::uint64_t rest = present_; rest != 0; rest &= rest - 1) {
      const auto type = static_cast<unsigned>(std::countr_zero(rest));
      to = write_nulls(to, type - next);
      each(bytes_view(table_[type].at, table_[type].size), to + 1);
      to = write_base64(to, bytes_view(table_[type].at, table_[type].size));
      *to++ = ',';
      next = type + 1;
    }
    if (high_ > 0)
      for_each_high([&](const attribute& a) {
        to = write_nulls(to, a.type - next);
        each(a.payload, to + 1);
        to = write_base64(to, a.payload);
        *to++ = ',';
        next = a.type + 1U;
      });
    return to;
  }

  // Calls each(type, payload), by type.
  template <class Each>
  void for_each(Each&& each) const {
    for (std::uint64_t rest = present_; rest != 0; rest &= rest - 1) {
      const auto type = static_cast<unsigned>(std::countr_zero(rest));
      each(type, bytes_view(table_[type].at, table_[type].size));
    }
    if (high_ > 0) for_each_high([&](const attribute& a) { each(a.type, a.payload); });
  }

  void note(encode_notes& notes) const noexcept {
    encode_notes full = known_part(notes);
    full.duplicates += duplicates_;
    full.secrets += secrets_;
    full.unread_bytes += unread_;
    fill_known(notes, full);
  }

 private:
  // The first one of each type from 64 on, in the order of the types.
  template <class F>
  void for_each_high(F&& f) const {
    for (unsigned from = table_size;;) {
      attribute lowest;
      bool found = false;
      for (auto it = range_.begin(); it != range_.end(); ++it)
        if (it->type >= from && (!found || it->type < lowest.type)) {
          lowest = *it;
          found = true;
        }
      if (!found) return;
      f(lowest);
      from = lowest.type + 1U;
    }
  }

  // Without a constructor: a kilobyte of zeros for each record would be for nothing.
  struct payload {
    const std::byte* at;
    std::size_t size;
  };

  attribute_range range_;
  std::array<payload, table_size> table_;  // where present_ says so
  std::uint64_t present_ = 0;
  std::uint64_t high_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t secrets_ = 0;
  std::size_t unread_ = 0;
  std::size_t size_ = 0;
};

}  // namespace tcpinfo::inline v0

#endif
