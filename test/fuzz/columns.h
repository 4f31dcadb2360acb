// SPDX-License-Identifier: Apache-2.0
//
// Columns of a segment in any condition: reading ends, and where nothing is wrong with the segment
// they are what its messages have.
#ifndef TCPINFO_TEST_FUZZ_COLUMNS_H
#define TCPINFO_TEST_FUZZ_COLUMNS_H

#include <tcpinfo/segment.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fuzz.h"
#include "fuzz/segment_drain.h"

namespace fuzzed_columns {

// A few bytes can hold very many; the rest would not be read differently.
constexpr std::size_t enough = 3000;

/// Of each message its time, its poll and the wanted bytes as numbers; all ones where it lacks
/// them.
using numbers = std::vector<std::uint64_t>;

constexpr tcpinfo::segment_column wanted[] = {{tcpinfo::segment_head, 1, 1},
                                              {tcpinfo::segment_head, 44, 8},
                                              {tcpinfo::segment_head, 48, 4},
                                              {2, 2, 4},
                                              {2, 68, 4},
                                              {2, 120, 8},
                                              {8, 0, 1}};
constexpr std::uint64_t is_absent = ~std::uint64_t{0};

inline numbers by_columns(tcpinfo::segment_reader& reader, tcpinfo::bytes_view input,
                          std::size_t& faults) {
  segment_drain drain(reader, input);
  FUZZ_CHECK(!reader.want_columns(wanted));
  numbers all;
  tcpinfo::segment_columns columns;
  while (all.size() < enough * (2 + std::size(wanted)) &&
         drain.next(&tcpinfo::segment_reader::next_columns, columns)) {
    const std::size_t count = columns.moments.size();
    FUZZ_CHECK(count + columns.lines > 0);
    FUZZ_CHECK(columns.values.size() == count * std::size(wanted));
    FUZZ_CHECK(columns.present.empty() || columns.present.size() == columns.values.size());
    FUZZ_CHECK(reader.archive().path.size() <= 4096);
    for (std::size_t i = 0; i < std::min(count, enough); ++i) {
      all.push_back(static_cast<std::uint64_t>(columns.moments[i].time_ns));
      all.push_back(columns.moments[i].poll);
      for (std::size_t c = 0; c < std::size(wanted); ++c) {
        const std::size_t at = c * count + i;
        const bool is_there = columns.present.empty() || columns.present[at] != 0;
        all.push_back(is_there ? columns.values[at] : is_absent);
      }
    }
    if (count > enough) break;
  }
  faults = drain.faults();
  return all;
}

inline std::uint64_t number_in(const tcpinfo::message& m, const tcpinfo::segment_column& c,
                               bool is_big) {
  tcpinfo::bytes_view payload;
  if (c.attribute == tcpinfo::segment_head)
    payload = m.bytes.first(tcpinfo::wire::inet_diag_msg_size);
  for (const tcpinfo::attribute& a : m.attributes())
    if (c.attribute != tcpinfo::segment_head && a.type == c.attribute) payload = a.payload;
  if (payload.size() < std::size_t{c.offset} + c.width) return is_absent;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < c.width; ++i)
    value = value << 8U |
            std::to_integer<std::uint64_t>(payload[c.offset + (is_big ? i : c.width - 1U - i)]);
  return value;
}

inline numbers by_messages(tcpinfo::segment_reader& reader, tcpinfo::bytes_view input,
                           std::size_t& faults) {
  tcpinfo::segment_reader_options options;
  options.max_window_log = 20;
  FUZZ_CHECK(!reader.open_memory(input, options));
  numbers all;
  faults = 0;
  for (std::size_t records = 0; records < enough && faults == 0; ++records) {
    tcpinfo::segment_record r;
    bool more = false;
    const std::error_code ec = reader.next(r, more);
    if (!more) break;
    if (ec) {
      ++faults;
      break;
    }
    if (r.m.bytes.empty()) continue;
    const tcpinfo::metadata* const about = reader.archive().about;
    const bool is_big = about != nullptr && about->byte_order == "big";
    all.push_back(static_cast<std::uint64_t>(r.time.unix_nanoseconds().value_or(0)));
    all.push_back(r.poll);
    for (const tcpinfo::segment_column& c : wanted) all.push_back(number_in(r.m, c, is_big));
  }
  return all;
}

/// The columns must be the messages', as far as both were read.
inline void check(tcpinfo::bytes_view input) {
  static tcpinfo::segment_reader reader;  // what it read before changes nothing
  std::size_t faults = 0;
  std::size_t column_faults = 0;
  const numbers messages = by_messages(reader, input, faults);
  const numbers columns = by_columns(reader, input, column_faults);
  if (faults > 0 || column_faults > 0) return;
  const std::size_t both = std::min(messages.size(), columns.size());
  FUZZ_CHECK(std::equal(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(both),
                        columns.begin()));
}

}  // namespace fuzzed_columns

#endif
