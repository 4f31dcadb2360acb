// SPDX-License-Identifier: Apache-2.0
#include "offline/text/number_text.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "offline/flows/flow_print.h"
#include "offline/text/address_text.h"
#include "offline/text/moment_text.h"
#include "unit/catch.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

std::string printed(double n, int decimals) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", decimals, n);
  return text;
}

std::vector<double> numbers() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> all = {0,        -0.0,      0.5,       1.5,       2.5,    0.125,
                             0.375,    0.0005,    0.00049,   -1.5,      99.95,  9.995,
                             999.5,    1e15,      1e300,     0x1p-11,   0x1p52, 4503599627370495.5,
                             infinity, -infinity, 0x1p-1074, 0x1.fp-12, 1e-4,   0.00009};
  std::mt19937_64 random(7);
  for (int i = 0; i < 10'000; ++i) {
    all.push_back(
        std::ldexp(static_cast<double>(random() >> 40U), -static_cast<int>(random() % 30)));
    all.push_back(static_cast<double>(random() % 100'000'000) / 1000);
    all.push_back(std::bit_cast<double>(random() % std::bit_cast<std::uint64_t>(1e18)));
  }
  return all;
}

}  // namespace

TEST_CASE("numbers with decimals are rounded as printf() rounds them") {
  for (const double n : numbers())
    for (unsigned decimals = 0; decimals <= 3; ++decimals) {
      std::string text = "-";
      append_fixed(text, n, decimals);
      if (text != "-" + printed(n, static_cast<int>(decimals))) {
        INFO(fmt::format("{} with {} decimals", n, decimals));
        CHECK(text == "-" + printed(n, static_cast<int>(decimals)));
      }
    }
}

TEST_CASE("a number with all its digits is read back, and has no digit too many") {
  for (const double n : numbers()) {
    std::string text;
    append_decimal(text, n);
    if (n < 1e-4 || n >= 1e15) continue;
    INFO(text);
    CHECK(std::strtod(text.c_str(), nullptr) == n);
    CHECK(text.find_first_not_of("0123456789.") == std::string::npos);
    // fmt gives the shortest as well.
    if (n != std::floor(n)) CHECK(text == fmt::format("{}", n));
  }
  std::string large;
  append_decimal(large, 1e20);
  CHECK(large == "100000000000000000000");
}

TEST_CASE("whole numbers and nanoseconds") {
  std::string text;
  append_padded(text, 7, 3);
  append_number(text, std::numeric_limits<std::uint64_t>::max());
  CHECK(text == "00718446744073709551615");
  text.clear();
  append_seconds(text, -1'500'000'000);
  CHECK(text == "-1.500000000");
  text.clear();
  append_seconds(text, std::numeric_limits<std::int64_t>::min());
  CHECK(text == "-9223372036.854775808");
  CHECK(span_text(-1'500'000'000) == "-1.500s");
  CHECK(span_text(3'600'000'000'000) == "1h00m00s");
}

TEST_CASE("moments one after the other are as each alone") {
  const std::vector<timestamp> all = {
      {1769860800, 0, 0},      {1769860800, 123456789, 0}, {1769860800, 120000000, 3600},
      {1769860801, 999999, 0}, {1769860800, 5, -3600},     {1769860800, 1'000'000'000, 0},
      {-1, 500000000, 0},      {253'402'300'800, 0, 0},    {1769860800, 1, 0}};
  for (const time_style style : {time_style::utc, time_style::as_is, time_style::epoch}) {
    moment_text texts(style);
    for (const timestamp& t : all) {
      char alone[max_moment_size];
      const std::size_t size = format_moment(t, style, alone);
      std::string text;
      CHECK(texts.append(text, t) == (size != 0));
      CHECK(text == std::string(alone, size));
      std::string aligned;
      CHECK(moment_text(style).append_aligned(aligned, t) == (size != 0));
      std::string again;
      CHECK(texts.append_aligned(again, t) == (size != 0));
      CHECK(again == aligned);
    }
  }
  moment_text utc(time_style::utc);
  std::string text;
  CHECK(utc.append_aligned(text, {1769860800, 999'999'999, 3600}));
  CHECK(text == "2026-01-31T12:00:00.999Z");
  text.clear();
  CHECK(utc.append_aligned(text, {1769860800, 0, 0}));
  CHECK(text == "2026-01-31T12:00:00.000Z");
  text.clear();
  CHECK(moment_text(time_style::epoch).append_aligned(text, {1769860800, 500'000'000, 0}));
  CHECK(text == "1769860800.500");
}

TEST_CASE("addresses one after the other are as each alone") {
  address_text texts;
  for (const char* const written : {"10.0.0.1", "10.0.0.1", "fd00::1", "::ffff:1.2.3.4",
                                    "::", "0.0.0.0", "fd00::1", "fd00::2"}) {
    ip_address a;
    REQUIRE_FALSE(parse_ip_address(written, a));
    std::string text;
    texts.append(text, a);
    CHECK(text == written);
  }
}
