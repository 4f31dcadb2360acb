// SPDX-License-Identifier: Apache-2.0
#include "catch.h"
#include "text/values.h"

using namespace tcpinfo;
using namespace tcpinfo::text;

TEST_CASE("durations, sizes and lists are read and refused as documented") {
  CHECK(parse_duration("10ms") == 10'000'000);
  CHECK(parse_duration("1m30s") == 90'000'000'000);
  CHECK(parse_duration("1.5s") == 1'500'000'000);
  CHECK(parse_duration("2h") == 7'200'000'000'000);
  CHECK(parse_duration("0") == 0);
  for (const std::string_view bad : {"", "10", "ms", "10 ms", "-1s", "1s2", "1x", "1e400h", "."})
    CHECK_FALSE(parse_duration(bad));
  CHECK(format_duration(10'000'000) == "10ms");
  CHECK(format_duration(90'000'000'000) == "1m30s");
  CHECK(format_duration(0) == "0s");
  CHECK(parse_size("64KiB") == 65536);
  CHECK(parse_size("1MB") == 1'000'000);
  CHECK(parse_size("2G") == 2'000'000'000);
  CHECK(parse_size("123") == 123);
  for (const std::string_view bad : {"", "K", "1KBB", "-1", "1 K", "99999999999G"})
    CHECK_FALSE(parse_size(bad));
  CHECK(parse_ports("9100,443") == std::vector<std::uint16_t>{9100, 443});
  for (const std::string_view bad : {"", "0", "65536", "70000", "1,,2", "1,", "a", "-1", "+1"})
    CHECK_FALSE(parse_ports(bad));
  CHECK(parse_prefixes("192.0.2.1,2001:db8::/32")->size() == 2);
  for (const std::string_view bad : {"", "192.0.2.1,", "host", "10.0.0.1/8"})
    CHECK_FALSE(parse_prefixes(bad));
}
