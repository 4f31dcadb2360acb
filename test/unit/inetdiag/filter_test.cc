// SPDX-License-Identifier: Apache-2.0
//
// Filters: their rules against a plain reading of them, and the program they give the kernel
// against the same, in a machine that does what the kernel's does.
#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "inetdiag/bytecode.h"
#include "unit/catch.h"
#include "unit/inetdiag/bytecode_machine.h"
#include "unit/made_socket.h"

using namespace tcpinfo;

namespace {

using bytecode_machine::entry;

constexpr rule_kind kinds[] = {
    rule_kind::local_ports,   rule_kind::remote_ports, rule_kind::local_prefix,
    rule_kind::remote_prefix, rule_kind::interface,    rule_kind::mark,
    rule_kind::cgroup,        rule_kind::states,       rule_kind::automatic_port};

// A mapped prefix names IPv4 traffic, whichever family its sockets are of.
bool is_in(const ip_prefix& prefix, const ip_address& a) {
  if (prefix.length < 96 || !prefix.address.is_v4_mapped()) return prefix.contains(a);
  return ip_prefix::of(prefix.address.unmapped(), prefix.length - 96U).contains(a);
}

// Whether a rule holds for a socket of which everything is known.
bool holds(const filter_rule& rule, const entry& e, tcp_state state) {
  switch (rule.kind) {
    case rule_kind::local_ports:
      return e.sport >= rule.first && e.sport <= rule.last;
    case rule_kind::remote_ports:
      return e.dport >= rule.first && e.dport <= rule.last;
    case rule_kind::local_prefix:
      return is_in(rule.prefix, e.src);
    case rule_kind::remote_prefix:
      return is_in(rule.prefix, e.dst);
    case rule_kind::interface:
      return e.interface == rule.number;
    case rule_kind::mark:
      return (e.mark & rule.mask) == rule.number;
    case rule_kind::cgroup:
      return e.cgroup == rule.cgroup;
    case rule_kind::states:
      return (rule.number & state_bit(state)) != 0;
    case rule_kind::automatic_port:
      return !e.bound_port;
  }
  return false;
}

struct rules {
  std::vector<filter_rule> included;
  std::vector<filter_rule> excluded;

  [[nodiscard]] bool pass(const entry& e, tcp_state state, bool with_states) const {
    for (const filter_rule& rule : excluded)
      if ((with_states || rule.kind != rule_kind::states) && holds(rule, e, state)) return false;
    for (const rule_kind kind : kinds) {
      if (kind == rule_kind::states && !with_states) continue;
      bool any = false;
      bool one = false;
      for (const filter_rule& rule : included) {
        if (rule.kind != kind) continue;
        any = true;
        one = one || holds(rule, e, state);
      }
      if (any && !one) return false;
    }
    return true;
  }
};

// Few different values, so that rules and sockets meet.
class maker {
 public:
  explicit maker(unsigned seed) : random_(seed) {}

  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::uint16_t port() { return static_cast<std::uint16_t>(below(4) == 0 ? random_() : below(6)); }
  ip_address address() {
    ip_address a;
    const unsigned kind = below(3);
    a.family = kind == 0 ? address_family::ipv4 : address_family::ipv6;
    const unsigned size = kind == 0 ? 4 : 16;
    for (unsigned i = 0; i < size; ++i) a.bytes[i] = static_cast<std::uint8_t>(below(2) * 128);
    if (kind == 2) {
      std::fill(a.bytes.begin(), a.bytes.begin() + 10, std::uint8_t{0});
      a.bytes[10] = a.bytes[11] = 0xff;
    }
    return a;
  }
  filter_rule rule() {
    const auto first = port();
    const auto last = static_cast<std::uint16_t>(std::min(0xffffU, first + below(3)));
    const ip_address a = address();
    const ip_prefix prefix = ip_prefix::of(a, below(a.family == address_family::ipv4 ? 33 : 129));
    const std::uint32_t mask = below(4);
    switch (below(9)) {
      case 0:
        return filter_rule::local_ports(first, last);
      case 1:
        return filter_rule::remote_ports(first, last);
      case 2:
        return filter_rule::local_prefix(prefix);
      case 3:
        return filter_rule::remote_prefix(prefix);
      case 4:
        return filter_rule::bound_to(below(3));
      case 5:
        return filter_rule::marked(below(4) & mask, mask);
      case 6:
        return filter_rule::of_cgroup(1 + below(3));
      case 7:
        return filter_rule::in_states(1U << (1 + below(13)) | 1U << (1 + below(13)));
      default:
        return filter_rule::with_automatic_port();
    }
  }
  entry socket() {
    entry e;
    e.src = address();
    do e.dst = address();
    while (e.dst.family != e.src.family);
    e.sport = port();
    e.dport = port();
    e.interface = below(3);
    e.mark = below(4);
    e.cgroup = 1 + below(3);
    e.bound_port = below(2) == 0;
    return e;
  }

 private:
  std::mt19937 random_;
};

std::string bytes_of(const void* value, std::size_t size) {
  return {static_cast<const char*>(value), size};
}

// The message about a socket, with what the kernel tells of it to who has CAP_NET_ADMIN.
built_message message_about(const entry& e, tcp_state state) {
  made_socket s;
  s.state = state;
  s.src = to_string(e.src);
  s.dst = to_string(e.dst);
  s.sport = e.sport;
  s.dport = e.dport;
  (void)s.view();
  built_message built = s.built;
  std::memcpy(built.header.data() + wire::interface_at, &e.interface, 4);
  built.add(static_cast<std::uint16_t>(attribute_type::mark), bytes_of(&e.mark, 4));
  built.add(static_cast<std::uint16_t>(attribute_type::cgroup_id), bytes_of(&e.cgroup, 8));
  return built;
}

}  // namespace

TEST_CASE("the kernel takes the program of any rules, and it says what they say") {
  maker random(11);
  int passed = 0;
  int judged = 0;
  for (int round = 0; round < 1500; ++round) {
    rules given;
    filter f;
    for (unsigned n = random.below(5); n > 0; --n) {
      given.included.push_back(random.rule());
      REQUIRE_FALSE(f.include(given.included.back()));
    }
    for (unsigned n = random.below(4); n > 0; --n) {
      given.excluded.push_back(random.rule());
      REQUIRE_FALSE(f.exclude(given.excluded.back()));
    }
    bytes_view program;
    REQUIRE_FALSE(f.program(program));
    CHECK(f.program_is_whole());
    const bool only_states =
        std::all_of(given.included.begin(), given.included.end(),
                    [](const filter_rule& r) { return r.kind == rule_kind::states; }) &&
        std::all_of(given.excluded.begin(), given.excluded.end(),
                    [](const filter_rule& r) { return r.kind == rule_kind::states; });
    REQUIRE(program.empty() == only_states);
    if (!program.empty()) REQUIRE(bytecode_machine::audit(program));
    for (int n = 0; n < 40; ++n) {
      const entry e = random.socket();
      const bool expected = given.pass(e, tcp_state::established, false);
      INFO("round " << round << ": " << to_string(e.src) << ' ' << e.sport << ' '
                    << to_string(e.dst) << ' ' << e.dport);
      REQUIRE(bytecode_machine::run(program, e) == expected);
      passed += expected ? 1 : 0;
      ++judged;
    }
  }
  // Neither all nor none, so that both answers were put to the test.
  CHECK(passed > judged / 20);
  CHECK(passed < judged - judged / 20);
}

TEST_CASE("messages are judged as the kernel judges their sockets, where they tell enough") {
  maker random(12);
  int passed = 0;
  for (int round = 0; round < 400; ++round) {
    rules given;
    filter f;
    const auto told = [](const filter_rule& r) { return r.kind != rule_kind::automatic_port; };
    for (unsigned n = random.below(4); n > 0; --n)
      if (const filter_rule r = random.rule(); told(r)) {
        given.included.push_back(r);
        REQUIRE_FALSE(f.include(r));
      }
    for (unsigned n = random.below(3); n > 0; --n)
      if (const filter_rule r = random.rule(); told(r)) {
        given.excluded.push_back(r);
        REQUIRE_FALSE(f.exclude(r));
      }
    for (int n = 0; n < 20; ++n) {
      const entry e = random.socket();
      built_message built = message_about(e, tcp_state::close_wait);
      const bool expected = given.pass(e, tcp_state::close_wait, true);
      REQUIRE(f.passes(built.view()) == expected);
      passed += expected ? 1 : 0;
    }
  }
  CHECK(passed > 400);
}

TEST_CASE("what a message does not tell, does not hold") {
  made_socket s;  // no MARK, no CGROUP_ID
  for (const filter_rule& rule :
       {filter_rule::marked(0, 0), filter_rule::of_cgroup(1), filter_rule::with_automatic_port()}) {
    filter including;
    filter excluding;
    REQUIRE_FALSE(including.include(rule));
    REQUIRE_FALSE(excluding.exclude(rule));
    CHECK_FALSE(including.includes(s.view()));
    CHECK_FALSE(excluding.excludes(s.view()));
    CHECK(excluding.passes(s.view()));
  }
  // The kernel tells of two states by the name of another.
  filter f;
  REQUIRE_FALSE(f.include(filter_rule::in_states(state_bit(tcp_state::bound_inactive) |
                                                 state_bit(tcp_state::new_syn_recv))));
  s.state = tcp_state::close;
  CHECK(f.includes(s.view()));
  s.state = tcp_state::syn_recv;
  CHECK(f.includes(s.view()));
  s.state = tcp_state::established;
  CHECK_FALSE(f.includes(s.view()));
}

TEST_CASE("rules that make no sense are refused, and change nothing") {
  filter f;
  const auto bad = [&](const filter_rule& rule) {
    return f.include(rule) == errc::invalid_argument && f.exclude(rule) == errc::invalid_argument &&
           f.empty();
  };
  CHECK(bad(filter_rule::local_ports(2, 1)));
  CHECK(bad(filter_rule::remote_ports(65535, 0)));
  CHECK(bad(filter_rule::local_prefix({})));
  ip_prefix p;
  REQUIRE_FALSE(parse_ip_prefix("192.0.2.0/24", p));
  p.length = 33;
  CHECK(bad(filter_rule::remote_prefix(p)));
  CHECK(bad(filter_rule::marked(3, 1)));
  CHECK(bad(filter_rule::of_cgroup(0)));
  CHECK(bad(filter_rule::in_states(0)));
  CHECK(bad(filter_rule::in_states(1)));
  CHECK(bad(filter_rule::in_states(1U << 14U)));
  filter_rule unknown = filter_rule::local_port(1);
  unknown.kind = static_cast<rule_kind>(9);
  CHECK(bad(unknown));
  struct {
    filter_rule rule = filter_rule::local_port(1);
    std::uint64_t more = 1;
  } newer;
  newer.rule.size = sizeof newer;
  CHECK(bad(reinterpret_cast<const filter_rule&>(newer)));
  newer.more = 0;
  CHECK_FALSE(f.include(reinterpret_cast<const filter_rule&>(newer)));
  CHECK_FALSE(f.empty());
}

TEST_CASE("of many rules that include, the kernel has none of their kind, and the dump decides") {
  filter f;
  for (unsigned port = 0; port < 100; port += 2)
    REQUIRE_FALSE(f.include(filter_rule::remote_port(static_cast<std::uint16_t>(port))));
  REQUIRE_FALSE(f.include(filter_rule::bound_to(3)));
  bytes_view program;
  REQUIRE_FALSE(f.program(program));
  CHECK_FALSE(f.program_is_whole());
  CHECK(program.size() == 8);  // the interface
  // What only the kernel can judge is never left to the dump.
  filter g;
  for (std::uint64_t id = 1; id <= 512; ++id) REQUIRE_FALSE(g.include(filter_rule::of_cgroup(id)));
  REQUIRE_FALSE(g.program(program));
  CHECK(g.program_is_whole());
  CHECK(bytecode_machine::audit(program));
  entry e;
  e.cgroup = 512;
  CHECK(bytecode_machine::run(program, e));
  e.cgroup = 513;
  CHECK_FALSE(bytecode_machine::run(program, e));
  REQUIRE_FALSE(g.include(filter_rule::of_cgroup(513)));
  CHECK(g.program(program) == errc::filter_too_large);
  CHECK_FALSE(g.program_is_whole());
  filter h;
  for (std::uint32_t mark = 1; mark <= 513; ++mark)
    REQUIRE_FALSE(h.exclude(filter_rule::marked(mark)));
  CHECK(h.program(program) == errc::filter_too_large);
}

TEST_CASE("a program of the caller's and a filter must both accept") {
  maker random(13);
  for (int round = 0; round < 300; ++round) {
    rules theirs;
    rules ours;
    filter a;
    filter b;
    const auto fill = [&](rules& to, filter& f) {
      while (to.included.size() < 2) {
        const filter_rule r = random.rule();
        if (r.kind == rule_kind::states) continue;
        to.included.push_back(r);
        REQUIRE_FALSE(f.include(r));
        to.excluded.push_back(filter_rule::local_port(random.port()));
        REQUIRE_FALSE(f.exclude(to.excluded.back()));
      }
    };
    fill(theirs, a);
    fill(ours, b);
    bytes_view first;
    bytes_view second;
    REQUIRE_FALSE(a.program(first));
    REQUIRE_FALSE(b.program(second));
    std::vector<std::byte> joined;
    join_bytecode(first, second, joined);
    REQUIRE(bytecode_machine::audit(joined));
    for (int n = 0; n < 40; ++n) {
      const entry e = random.socket();
      const auto state = tcp_state::established;
      REQUIRE(bytecode_machine::run(joined, e) ==
              (theirs.pass(e, state, false) && ours.pass(e, state, false)));
    }
  }
}
