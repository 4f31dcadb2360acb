// SPDX-License-Identifier: Apache-2.0
//
// A column's values are the same however many rows are read at a time, and those that were written.
#include "segment/word_cursor.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "segment/columns.h"
#include "segment/planes.h"
#include "unit/catch.h"

namespace {

namespace format = tcpinfo::segment_format;

/// A column of one archive, written.
struct written {
  format::byte_stream columns, rows, bits, deltas;

  std::vector<std::byte> joined;  // what stood in planes

  [[nodiscard]] format::word_cursor cursor(std::uint32_t count) {
    format::taker in(columns.all());
    const std::uint64_t mode = in.varint();
    const bool planes = (mode & format::in_planes) != 0;
    format::written_column c;
    c.mode = static_cast<format::column_mode>(mode & ~format::in_planes);
    c.rows = format::taker(rows.all());
    c.bits = bits.all();
    if (c.mode == format::column_mode::none) return format::word_cursor(c);
    joined.resize(in.varint());
    std::uint64_t changes = count;
    if (c.mode == format::column_mode::few || (planes && c.mode == format::column_mode::some))
      changes = in.varint(count);
    c.few = static_cast<std::uint32_t>(changes);
    if (planes)
      REQUIRE(format::join_planes(deltas.all(), changes, joined.data()));
    else
      joined.assign(deltas.all().begin(), deltas.all().end());
    c.deltas = format::taker(joined);
    return format::word_cursor(c);
  }
};

}  // namespace

TEST_CASE("a column's rows are those written, in parts of any size") {
  std::mt19937 random(11);
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  for (unsigned round = 0; round < 400; ++round) {
    const std::uint32_t count = 1 + below(700);
    // From no row to all of them, by differences of one byte and of more.
    const unsigned share = round % 5 == 0 ? 0 : round % 5 == 1 ? 100 : below(100);
    const unsigned shift = below(32);
    format::column_set set;
    const std::uint32_t column = set.add(1);
    std::vector<std::uint64_t> wanted;
    std::uint32_t value = 0;
    for (std::uint32_t row = 0; row < count; ++row) {
      if (below(100) < share) {
        const std::uint32_t difference = static_cast<std::uint32_t>(random()) >> shift | 1U;
        set.change(column, row, format::fold(difference));
        value += difference;
      }
      wanted.push_back(value);
    }
    written w;
    (void)set.put(column, 1, count, w.columns, w.rows, w.bits, w.deltas);
    format::word_cursor cursor = w.cursor(count);
    cursor.begin(0);
    std::vector<std::uint64_t> got;
    bool good = true;
    while (got.size() < count) {
      const auto part = std::min(1 + below(150), count - static_cast<std::uint32_t>(got.size()));
      const std::size_t at = got.size();
      got.resize(at + part);
      std::uint32_t same = 0;
      if (below(2) == 0 && cursor.next_same(part, same))
        std::fill_n(got.data() + at, part, same);
      else
        good = good && cursor.next(part, got.data() + at);
    }
    INFO("round " << round);
    const bool right = good && got == wanted;
    CHECK(right);
  }
}

TEST_CASE("a column that has too few differences is told") {
  format::written_column c;
  c.mode = format::column_mode::all;
  const std::byte one[] = {std::byte{2}};
  c.deltas = format::taker(one);
  format::word_cursor cursor(c);
  std::uint32_t values[2] = {};
  CHECK(cursor.next(1, values));
  CHECK(values[0] == 1);
  CHECK_FALSE(cursor.next(2, values));
}
