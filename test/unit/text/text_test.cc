// SPDX-License-Identifier: Apache-2.0
#include "text/escape.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "text/values.h"
#include "text/whole_number.h"
#include "text/write_all.h"
#include "unit/catch.h"

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
  for (const std::string_view item : {"0", "65536", "70000", "-1", "+1", "1-", "-", "1-2-3"})
    CHECK(wrong_ports("1," + std::string(item) + ",2") ==
          "'" + std::string(item) +
              "' is no port from 1 to 65535 (or a range of them, as 8000-9000)");
  for (const std::string item : {"a", "https", "http-alt", "a-9"})
    CHECK(wrong_ports("1, " + item) ==
          "'" + item + "' is no number: names of services are not looked up (https is port 443)");
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

  // Brackets, as in what ss and ls print.
  prefixes.clear();
  CHECK(parse_prefixes("[::1],[2001:db8::]/32", prefixes).empty());
  REQUIRE(prefixes.size() == 2);
  CHECK(prefixes[0].length == 128);
  CHECK(prefixes[1].length == 32);
  CHECK(wrong_prefixes("[::1") == "'[::1' lacks a ]");
  CHECK(wrong_prefixes("[::1]x") == "'[::1]x': nothing but /LENGTH can stand behind the ]");
  CHECK(wrong_prefixes("[10.0.0.1]") == "'[10.0.0.1]': brackets are for IPv6 addresses");
  for (const std::string item : {"[::1]:443", "10.0.0.1:443"})
    CHECK(wrong_prefixes(item) == "'" + item + "' has a port: ports have flags of their own");
  CHECK(wrong_prefixes("fe80::1%2") ==
        "'fe80::1%2' names an interface, and this list holds on all of them");
}

TEST_CASE("an interface stands behind an address, by its number or, where it is known, its name") {
  const interface_finder none;
  const interface_finder find = [](const std::string& name) -> std::optional<std::uint32_t> {
    if (name == "eth0") return 7;
    return std::nullopt;
  };
  std::vector<host_prefix> hosts;
  CHECK(parse_hosts("fe80::1%2,fe80::%3/64, [fe80::1%4], 127.0.0.53%5,::1", none, hosts).empty());
  CHECK(parse_hosts("fe80::1%eth0", find, hosts).empty());
  REQUIRE(hosts.size() == 6);
  CHECK(hosts[0].interface == 2U);
  CHECK(hosts[1].interface == 3U);
  CHECK(hosts[1].prefix.length == 64);
  CHECK(hosts[2].interface == 4U);
  CHECK(hosts[3].interface == 5U);
  CHECK_FALSE(hosts[4].interface);
  CHECK(hosts[5].interface == 7U);
  CHECK(parse_hosts("::1,fe80::1%eth0", none, hosts) ==
        "'fe80::1%eth0': records know interfaces by their number, not by 'eth0' (write fe80::1%N)");
  CHECK(parse_hosts("fe80::1%eth1", find, hosts) == "'fe80::1%eth1': there is no interface 'eth1'");
  CHECK(parse_hosts("fe80::1%", find, hosts) == "'fe80::1%': no interface stands behind the %");
  CHECK(parse_hosts("fe80::1%2/64", none, hosts) ==
        "'fe80::1%2/64' has bits beyond the first 64: fe80::%2/64?");
}

TEST_CASE("what is shown neither moves a cursor nor ends a line") {
  CHECK(escaped("").empty());
  CHECK(escaped("plain, \\ and \"quoted\"") == "plain, \\ and \"quoted\"");
  CHECK(escaped("M\u00fcnchen \u4eac \U0001f600") == "M\u00fcnchen \u4eac \U0001f600");
  CHECK(escaped("\x1b[31m\n\t\r\x7f") == "\\u001b[31m\\u000a\\u0009\\u000d\\u007f");
  CHECK(escaped(std::string_view("a\0b", 3)) == "a\\u0000b");
  CHECK(escaped("\u0080\u009b\u00a0") == "\\u0080\\u009b\u00a0");
  CHECK(escaped("\u202eabc\u2066\u2069\u2028") == "\\u202eabc\\u2066\\u2069\\u2028");
  CHECK(escaped("\u061c\u200e\u200f\u2030") == "\\u061c\\u200e\\u200f\u2030");
  // A byte alone, a character cut short, an overlong form, a surrogate, beyond the last character.
  CHECK(escaped("\x9b") == "\\x9b");
  CHECK(escaped("a\xe4\xba") == "a\\xe4\\xba");
  CHECK(escaped("\xc0\x9b") == "\\xc0\\x9b");
  CHECK(escaped("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  CHECK(escaped("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
}

TEST_CASE("whole numbers are decimal digits and nothing else") {
  CHECK(text::parse_whole("0") == 0U);
  CHECK(text::parse_whole("007") == 7U);
  CHECK(text::parse_whole("18446744073709551615") == ~std::uint64_t{0});
  CHECK(text::parse_whole("256", 256) == 256U);
  for (const std::string_view bad :
       {"", "-1", "+1", " 1", "1 ", "0x10", "1e3", "1.0", "ten", "18446744073709551616"})
    CHECK_FALSE(text::parse_whole(bad));
  CHECK_FALSE(text::parse_whole("257", 256));
}

TEST_CASE("what a descriptor does not take now is left to be written") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
  const std::string all(std::size_t{1} << 20, 'x');
  std::string_view rest = all;
  CHECK(write_rest(ends[1], rest) == EAGAIN);
  CHECK(rest.size() < all.size());
  REQUIRE_FALSE(rest.empty());
  std::string got;
  std::string block(65536, '\0');
  while (got.size() < all.size()) {
    const ssize_t n = ::read(ends[0], block.data(), block.size());
    REQUIRE(n > 0);
    got.append(block, 0, static_cast<std::size_t>(n));
    const int error = write_rest(ends[1], rest);
    REQUIRE((error == 0 || error == EAGAIN));
  }
  CHECK(got == all);
  ::close(ends[0]);
  ::close(ends[1]);
}
