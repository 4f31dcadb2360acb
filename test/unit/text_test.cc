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
  CHECK(parse_duration("30d") == 2'592'000'000'000'000);
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
}

TEST_CASE("lists are read, and name the item that is wrong and why") {
  std::vector<std::uint16_t> ports;
  CHECK(parse_ports("9100,443", ports).empty());
  CHECK(parse_ports(" 80 , 8000-8002,65535", ports).empty());
  CHECK(ports == std::vector<std::uint16_t>{9100, 443, 80, 8000, 8001, 8002, 65535});
  const auto wrong_ports = [](std::string_view text) {
    std::vector<std::uint16_t> out;
    return parse_ports(text, out);
  };
  for (const std::string_view item : {"0", "65536", "70000", "a", "-1", "+1", "1-", "-", "1-2-3"})
    CHECK(wrong_ports("1," + std::string(item) + ",2") ==
          "'" + std::string(item) +
              "' is no port from 1 to 65535 (or a range of them, as 8000-9000)");
  CHECK(wrong_ports("9000-8000") == "'9000-8000' ends before it begins");
  for (const std::string_view text : {"", "1,,2", "1,", ","})
    CHECK(wrong_ports(text) == "an item is empty (a comma too many?)");

  std::vector<ip_prefix> prefixes;
  CHECK(parse_prefixes("192.0.2.1, 2001:db8::/32", prefixes).empty());
  CHECK(prefixes.size() == 2);
  const auto wrong_prefixes = [](std::string_view text) {
    std::vector<ip_prefix> out;
    return parse_prefixes(text, out);
  };
  CHECK(wrong_prefixes("192.0.2.1,host,::1") == "'host' is no IPv4 or IPv6 address");
  CHECK(wrong_prefixes("10.0.0.5/8") == "'10.0.0.5/8' has bits beyond the first 8: 10.0.0.0/8?");
  CHECK(wrong_prefixes("2001:db8::1/33") ==
        "'2001:db8::1/33' has bits beyond the first 33: 2001:db8::/33?");
  CHECK(wrong_prefixes("10.0.0.0/33") == "'10.0.0.0/33': '33' is no length from 0 to 32");
  CHECK(wrong_prefixes("::/x") == "'::/x': 'x' is no length from 0 to 128");
  CHECK(wrong_prefixes("192.0.2.1,") == "an item is empty (a comma too many?)");
}
