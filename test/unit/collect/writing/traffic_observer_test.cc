// SPDX-License-Identifier: Apache-2.0
//
// Metrics of the traffic: which series a connection belongs to, and what its records add to it.
#include <tcpinfo/archive.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "collect/telemetry/traffic_table.h"
#include "collect/writing/record_observer.h"
#include "collect/writing/traffic_observer.h"
#include "unit/catch.h"
#include "unit/durations.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;
using analysis::closing;

namespace {

constexpr std::int64_t start_ns = 1'700'000'000 * second;
constexpr std::size_t rtt_at = 68;
constexpr std::size_t total_retrans_at = 100;
constexpr std::size_t bytes_acked_at = 120;
constexpr std::size_t bytes_received_at = 128;
constexpr std::size_t segs_out_at = 136;
constexpr std::size_t segs_in_at = 140;
constexpr std::size_t min_rtt_at = 148;
constexpr std::size_t delivery_rate_at = 160;
constexpr std::size_t dsack_dups_at = 216;

traffic_labels by_all(std::size_t limit = 100) {
  traffic_labels labels;
  labels.wanted = {true, true, true, true};
  labels.causes = true;
  labels.limit = limit;
  return labels;
}

label_values of(const char* port, const char* prefix = "p") { return {port, "cubic", prefix, "1"}; }

std::uint64_t count(const traffic_distribution& d) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= d.values().bounds().size(); ++i) sum += d.values().count(i);
  return sum;
}

struct traffic_bench {
  explicit traffic_bench(const traffic_labels& wanted = by_all()) : table(wanted) {
    REQUIRE(prefixes.set("host_1"));
  }
  void see(std::unique_ptr<observed_traffic>& flow, made_socket& socket, std::int64_t at_ns,
           snapshot_kind kind = snapshot_kind::data, bool may_be_old = false) {
    snapshot_header header;
    header.kind = kind;
    header.cookie = socket.cookie;
    header.prefix = prefixes.current();
    header.may_be_old = may_be_old ? 1 : 0;
    header.time_ns = start_ns + at_ns;
    const message m = socket.view();
    observer.see(flow, header, m.bytes, m.find(attribute_type::info).value_or(bytes_view()));
  }
  [[nodiscard]] const traffic_series& only() const {
    const auto all = table.all();
    REQUIRE(all.size() == 1);
    kept = all[0];
    return *kept;
  }

  uuid_prefixes prefixes;
  traffic_table table;
  traffic_observer observer{table, prefixes};
  mutable std::shared_ptr<traffic_series> kept;
};

std::uint64_t closed(const traffic_series& s, closing how) {
  return s.closed[static_cast<std::size_t>(how)].get();
}

}  // namespace

TEST_CASE(
    "the series of a connection has as many values and sets as are allowed, others are other") {
  traffic_table table(by_all(2));
  const auto first = table.get(of("1"), start_ns);
  CHECK(table.get(of("1"), start_ns) == first);
  (void)table.get(of("2"), start_ns);
  const auto third = table.get(of("3"), start_ns);
  CHECK(third->labels == of("other"));
  CHECK(table.get(of("4"), start_ns) == third);
  CHECK(table.others(traffic_label::port).get() == 2);
  CHECK(table.others(traffic_label::prefix).get() == 0);
  // Values that are known already keep theirs.
  CHECK(table.get(of("1", "q"), start_ns)->labels == of("1", "q"));
  CHECK(table.get(of("5", "r"), start_ns)->labels == of("other", "other"));

  // Of sets there are fewer than values would allow.
  traffic_table sets(by_all(3));
  for (const char* port : {"1", "2", "3"})
    for (const char* prefix : {"a", "b", "c"})
      for (const char* cc : {"x", "y"}) (void)sets.get({port, cc, prefix, "1"}, start_ns);
  CHECK(sets.all().size() == sets.limit() + 1);
  CHECK(sets.get({"3", "y", "c", "1"}, start_ns)->labels ==
        label_values{"other", "other", "other", "other"});
}

TEST_CASE("series that nobody has used for long make room, those of open connections do not") {
  traffic_table table(by_all(1));
  auto open = table.get(of("1"), start_ns);
  CHECK(table.get(of("2"), start_ns + traffic_table::unused_ns)->labels == of("other"));
  open.reset();
  // Not at once again: with connections from everywhere each new one would look through all.
  CHECK(table.get(of("2"), start_ns + traffic_table::unused_ns + second)->labels == of("other"));
  CHECK(table.get(of("2"), start_ns + 2 * traffic_table::unused_ns)->labels == of("2"));
  CHECK(table.get(of("1"), start_ns + 2 * traffic_table::unused_ns)->labels == of("other"));
}

TEST_CASE("labels are the service's port, the congestion control, the network and the group") {
  struct label_case {
    const char* src;
    const char* dst;
    std::uint16_t sport, dport;
    const char* port;
    const char* prefix;
  };
  constexpr std::array cases = {
      label_case{"10.1.2.3", "10.9.8.7", 443, 50000, "443", "10.9.8.0/24"},
      label_case{"10.1.2.3", "10.9.8.7", 50000, 5432, "5432", "10.9.8.0/24"},
      label_case{"::ffff:10.1.2.3", "::ffff:10.9.8.7", 22, 1024, "22", "10.9.8.0/24"},
      label_case{"2001:db8::1", "2001:db8:1:2:3:4:5:6", 80, 40000, "80", "2001:db8:1::/48"},
      // An IPv4 address is in there, of which no more is told than of others.
      label_case{"2001:db8::1", "2002:a09:807::1", 80, 40000, "80", "2002:a09:800::/40"},
      label_case{"10.1.2.3", "0.0.0.0", 443, 0, "443", "unknown"},
      label_case{"10.1.2.3", "10.9.8.7", 50000, 32768, "ephemeral", "10.9.8.0/24"},
      label_case{"10.1.2.3", "10.9.8.7", 50000, 32767, "32767", "10.9.8.0/24"},
  };
  for (const label_case& one : cases) {
    INFO(one.dst);
    traffic_bench b;
    made_socket s;
    s.src = one.src;
    s.dst = one.dst;
    s.sport = one.sport;
    s.dport = one.dport;
    std::unique_ptr<observed_traffic> flow;
    b.see(flow, s, 0);
    CHECK(b.only().labels == label_values{one.port, "cubic", one.prefix, "unknown"});
  }
  {
    // A scraper would refuse all metrics for a label that is not UTF-8.
    traffic_bench b;
    made_socket s;
    s.cong = "a\xff";
    std::unique_ptr<observed_traffic> flow;
    b.see(flow, s, 0);
    CHECK(b.only().labels[1] == "a\\xff");
  }
  // What is not wanted is empty.
  traffic_labels ports;
  ports.wanted[0] = true;
  traffic_bench b(ports);
  made_socket s;
  std::unique_ptr<observed_traffic> flow;
  b.see(flow, s, 0);
  CHECK(b.only().labels == label_values{"443", "", "", ""});
}

TEST_CASE("a connection's segments are counted as they grow, times and rates at its end") {
  traffic_bench b;
  made_socket s;
  std::unique_ptr<observed_traffic> flow;
  s.set<std::uint32_t>(segs_out_at, 3).set<std::uint32_t>(min_rtt_at, ~std::uint32_t{0});
  b.see(flow, s, 0);
  CHECK(b.only().opened.get() == 1);
  CHECK(b.only().open.load() == 1);
  CHECK(b.only().segments_sent.get() == 3);
  s.set<std::uint32_t>(segs_out_at, 10).set<std::uint32_t>(total_retrans_at, 2);
  b.see(flow, s, second);
  s.set<std::uint32_t>(dsack_dups_at, 1);
  b.see(flow, s, 2 * second);
  CHECK(b.only().segments_sent.get() == 10);
  CHECK(b.only().segments_retransmitted.get() == 2);
  CHECK(b.only().segments_spurious.get() == 1);
  CHECK(count(b.only().rtt) == 0);
  // Now and then, of one that lives on; what was never measured is no observation.
  s.set<std::uint32_t>(rtt_at, 42'000);
  b.see(flow, s, traffic_observer::observe_ns);
  CHECK(count(b.only().rtt) == 1);
  CHECK(count(b.only().min_rtt) == 0);
  b.see(flow, s, traffic_observer::observe_ns + second);
  CHECK(count(b.only().rtt) == 1);
  CHECK(count(b.only().lifetime) == 0);
  s.set<std::uint32_t>(min_rtt_at, 20'000).set<std::uint64_t>(delivery_rate_at, 5'000'000);
  s.state = tcp_state::close;
  b.see(flow, s, 12 * second, snapshot_kind::final);
  const traffic_series& all = b.only();
  CHECK(all.open.load() == 0);
  CHECK(count(all.rtt) == 2);
  CHECK(count(all.min_rtt) == 1);
  CHECK(all.lifetime.values().sum() == Catch::Approx(12));
  CHECK(all.delivery_rate.values().sum() == Catch::Approx(5e6));
  std::uint64_t ends = 0;
  for (const counter& c : all.closed) ends += c.get();
  CHECK(ends == 1);
  // Each bucket knows the connection that it saw last.
  const auto exemplars = all.rtt.exemplars();
  const auto& values = all.rtt.values();
  REQUIRE(exemplars.size() == values.bounds().size() + 1);
  for (std::size_t i = 0; i < exemplars.size(); ++i)
    CHECK(exemplars[i].uuid == (values.count(i) != 0 ? "host_1_0000000000000001" : ""));

  flow.reset();
  CHECK(all.open.load() == 0);
}

TEST_CASE("connection-seconds by cause are those of the clock, told once") {
  traffic_bench b;
  made_socket s;
  std::unique_ptr<observed_traffic> flow;
  analysis::why::cause_clock clock;
  for (int i = 0; i <= 25; ++i) {
    // It sends something now and then, and has nothing to send in between.
    s.set<std::uint32_t>(segs_out_at, static_cast<std::uint32_t>(i));
    const bool last = i == 25;
    if (last) s.state = tcp_state::close;
    b.see(flow, s, i * second, last ? snapshot_kind::final : snapshot_kind::data);
    const message m = s.view();
    clock.add(analysis::why::cause_point::of(m, *m.find(attribute_type::info),
                                             start_ns + i * second, false));
  }
  const analysis::why::cause_times times = clock.times();
  std::int64_t all = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    CHECK(b.only().cause_ns[i].get() == static_cast<std::uint64_t>(times[i]));
    all += times[i];
  }
  CHECK(all == 25 * second);
  // Nobody asked.
  traffic_bench without(traffic_labels{});
  flow.reset();
  without.see(flow, s, 0);
  CHECK(flow->causes == nullptr);
}

TEST_CASE("what a connection did before the collector saw it is not counted, nor its opening") {
  traffic_bench b;
  made_socket s;
  std::unique_ptr<observed_traffic> flow;
  s.set<std::uint32_t>(segs_out_at, 1000);
  b.see(flow, s, 0, snapshot_kind::data, true);
  s.set<std::uint32_t>(segs_out_at, 1007);
  b.see(flow, s, second, snapshot_kind::final);
  CHECK(b.only().opened.get() == 0);
  CHECK(b.only().segments_sent.get() == 7);
  CHECK(count(b.only().lifetime) == 0);
}

TEST_CASE("a mini socket waits for its labels; nothing of what it did is lost") {
  traffic_bench b;
  made_socket s;
  std::unique_ptr<observed_traffic> flow;
  s.state = tcp_state::syn_recv;
  s.has_info = false;
  b.see(flow, s, 0);
  CHECK(b.table.all().empty());
  s.state = tcp_state::established;
  s.has_info = true;
  s.set<std::uint32_t>(segs_out_at, 5);
  b.see(flow, s, second);
  CHECK(b.only().segments_sent.get() == 5);
  CHECK(b.only().labels[1] == "cubic");
  CHECK(b.only().opened.get() == 1);
}

TEST_CASE("of a connection whose final record alone came, the final record says all there is") {
  traffic_bench b;
  made_socket s;
  std::unique_ptr<observed_traffic> flow;
  s.has_cong = false;
  s.set<std::uint32_t>(segs_out_at, 5);
  b.see(flow, s, 0, snapshot_kind::final);
  CHECK(b.only().labels == label_values{"443", "unknown", "10.9.8.0/24", "unknown"});
  CHECK(b.only().segments_sent.get() == 5);
  CHECK(b.only().open.load() == 0);
}

TEST_CASE("an end that was not seen, and a cookie that is used again, end a connection") {
  traffic_bench b;
  made_socket s;
  std::unique_ptr<observed_traffic> flow;
  b.see(flow, s, 0);
  b.see(flow, s, second, snapshot_kind::reused);
  CHECK(b.only().opened.get() == 2);
  CHECK(b.only().open.load() == 1);
  CHECK(closed(b.only(), closing::unknown) == 1);
  flow.reset();
  CHECK(b.only().open.load() == 0);
  CHECK(closed(b.only(), closing::unknown) == 2);
}

TEST_CASE("how a connection ended is told by its last record in each state") {
  traffic_bench b;
  made_socket s;
  std::unique_ptr<observed_traffic> flow;
  const auto step = [&](tcp_state state, std::int64_t at_ns, std::uint32_t segs_in,
                        std::uint64_t received, snapshot_kind kind = snapshot_kind::data) {
    s.state = state;
    s.set<std::uint32_t>(segs_in_at, segs_in).set<std::uint64_t>(bytes_received_at, received);
    s.set<std::uint64_t>(bytes_acked_at, 1).set<std::uint32_t>(min_rtt_at, 100);
    s.set<std::uint8_t>(0, static_cast<std::uint8_t>(state));
    b.see(flow, s, at_ns, kind);
  };
  SECTION("the other end first") {
    step(tcp_state::established, 0, 1, 10);
    step(tcp_state::close_wait, second, 2, 11);
    step(tcp_state::last_ack, 2 * second, 2, 11);
    step(tcp_state::close, 3 * second, 3, 11, snapshot_kind::final);
    CHECK(closed(b.only(), closing::fin_remote) == 1);
  }
  SECTION("here first") {
    step(tcp_state::established, 0, 1, 10);
    step(tcp_state::fin_wait2, second, 2, 10);
    step(tcp_state::close, 2 * second, 3, 11, snapshot_kind::final);
    CHECK(closed(b.only(), closing::fin_local) == 1);
  }
  SECTION("aborted here: nothing came since the last record, though more came before it") {
    step(tcp_state::established, 0, 1, 10);
    step(tcp_state::established, second, 7, 600);
    step(tcp_state::close, 3 * second, 7, 600, snapshot_kind::final);
    CHECK(closed(b.only(), closing::aborted) == 1);
  }
}
