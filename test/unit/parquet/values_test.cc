// SPDX-License-Identifier: Apache-2.0
//
// Columns of a row group before they are bytes.
#include "parquet/values.h"

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo::parquet;

namespace {

using cells = std::vector<std::optional<std::uint64_t>>;

void push(column_values& to, const std::optional<std::uint64_t>& cell) {
  if (cell)
    to.push(*cell);
  else
    to.push_null();
}

cells cells_of(const column_values& column) {
  cells all;
  for (std::size_t row = 0; row < column.rows(); ++row)
    all.push_back(column.is_null(row) ? std::nullopt : std::optional(column.value(row)));
  return all;
}

std::vector<std::string> texts_of(const column_values& column) {
  std::vector<std::string> all;
  for (std::size_t row = 0; row < column.rows(); ++row)
    all.push_back(column.is_null(row) ? "null" : column.texts()[column.value(row)]);
  return all;
}

}  // namespace

TEST_CASE("equal rows take no memory, and spread where one differs") {
  column_values column(value_type::u32);
  for (int i = 0; i < 1000; ++i) column.push(7);
  CHECK(column.is_uniform());
  CHECK(column.memory() == 0);
  column.push_null();
  column.push(8);
  CHECK_FALSE(column.is_uniform());
  REQUIRE(column.rows() == 1002);
  CHECK(column.value(999) == 7);
  CHECK(column.is_null(1000));
  CHECK(column.value(1001) == 8);
  column.clear();
  CHECK(column.rows() == 0);
  column.push_null();
  CHECK(column.is_uniform());
  CHECK(column.is_null(0));
}

TEST_CASE("parts of other columns come behind one's own rows") {
  std::mt19937 random(3);
  for (const value_type type : {value_type::u8, value_type::u64}) {
    for (int round = 0; round < 300; ++round) {
      column_values to(type);
      cells wanted;
      for (int part = 0; part < 4; ++part) {
        column_values from(type);
        cells given;
        const std::size_t kinds = random() % 3;
        for (std::size_t i = random() % 6; i > 0; --i) {
          const auto cell = random() % 4 == 0 && kinds != 0
                                ? std::nullopt
                                : std::optional<std::uint64_t>(kinds == 2 ? random() % 3 : 1);
          given.push_back(cell);
          push(from, cell);
        }
        REQUIRE(cells_of(from) == given);
        const std::size_t first = given.empty() ? 0 : random() % given.size();
        const std::size_t count = given.size() - first;
        to.append(from, first, count);
        wanted.insert(wanted.end(), given.begin() + static_cast<std::ptrdiff_t>(first),
                      given.end());
      }
      REQUIRE(cells_of(to) == wanted);
    }
  }
}

TEST_CASE("texts have numbers of their own in each column") {
  column_values a(value_type::text);
  a.push_text("one");
  a.push_text("two");
  column_values b(value_type::text);
  b.push_text("two");
  b.push_null();
  b.push_text("three");
  b.push_text("one");
  a.append(b, 0, 4);
  CHECK(texts_of(a) == std::vector<std::string>{"one", "two", "two", "null", "three", "one"});
  CHECK(a.texts().size() == 3);
  column_values c(value_type::text);
  c.push_text("three");
  c.push_text("three");
  a.append(c, 1, 1);
  CHECK(texts_of(a).back() == "three");
}

TEST_CASE("each byte that is not UTF-8 becomes U+FFFD") {
  column_values column(value_type::text);
  column.push_text(
      "a\xff"
      "b");
  column.push_text(
      "a\xff"
      "b");
  column.push_text("\xe2\x82");
  column.push_text("");
  CHECK(texts_of(column) == std::vector<std::string>{"a\xef\xbf\xbd"
                                                     "b",
                                                     "a\xef\xbf\xbd"
                                                     "b",
                                                     "\xef\xbf\xbd\xef\xbf\xbd", ""});
}
