// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <tcpinfo/inetdiag.h>
#include <tcpinfo/internal/answer_area.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <initializer_list>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"

using namespace tcpinfo;

namespace {

ip_address address_of(std::string_view text) {
  ip_address a;
  REQUIRE_FALSE(parse_ip_address(text, a));
  return a;
}

ip_prefix prefix_of(std::string_view text) {
  ip_prefix p;
  REQUIRE_FALSE(parse_ip_prefix(text, p));
  return p;
}

// Views of temporaries that own their bytes would dangle: they do not compile.
template <class Bytes>
concept is_walked = requires(Bytes&& bytes) {
  messages(std::forward<Bytes>(bytes));
};
template <class Bytes>
concept is_message = requires(Bytes&& bytes, message& m) {
  (void)message::from(std::forward<Bytes>(bytes), m);
};
template <class Filter>
concept gives_program = requires(Filter&& f, bytes_view& out) {
  (void)std::forward<Filter>(f).program(out);
};
using container = std::vector<std::byte>;
static_assert(is_walked<container&> && is_walked<bytes_view> && !is_walked<container>);
static_assert(is_message<container&> && is_message<bytes_view> && !is_message<container>);
static_assert(std::is_constructible_v<attribute_range, container&>);
static_assert(!std::is_constructible_v<attribute_range, container>);
static_assert(gives_program<filter&> && !gives_program<filter>);

bool refused(std::string_view text) {
  ip_prefix p;
  return parse_ip_prefix(text, p) == errc::invalid_argument;
}

}  // namespace

TEST_CASE("addresses go from text to bytes and back") {
  for (const std::string text :
       {"0.0.0.0", "192.0.2.255", "::", "::1", "2001:db8::1:0:0:1", "fe80::1", "::ffff:192.0.2.1"})
    CHECK(to_string(address_of(text)) == text);
  ip_address untouched = address_of("192.0.2.1");
  for (const std::string_view text :
       {"", "192.0.2", "192.0.2.256", "1.2.3.4 ", "localhost", ":::", "2001:db8::g",
        "2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"})
    CHECK(parse_ip_address(text, untouched) == errc::invalid_argument);
  CHECK(to_string(untouched) == "192.0.2.1");
  char small[4];
  CHECK(format_ip_address(untouched, small) == 0);
}

TEST_CASE("IPv6 addresses are written as inet_ntop() writes them") {
  std::mt19937 random(6);
  constexpr unsigned all = 1U << 8U;
  std::string different;
  for (unsigned round = 0; round < 40; ++round)
    // Each way in which the eight groups may be zeros, the others being of one to four digits.
    for (unsigned zeros = 0; zeros < all; ++zeros) {
      ip_address a;
      a.family = address_family::ipv6;
      for (unsigned i = 0; i < 8; ++i) {
        auto group = static_cast<std::uint16_t>((zeros >> i & 1U) != 0 ? 0 : 1 + random() % 0xffff);
        group = static_cast<std::uint16_t>(group >> (group == 0 ? 0 : 4 * (random() % 4)));
        if (i == 5 && round % 4 == 0) group = 0xffff;
        a.bytes[2 * i] = static_cast<std::uint8_t>(group >> 8U);
        a.bytes[2 * i + 1] = static_cast<std::uint8_t>(group & 0xffU);
      }
      char text[INET6_ADDRSTRLEN];
      REQUIRE(inet_ntop(AF_INET6, a.bytes.data(), text, sizeof text) != nullptr);
      if (to_string(a) != text) different += to_string(a) + " is not " + text + "; ";
    }
  CHECK(different == "");
}

TEST_CASE("prefixes refuse what is likely a mistake") {
  CHECK(prefix_of("10.0.0.0/8").length == 8);
  CHECK(prefix_of("10.1.2.3").length == 32);
  CHECK(prefix_of("2001:db8::/32").length == 32);
  CHECK(prefix_of("::1").length == 128);
  CHECK(prefix_of("0.0.0.0/0").length == 0);
  CHECK(refused("10.0.0.1/8"));
  CHECK(refused("10.0.0.0/33"));
  CHECK(refused("10.0.0.0/"));
  CHECK(refused("10.0.0.0/8x"));
  CHECK(refused("10.0.0.0/-1"));
  CHECK(refused("2001:db8::1/32"));
  CHECK(refused("::/129"));
}

TEST_CASE("a prefix contains its addresses, an IPv4 one also their mapped form") {
  CHECK(prefix_of("10.0.0.0/8").contains(address_of("10.255.0.1")));
  CHECK_FALSE(prefix_of("10.0.0.0/8").contains(address_of("11.0.0.1")));
  CHECK(prefix_of("10.0.0.0/8").contains(address_of("::ffff:10.0.0.1")));
  CHECK_FALSE(prefix_of("10.0.0.0/8").contains(address_of("::10.0.0.1")));
  CHECK(prefix_of("172.16.0.0/12").contains(address_of("172.31.255.255")));
  CHECK_FALSE(prefix_of("172.16.0.0/12").contains(address_of("172.32.0.0")));
  CHECK(prefix_of("fe80::/10").contains(address_of("febf::1")));
  CHECK_FALSE(prefix_of("fe80::/10").contains(address_of("fec0::1")));
  CHECK_FALSE(prefix_of("::/0").contains(address_of("10.0.0.1")));
  CHECK(prefix_of("0.0.0.0/0").contains(address_of("10.0.0.1")));
}

TEST_CASE("a message's members are read from their places") {
  made_socket s;
  s.cookie = 0x0123456789abcdef;
  const message m = s.view();
  CHECK(m.family() == address_family::ipv4);
  CHECK(m.state() == tcp_state::established);
  CHECK(m.sport() == 443);
  CHECK(m.dport() == 50000);
  CHECK(to_string(m.src()) == "10.1.2.3");
  CHECK(to_string(m.dst()) == "10.9.8.7");
  CHECK(m.cookie() == 0x0123456789abcdef);
  CHECK(m.id().cookie == m.cookie());
  REQUIRE(m.find(attribute_type::cong));
  CHECK(m.find(attribute_type::cong)->size() == 6);
  CHECK_FALSE(m.find(attribute_type::mark));
  message out;
  CHECK(message::from(m.bytes.first(71), out) == errc::message_too_short);
  CHECK_FALSE(message::from(m.bytes.first(72), out));
}

TEST_CASE("an attribute walk never leaves its bytes, whatever they are") {
  made_socket s;
  const message whole = s.view();
  CHECK(whole.attributes().well_formed());
  // Cut anywhere: what is whole before the cut is delivered, the rest is the remainder.
  for (std::size_t cut = wire::inet_diag_msg_size; cut <= whole.bytes.size(); ++cut) {
    const std::vector<std::byte> copy(whole.bytes.begin(),
                                      whole.bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    const message m{copy};
    std::size_t seen = 0;
    for (const attribute& a : m.attributes()) {
      CHECK(a.payload.data() + a.payload.size() <= copy.data() + copy.size());
      ++seen;
    }
    CHECK(seen <= 3);
  }
  // Lengths that are wrong end the walk.
  for (const std::uint16_t length : std::initializer_list<std::uint16_t>{0, 1, 3, 5000}) {
    std::vector<std::byte> bytes(whole.bytes.begin(), whole.bytes.end());
    std::memcpy(bytes.data() + wire::inet_diag_msg_size + 8, &length, 2);
    const message m{bytes};
    std::size_t seen = 0;
    for ([[maybe_unused]] const attribute& a : m.attributes()) ++seen;
    CHECK(seen == 1);
    CHECK_FALSE(m.attributes().well_formed());
  }
}

TEST_CASE("flags in an attribute's type are no part of it") {
  built_message b;
  b.add(0x8000U + 19U, "abcd").add(0x4000U + 15U, "efgh");
  const message m = b.view();
  CHECK(m.find(attribute_type::ulp_info));
  CHECK(m.find(attribute_type::mark));
}

TEST_CASE("a datagram's messages are read with their lengths checked") {
  const auto header = [](std::uint32_t length, std::uint16_t type, std::uint16_t flags = 0) {
    const nlmsghdr h{length, type, flags, 77, 88};
    return std::string(reinterpret_cast<const char*>(&h), sizeof h);
  };
  const auto walk = [](const std::string& datagram, bool& malformed) {
    std::vector<std::size_t> sizes;
    malformed = false;
    for (const datagram_item& item : messages(std::as_bytes(std::span(datagram)))) {
      CHECK_FALSE(malformed);  // nothing comes behind
      malformed = item.status == datagram_status::malformed;
      if (malformed)
        CHECK(item.error() == errc::malformed_attribute);
      else
        sizes.push_back(item.payload.size());
    }
    return sizes;
  };
  bool malformed = false;
  CHECK(walk("", malformed).empty());
  CHECK_FALSE(malformed);
  CHECK(walk(header(20, 20) + "abcd" + header(16, 3), malformed) == std::vector<std::size_t>{4, 0});
  CHECK_FALSE(malformed);
  // A length that is no multiple of 4 is padded, but not at the very end.
  CHECK(walk(header(18, 20) + "abxx" + header(17, 3) + "y", malformed) ==
        std::vector<std::size_t>{2, 1});
  CHECK_FALSE(malformed);
  CHECK(walk(header(15, 20), malformed).empty());
  CHECK(malformed);
  CHECK(walk(header(16, 20) + header(100, 20), malformed) == std::vector<std::size_t>{0});
  CHECK(malformed);
  CHECK(walk(header(16, 20) + "abc", malformed) == std::vector<std::size_t>{0});
  CHECK(malformed);

  // What each is.
  const auto number = [](std::int32_t value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  const std::string whole(wire::inet_diag_msg_size, 'm');
  constexpr std::uint16_t interrupted = 0x10;
  struct expectation {
    std::string bytes;
    datagram_status status;
    std::error_code error;
  };
  const auto of_system = [](int e) { return std::error_code(e, std::system_category()); };
  const expectation all[] = {
      {header(88, 20) + whole, datagram_status::message, {}},
      {header(88, 18) + whole, datagram_status::message, {}},
      {header(88, 20, interrupted) + whole, datagram_status::message, errc::dump_incomplete},
      {header(20, 20) + number(0), datagram_status::too_short, errc::message_too_short},
      // What programs ask: captures have both directions.
      {header(88, 20, 0x301) + whole, datagram_status::request, {}},
      {header(72, 20, 1) + whole.substr(0, 56), datagram_status::request, {}},
      {header(20, 3) + number(0), datagram_status::done, {}},
      {header(20, 3, interrupted) + number(0), datagram_status::done, errc::dump_incomplete},
      {header(20, 3) + number(-5), datagram_status::done, of_system(5)},
      {header(16, 3), datagram_status::done, {}},
      {header(20, 2) + number(-2), datagram_status::error, of_system(2)},
      {header(20, 2) + number(0), datagram_status::error, {}},
      {header(16, 2), datagram_status::error, of_system(EPROTO)},
      {header(16, 1), datagram_status::other, {}},
      {header(16, 21), datagram_status::other, {}},
  };
  std::string together;
  for (const expectation& e : all) together += e.bytes;
  std::size_t at = 0;
  for (const datagram_item& item : messages(std::as_bytes(std::span(together)))) {
    INFO(at);
    REQUIRE(at < std::size(all));
    CHECK(item.status == all[at].status);
    CHECK(item.error() == all[at].error);
    CHECK((item.sequence == 77 && item.port == 88));
    CHECK(item.is_request() == (item.status == datagram_status::request));
    if (item.status == datagram_status::message)
      CHECK(item.answer().bytes.size() == wire::inet_diag_msg_size);
    ++at;
  }
  CHECK(at == std::size(all));
}

TEST_CASE("a filter excludes by local port, local and remote prefix") {
  filter f;
  CHECK(f.empty());
  REQUIRE_FALSE(f.exclude(filter_rule::local_port(40000)));
  REQUIRE_FALSE(f.exclude(filter_rule::local_port(22)));
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of("192.0.2.0/24"))));
  REQUIRE_FALSE(f.exclude(filter_rule::local_prefix(prefix_of("2001:db8::/32"))));
  made_socket s;
  CHECK_FALSE(f.excludes(s.view()));
  s.sport = 40000;
  CHECK(f.excludes(s.view()));
  s.sport = 22;
  CHECK(f.excludes(s.view()));
  s.sport = 443;
  s.dst = "192.0.2.77";
  CHECK(f.excludes(s.view()));
  s.src = "::ffff:10.0.0.1";
  s.dst = "::ffff:192.0.2.77";
  CHECK(f.excludes(s.view()));
  s.src = "2001:db8::5";
  s.dst = "2001:db9::5";
  CHECK(f.excludes(s.view()));
  s.src = "2001:db9::6";
  CHECK_FALSE(f.excludes(s.view()));
  filter moved = std::move(f);
  CHECK(f.empty());
  CHECK_FALSE(moved.empty());
}

TEST_CASE("a prefix longer than its address is read no further than that") {
  // Whatever lies behind the bytes of an address must play no part.
  struct surrounded {
    ip_prefix whole;
    ip_address inside;
  };
  for (const char* text : {"2001:db8::1", "192.0.2.1"}) {
    surrounded s{{address_of(text), 0}, address_of(text)};
    for (unsigned length = 0; length < 256; ++length) {
      s.whole.length = static_cast<std::uint8_t>(length);
      CHECK(s.whole.contains(s.inside));
      ip_address other = s.inside;
      other.bytes[other.family == address_family::ipv4 ? 3 : 15] ^= 1U;
      const unsigned bits = other.family == address_family::ipv4 ? 32 : 128;
      CHECK(s.whole.contains(other) == (length < bits));
    }
  }
}

TEST_CASE("no rule speaks of a message without a header") {
  filter f;
  REQUIRE_FALSE(f.exclude(filter_rule::local_port(0)));
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of("0.0.0.0/0"))));
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of("::/0"))));
  made_socket s;
  const message whole = s.view();
  CHECK(f.excludes(whole));
  for (std::size_t size = 0; size < wire::inet_diag_msg_size; ++size) {
    // A copy of exactly that length, so that a sanitizer sees a read past its end.
    const std::vector<std::byte> bytes(whole.bytes.begin(),
                                       whole.bytes.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(f.excludes({bytes}));
  }
}

TEST_CASE("a rule for a mapped prefix is a rule for IPv4") {
  filter f;
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of("::ffff:192.0.2.0/120"))));
  made_socket s;
  s.dst = "192.0.2.1";
  CHECK(f.excludes(s.view()));
  s.src = "::ffff:10.0.0.1";
  s.dst = "::ffff:192.0.2.1";
  CHECK(f.excludes(s.view()));
}

TEST_CASE("a filter takes any number of rules, and the kernel as many as it has room for") {
  filter f;
  bytes_view program;
  CHECK(f.program_is_whole());
  // Ports that follow one another are one rule.
  for (unsigned port = 1; port <= 50'000; ++port)
    REQUIRE_FALSE(f.exclude(filter_rule::local_port(static_cast<std::uint16_t>(port))));
  REQUIRE_FALSE(f.program(program));
  CHECK(program.size() == 20);
  CHECK(f.program_is_whole());
  made_socket s;
  s.sport = 50'000;
  CHECK(f.excludes(s.view()));
  s.sport = 50'001;
  CHECK_FALSE(f.excludes(s.view()));

  // Every other address: none covers or completes another.
  for (unsigned i = 0; i < 100'000; i += 2) {
    ip_prefix p = prefix_of("10.0.0.0/32");
    p.address.bytes[1] = static_cast<std::uint8_t>(i >> 16U);
    p.address.bytes[2] = static_cast<std::uint8_t>(i >> 8U);
    p.address.bytes[3] = static_cast<std::uint8_t>(i);
    REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(p)));
  }
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of("192.0.2.0/24"))));
  REQUIRE_FALSE(f.exclude(filter_rule::local_prefix(prefix_of("2001:db8::/32"))));
  REQUIRE_FALSE(f.program(program));
  CHECK_FALSE(f.program_is_whole());
  CHECK(program.size() <= 32 * 32);
  // The large networks are in it.
  const auto* const bytes = reinterpret_cast<const char*>(program.data());
  const std::string_view text(bytes, program.size());
  CHECK(text.find(std::string_view("\xc0\x00\x02\x00", 4)) != text.npos);
  CHECK(text.find(std::string_view("\x20\x01\x0d\xb8", 4)) != text.npos);
  s.dst = "10.1.134.158";  // 99,998
  CHECK(f.excludes(s.view()));
  s.dst = "10.1.134.159";
  CHECK_FALSE(f.excludes(s.view()));
  s.dst = "192.0.2.5";
  CHECK(f.excludes(s.view()));
}

TEST_CASE("rules that others cover cost nothing, and halves of a network are joined") {
  filter f;
  bytes_view program;
  const auto rules = [&] {
    REQUIRE_FALSE(f.program(program));
    return program.size() / 20;  // of IPv4 addresses
  };
  for (const char* text : {"10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8", "10.255.255.255"})
    REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of(text))));
  CHECK(rules() == 1);
  // 256 halves of halves are one /24, in any order.
  for (unsigned i = 0; i < 256; ++i)
    REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(
        prefix_of(("192.0.2." + std::to_string(i * 167 % 256) + "/32").c_str()))));
  CHECK(rules() == 2);
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of("11.0.0.0/8"))));
  CHECK(rules() == 2);
  made_socket s;
  for (const auto& [dst, is_in] :
       std::initializer_list<std::pair<const char*, bool>>{{"9.255.255.255", false},
                                                           {"10.0.0.0", true},
                                                           {"11.255.255.255", true},
                                                           {"12.0.0.0", false},
                                                           {"192.0.1.255", false},
                                                           {"192.0.2.0", true},
                                                           {"192.0.2.255", true},
                                                           {"192.0.3.0", false}}) {
    s.dst = dst;
    INFO(dst);
    CHECK(f.excludes(s.view()) == is_in);
  }
  // Bits behind the length do not count; neither do they split a network.
  ip_prefix odd = prefix_of("198.51.100.0/24");
  odd.address.bytes[3] = 77;
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(odd)));
  s.dst = "198.51.100.1";
  CHECK(f.excludes(s.view()));
  // Everything.
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of("0.0.0.0/1"))));
  REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(prefix_of("128.0.0.0/1"))));
  CHECK(rules() == 1);
}

TEST_CASE("a filter excludes what any of its prefixes contains") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    filter f;
    std::vector<ip_prefix> given;
    for (int n = 0; n < 40; ++n) {
      ip_prefix p;
      p.address.family = random() % 2 == 0 ? address_family::ipv4 : address_family::ipv6;
      const bool v4 = p.address.family == address_family::ipv4;
      // Few different bits, so that prefixes meet.
      for (std::size_t i = 0; i < (v4 ? 4U : 16U); ++i)
        p.address.bytes[i] = static_cast<std::uint8_t>(random() % 4);
      p.length = static_cast<std::uint8_t>(random() % (v4 ? 33 : 129));
      given.push_back(p);
      REQUIRE_FALSE(f.exclude(filter_rule::remote_prefix(p)));
    }
    for (int n = 0; n < 100; ++n) {
      made_socket s;
      std::array<char, 64> text{};
      ip_address a = given[random() % given.size()].address;
      a.bytes[random() % (a.family == address_family::ipv4 ? 4 : 16)] =
          static_cast<std::uint8_t>(random() % 4);
      s.dst = std::string(text.data(), format_ip_address(a, text));
      if (a.family == address_family::ipv6) s.src = "2001:db8::1";
      const message m = s.view();
      const bool expected = std::any_of(given.begin(), given.end(),
                                        [&](const ip_prefix& p) { return p.contains(m.dst()); });
      INFO(s.dst);
      CHECK(f.excludes(m) == expected);
    }
  }
}

TEST_CASE("sockets that are not open say so") {
  diag_socket s;
  dump_request request;
  request.states = all_states;
  bool done = true;
  CHECK(s.dump(request, [](const message&) {}) == errc::not_open);
  CHECK(s.start(request) == errc::not_open);
  CHECK(s.receive([](const message&) {}, done) == errc::not_open);
  CHECK_FALSE(done);
  CHECK_FALSE(s.cancel());
  CHECK(s.descriptor() == -1);
  CHECK(s.query({}, 0, [](const message&) {}) == errc::not_open);
  CHECK(s.query_all({}, 0, [](const query_answer&) {}) == errc::not_open);
  CHECK(s.counter(dump_counter::messages) == 0);
  destroy_listener l;
  CHECK(l.receive([](const message&) {}) == errc::not_open);
  CHECK(l.descriptor() == -1);
}

TEST_CASE("a request that cannot be obeyed is an error at once") {
  diag_socket s;
  REQUIRE_FALSE(s.open());
  const auto dump = [&](auto change) {
    dump_request request;
    request.states = state_bit(tcp_state::established);
    request.timeout(std::chrono::hours(1));  // nobody waits for it
    change(request);
    return s.dump(request, [](const message&) {});
  };
  CHECK(dump([](dump_request& r) { r.states = 0; }) == errc::empty_request);
  CHECK(dump([](dump_request& r) { r.states = 1; }) == errc::invalid_argument);
  CHECK(dump([](dump_request& r) { r.states = 1U << 14U; }) == errc::invalid_argument);
  CHECK(dump([](dump_request& r) { r.extensions = 0x100; }) == errc::invalid_argument);
  for (const attribute_type type :
       {attribute_type::none, attribute_type::dctcpinfo, attribute_type::mark,
        attribute_type::sockopt, static_cast<attribute_type>(33), static_cast<attribute_type>(999)})
    CHECK(dump([&](dump_request& r) { r.extensions = extension(type); }) == errc::invalid_argument);
  CHECK(dump([](dump_request& r) { r.families = static_cast<dump_families>(3); }) ==
        errc::invalid_argument);
  CHECK(dump([](dump_request& r) { r.protocol = static_cast<transport>(132); }) ==
        errc::invalid_argument);
  CHECK(dump([](dump_request& r) { r.timeout_ns = 0; }) == errc::invalid_argument);
  CHECK(dump([](dump_request& r) { r.timeout_ns = -1; }) == errc::invalid_argument);
  const std::byte odd[6] = {};
  CHECK(dump([&](dump_request& r) { r.bytecode = odd; }) == errc::invalid_argument);
  filter f;
  REQUIRE_FALSE(f.include(filter_rule::in_states(state_bit(tcp_state::listen))));
  CHECK(dump([&](dump_request& r) { r.filter = &f; }) == errc::empty_request);
  filter g;
  REQUIRE_FALSE(g.exclude(filter_rule::in_states(state_bit(tcp_state::established))));
  CHECK(dump([&](dump_request& r) { r.filter = &g; }) == errc::empty_request);
  CHECK(s.dump(dump_request{}, nullptr, nullptr) == errc::invalid_argument);

  socket_id id;
  query_request request;
  const auto query = [&] { return s.query(id, request, [](const message&) {}); };
  CHECK(query() == errc::invalid_argument);  // no family
  id.src.family = static_cast<address_family>(7);
  CHECK(query() == errc::invalid_argument);
  id.src.family = address_family::ipv4;
  id.dst.family = address_family::ipv6;
  CHECK(query() == errc::invalid_argument);
  id.dst.family = address_family::ipv4;
  request.extensions = 0x100;
  CHECK(query() == errc::invalid_argument);
  request.extensions = 0;
  request.protocol = transport::mptcp;
  CHECK(query() == errc::invalid_argument);
  request.protocol = transport::tcp;
  request.timeout_ns = 0;
  CHECK(query() == errc::invalid_argument);
  CHECK(s.query_all({&id, 1}, request, [](const query_answer&) {}) == errc::invalid_argument);
  request.timeout_ns = default_timeout_ns;
  // Of many, the one is told of.
  const socket_id nobody;
  std::vector<std::error_code> told;
  CHECK_FALSE(
      s.query_all({&nobody, 1}, request, [&](const query_answer& a) { told.push_back(a.error); }));
  CHECK(told == std::vector<std::error_code>{errc::invalid_argument});

  diag_socket other;
  diag_socket_options options;
  options.netns = -2;
  CHECK(other.open(options) == errc::invalid_argument);
  options.netns = 1'000'000;
  CHECK(other.open(options) == std::errc::bad_file_descriptor);
  bool done = false;
  CHECK(s.receive([](const message&) {}, done) == errc::empty_request);
}

TEST_CASE("while a dump goes on, nothing else is asked") {
  diag_socket s;
  REQUIRE_FALSE(s.open());
  dump_request request;
  request.states = all_states;
  REQUIRE_FALSE(s.start(request));
  CHECK(s.descriptor() >= 0);
  CHECK(s.start(request) == errc::busy);
  CHECK(s.dump(request, [](const message&) {}) == errc::busy);
  CHECK(s.query({}, 0, [](const message&) {}) == errc::busy);
  CHECK(s.query_all({}, 0, [](const query_answer&) {}) == errc::busy);
  CHECK(keep_answers(s, {}) == errc::busy);
  CHECK_FALSE(s.cancel());
  CHECK_FALSE(s.query_all({}, 0, [](const query_answer&) {}));
  REQUIRE_FALSE(s.start(request));
  CHECK_FALSE(s.open());  // ends it as well
  CHECK_FALSE(s.query_all({}, 0, [](const query_answer&) {}));
}
