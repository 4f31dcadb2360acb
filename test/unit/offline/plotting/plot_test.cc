// SPDX-License-Identifier: Apache-2.0
//
// The numbers of a page, and which records it keeps.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "offline/plotting/packed_numbers.h"
#include "offline/plotting/plot_rows.h"
#include "unit/catch.h"

using namespace tcpinfo::offline;

namespace {

std::string packed(const std::vector<double>& numbers) {
  std::string text;
  append_packed(text, numbers);
  return text;
}

plot_row row_at(std::int64_t time_ns, double rtt, double acked) {
  plot_row row;
  row.time_ns = time_ns;
  row.state = 1;
  row.values.fill(no_value);
  row[plot_column::rtt] = rtt;
  row[plot_column::bytes_acked] = acked;
  return row;
}

}  // namespace

TEST_CASE("numbers take as few bytes as they need, and have values or none") {
  CHECK(packed({}) == "null");
  CHECK(packed({no_value, no_value}) == "null");
  // Base64 by coreutils: printf '\0\1\377' | base64
  CHECK(packed({7, 8, no_value}) == R"({"type":"u8","base":7,"data":"AAH/"})");
  CHECK(packed({0, 254}) == R"({"type":"u8","base":0,"data":"AP4="})");
  CHECK(packed({0, 255}) == R"({"type":"u16","base":0,"data":"AAD/AA=="})");
  CHECK(packed({1, 65536}) == R"({"type":"u32","base":1,"data":"AAAAAP//AAA="})");
  CHECK(packed({1.5}) == R"({"type":"f64","data":"AAAAAAAA+D8="})");
  CHECK(packed({0, 4294967295.0}).starts_with(R"({"type":"f64")"));
}

TEST_CASE("rates are of a record and the one before") {
  plot_rows rows(plot_rows::least_rows);
  rows.add(row_at(1'000'000'000, 10, 1000));
  rows.add(row_at(1'500'000'000, 10, 2000));
  rows.add(row_at(1'500'000'000, 10, 3000));
  rows.add(row_at(2'500'000'000, 10, 500));
  rows.finish();
  REQUIRE(rows.rows().size() == 4);
  CHECK(std::isnan(rows.rows()[0][plot_column::send_rate]));
  CHECK(rows.rows()[1][plot_column::send_rate] == 2000);
  CHECK(std::isnan(rows.rows()[2][plot_column::send_rate]));  // no time between them
  CHECK(std::isnan(rows.rows()[3][plot_column::send_rate]));  // counters were cleared
  CHECK(std::isnan(rows.rows()[1][plot_column::receive_rate]));
}

TEST_CASE("records that come late stand where they belong") {
  plot_rows rows(plot_rows::least_rows);
  for (const std::int64_t time : {3, 1, 2}) rows.add(row_at(time, static_cast<double>(time), 0));
  rows.finish();
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(rows.rows()[i].time_ns == static_cast<std::int64_t>(i) + 1);
}

TEST_CASE("of too many records those stay that have extremes, however often they are thinned") {
  constexpr std::size_t most = 2000;
  constexpr std::size_t count = 50'000;
  plot_rows rows(most);
  for (std::size_t i = 0; i < count; ++i) {
    const double rtt = i % 5000 == 1234 ? 900.0 + static_cast<double>(i / 5000)
                                        : 100 + static_cast<double>(i * 7919 % 13);
    plot_row row = row_at(static_cast<std::int64_t>(i), rtt, static_cast<double>(i));
    row.state = i == 777 ? 8 : 1;
    rows.add(row);
  }
  rows.finish();
  CHECK(rows.added() == count);
  CHECK(rows.rows().size() <= most);
  CHECK(rows.rows().size() > most / 8);
  const auto has = [&](std::size_t time) {
    return std::any_of(rows.rows().begin(), rows.rows().end(), [&](const plot_row& r) {
      return r.time_ns == static_cast<std::int64_t>(time);
    });
  };
  for (std::size_t peak = 1234; peak < count; peak += 5000) CHECK(has(peak));
  for (const std::size_t kept : {std::size_t{0}, std::size_t{776}, std::size_t{777}, count - 1})
    CHECK(has(kept));
  CHECK(std::is_sorted(rows.rows().begin(), rows.rows().end(),
                       [](const plot_row& a, const plot_row& b) { return a.time_ns < b.time_ns; }));
}

TEST_CASE("states that change with each record do not fill the memory") {
  constexpr std::size_t most = plot_rows::least_rows;
  plot_rows rows(most);
  for (std::size_t i = 0; i < 20 * most; ++i) {
    plot_row row = row_at(static_cast<std::int64_t>(i), static_cast<double>(i % 17), 0);
    row.state = static_cast<std::uint8_t>(i % 2 + 1);
    rows.add(row);
    REQUIRE(rows.rows().size() < 2 * most);
  }
  rows.finish();
  CHECK(rows.rows().size() <= most);
}
