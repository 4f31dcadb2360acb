// SPDX-License-Identifier: Apache-2.0
#include "offline/networks/as_table.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "offline/networks/as_file.h"
#include "unit/catch.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

ip_address address(const std::string& text) {
  ip_address a;
  REQUIRE_FALSE(parse_ip_address(text, a));
  return a;
}

ip_prefix as_prefix(const std::string& text) {
  ip_prefix p;
  REQUIRE_FALSE(parse_ip_prefix(text, p));
  return p;
}

// Few bits vary, so that networks meet: the first byte, and the last one with its neighbour.
ip_address random_address(std::mt19937_64& numbers, bool v4) {
  ip_address a = address(v4 ? "10.0.0.0" : "2001:db8::");
  const std::size_t last = v4 ? 3 : 15;
  a.bytes[0] = static_cast<std::uint8_t>(numbers() % 3 == 0 ? 255 : numbers() % 2 * 128);
  a.bytes[last - 1] = static_cast<std::uint8_t>(numbers() % 2 * 255);
  a.bytes[last] = static_cast<std::uint8_t>(numbers());
  if (!v4) a.bytes[7] = a.bytes[8] = static_cast<std::uint8_t>(numbers() % 2 * 255);
  return a;
}

}  // namespace

TEST_CASE("the longest prefix decides, and of one added twice the later") {
  as_table t;
  CHECK(t.find(address("192.0.2.1")) == as_table::none);
  t.add(as_prefix("192.0.0.0/16"), 1);
  t.add(as_prefix("192.0.2.0/24"), 2);
  t.add(as_prefix("192.0.2.128/25"), 3);
  t.add(as_prefix("192.0.2.0/24"), 4);
  t.add(as_prefix("192.0.3.0/24"), as_table::none);
  t.add(as_prefix("255.255.255.255/32"), 5);
  t.add(as_prefix("0.0.0.0/8"), 6);
  t.add(as_prefix("2001:db8::/32"), 7);
  t.add(as_prefix("2001:db8:1::/48"), 8);
  t.add(as_prefix("::/0"), 9);
  t.finish();
  CHECK(t.find(address("192.0.2.127")) == 4);
  CHECK(t.find(address("192.0.2.128")) == 3);
  CHECK(t.find(address("::ffff:192.0.2.128")) == 3);
  CHECK(t.find(address("192.0.3.1")) == as_table::none);
  CHECK(t.find(address("192.0.4.0")) == 1);
  CHECK(t.find(address("192.1.0.0")) == as_table::none);
  CHECK(t.find(address("255.255.255.255")) == 5);
  CHECK(t.find(address("255.255.255.254")) == as_table::none);
  CHECK(t.find(address("0.0.0.0")) == 6);
  CHECK(t.find(address("2001:db8:1:ffff::")) == 8);
  CHECK(t.find(address("2001:db8:2::")) == 7);
  CHECK(t.find(address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) == 9);
}

TEST_CASE("prefixes at random are found as by trying them all") {
  std::mt19937_64 numbers(17);
  for (int round = 0; round < 200; ++round) {
    const bool v4 = round % 2 == 0;
    as_table t;
    std::vector<std::pair<ip_prefix, std::uint32_t>> all;
    for (std::uint32_t i = 1; i <= 30; ++i) {
      const auto length = static_cast<unsigned>(numbers() % (v4 ? 33 : 129));
      all.emplace_back(ip_prefix::of(random_address(numbers, v4), length), i);
      t.add(all.back().first, i);
    }
    t.finish();
    for (int i = 0; i < 100; ++i) {
      const ip_address a = random_address(numbers, v4);
      std::uint32_t expected = as_table::none;
      int longest = -1;
      for (const auto& [p, number] : all)
        if (p.contains(a) && p.length >= longest) {
          longest = p.length;
          expected = number;
        }
      REQUIRE(t.find(a) == expected);
    }
  }
}

TEST_CASE("ranges have all their addresses and no others") {
  std::mt19937_64 numbers(19);
  for (int round = 0; round < 300; ++round) {
    const bool v4 = round % 2 == 0;
    const ip_address a = random_address(numbers, v4);
    const ip_address b = random_address(numbers, v4);
    as_table t;
    const bool taken = t.add_range(a, b, 3);
    CHECK(taken == (a <= b));
    t.finish();
    for (int i = 0; i < 50; ++i) {
      const ip_address probe = random_address(numbers, v4);
      REQUIRE(t.find(probe) == (a <= probe && probe <= b ? 3 : as_table::none));
    }
    CHECK(t.find(a) == (a <= b ? 3 : as_table::none));
    CHECK(t.find(b) == (a <= b ? 3 : as_table::none));
  }
  as_table all;
  CHECK(all.add_range(address("::"), address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1));
  CHECK(all.add_range(address("0.0.0.0"), address("255.255.255.255"), 2));
  CHECK_FALSE(all.add_range(address("0.0.0.0"), address("::1"), 2));
  all.finish();
  CHECK(all.find(address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) == 1);
  CHECK(all.find(address("255.255.255.255")) == 2);
}

TEST_CASE("lines of both formats are read, and bad ones are told") {
  as_table t;
  for (const char* good :
       {"; IP-ASN32-DAT file", "# comment", "", "\r", "192.0.2.0/24\t64496", "2001:db8::/32\t64497",
        "198.51.100.0\t198.51.100.127\t64498\tDE\tEXAMPLE-NET - An example, Inc.\r",
        "2001:db8:1::\t2001:db8:1:ffff:ffff:ffff:ffff:ffff\t4294967295\tNone\tLast one",
        "203.0.113.0\t203.0.113.255\t0\tNone\tNot routed", "203.0.113.7\t203.0.113.7\t64499"}) {
    INFO(good);
    CHECK(take_as_line(good, t).empty());
  }
  for (const char* bad :
       {"x", "192.0.2.0/24", "192.0.2.0/24 64496", "192.0.2.1/24\t1", "192.0.2.0/33\t1",
        "192.0.2.0/24\t-1", "192.0.2.0/24\t4294967296", "192.0.2.0/24\t1\t2", "192.0.2.0\t1",
        "192.0.2.0\t192.0.2.9", "192.0.2.9\t192.0.2.0\t1", "192.0.2.9\t2001:db8::\t1",
        "192.0.2.0\t192.0.2.9\tAS1", "3221225984\t3221226239\t64496\tDE\tX", "\t\t\t\t\t"}) {
    INFO(bad);
    CHECK_FALSE(take_as_line(bad, t).empty());
  }
  t.finish();
  CHECK(t.find(address("192.0.2.255")) == 64496);
  CHECK(t.find(address("198.51.100.127")) == 64498);
  CHECK(t.find(address("198.51.100.128")) == as_table::none);
  CHECK(t.find(address("2001:db8:1:2::")) == 4294967295);
  CHECK(t.find(address("203.0.113.6")) == as_table::none);
  CHECK(t.find(address("203.0.113.7")) == 64499);
  CHECK(t.name_of(64498) == "EXAMPLE-NET - An example, Inc.");
  CHECK(t.name_of(64496).empty());
  CHECK(t.name_of(0).empty());
}
