// SPDX-License-Identifier: Apache-2.0
//
// What leads out of the collector, and into it: metrics and their numbers, addresses, M-Lab's
// flags and the environment.
#include <tcpinfo/archive.h>
#include <tcpinfo/tcp.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "collect/control/mlab_flags.h"
#include "collect/listen_address.h"
#include "collect/os/listening.h"
#include "collect/sampling/poll_observer.h"
#include "collect/telemetry/histogram.h"
#include "collect/telemetry/observations.h"
#include "collect/writing/record_observer.h"
#include "unit/catch.h"
#include "unit/durations.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

namespace {

std::uint64_t total(const histogram& h) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= h.bounds().size(); ++i) sum += h.count(i);
  return sum;
}

std::vector<std::string> translate(std::vector<const char*> words) {
  return translate_mlab_flags(words).arguments;
}

using words = std::vector<std::string>;

void look(record_observer& at, observed_flow& flow, made_socket& socket, std::uint64_t poll) {
  snapshot_header header;
  header.poll = poll;
  header.may_be_old = poll == 1 ? 1 : 0;
  at.look(flow, header, socket.view().bytes);
  at.publish();
}

constexpr std::size_t received_at = 128;
constexpr std::size_t sent_at = 200;

}  // namespace

TEST_CASE("a histogram counts values up to and with its bounds") {
  static constexpr std::array bounds = {0.0, 1.0, 2.5};
  histogram h(bounds);
  for (const double value : {-1.0, 0.0, 0.5, 1.0, 1.1, 2.5, 2.6, 1e12}) h.add(value);
  CHECK(h.count(0) == 2);
  CHECK(h.count(1) == 2);
  CHECK(h.count(2) == 2);
  CHECK(h.count(3) == 2);
  CHECK(h.sum() == Catch::Approx(1e12 + 6.7));
}

TEST_CASE("a poll is observed once, by what was walked") {
  observations o;
  poll_report report;
  report.complete = true;
  report.both_ns = 3'000'000;
  report.messages = 3;
  report.bytes = 1500;
  made_socket v4;
  made_socket v6;
  v6.src = v6.dst = "2001:db8::1";
  poll_observer at(o);
  for (int i = 0; i < 2; ++i) {
    at.begin();
    at.see(v4.view());
    at.see(v6.view());
    at.see(v6.view());
    at.end(report, 7);
    // A query between polls shows sockets as well.
    at.see(v4.view());
  }
  CHECK(total(o.syscall_time_both) == 2);
  CHECK(o.syscall_time_both.sum() == Catch::Approx(0.006));
  CHECK(total(o.syscall_time_ipv4) == 0);
  CHECK(o.connections_ipv4.sum() == 2);
  CHECK(o.connections_ipv6.sum() == 4);
  CHECK(o.cached.sum() == 14);
  CHECK(o.open_flows == 7);
  CHECK(o.dump_bytes.get() == 3000);
  CHECK(o.sockets_now == 3);
  report.complete = false;
  at.end(report, 7);
  CHECK(total(o.connections_ipv4) == 2);
  CHECK(o.sockets_now == 3);
}

TEST_CASE("what is open is the sum of all samplers, and ends with them") {
  observations o;
  poll_report report;
  report.complete = true;
  made_socket socket;
  poll_observer one(o);
  {
    poll_observer other(o);
    one.begin();
    one.see(socket.view());
    one.end(report, 3);
    other.begin();
    other.see(socket.view());
    other.see(socket.view());
    other.end(report, 40);
    CHECK(o.open_flows == 43);
    CHECK(o.sockets_now == 3);
    one.begin();
    one.end(report, 1);
    CHECK(o.open_flows == 41);
    CHECK(o.sockets_now == 2);
  }
  CHECK(o.open_flows == 1);
  CHECK(o.sockets_now == 0);
}

TEST_CASE("rates are observed once a second, and their sum is the bits of all records") {
  observations o;
  record_observer at(o);
  observed_flow flow;
  made_socket socket;
  std::int64_t now = 5 * second;
  o.observe_rates(now);
  look(at, flow, socket.set(sent_at, std::uint64_t{1000}), 2);
  look(at, flow, socket.set(received_at, std::uint64_t{50}), 3);
  for (int i = 0; i < 250; ++i) o.observe_rates(now += second / 100);
  CHECK(total(o.send_rate) == 2);
  CHECK(o.send_rate.sum() == 8000);
  CHECK(o.receive_rate.sum() == 400);
  CHECK(o.send_rate.count(0) == 1);
  // Polls that are rarer: one for each second all the same.
  look(at, flow, socket.set(sent_at, std::uint64_t{6000}), 4);
  o.observe_rates(now += 5 * second);
  CHECK(total(o.send_rate) == 7);
  CHECK(o.send_rate.sum() == 48000);
  // A socket that is used again begins at zero.
  look(at, flow, socket.set(sent_at, std::uint64_t{100}), 5);
  CHECK(o.bytes_sent.get() == 6100);
}

TEST_CASE("what a connection did before the first poll is no traffic of this run") {
  observations o;
  record_observer at(o);
  observed_flow old;
  observed_flow fresh;
  made_socket socket;
  socket.set(sent_at, std::uint64_t{1'000'000});
  look(at, old, socket, 1);
  CHECK(o.bytes_sent.get() == 0);
  look(at, old, socket.set(sent_at, std::uint64_t{1'000'010}), 2);
  CHECK(o.bytes_sent.get() == 10);
  look(at, fresh, socket, no_poll);
  CHECK(o.bytes_sent.get() == 1'000'020);
  // Without INFO nothing is known.
  made_socket bare;
  bare.has_info = false;
  look(at, fresh, bare, 3);
  CHECK(o.bytes_sent.get() == 1'000'020);
}

TEST_CASE("attributes too long and unknown are counted by type") {
  observations o;
  record_observer at(o);
  observed_flow flow;
  made_socket socket;
  socket.info.resize(284);
  (void)socket.view();
  socket.built.add(25, "new");
  socket.built.add(1000, "newer");
  snapshot_header header;
  header.poll = 2;
  at.look(flow, header, socket.built.view().bytes);
  CHECK(o.large_attributes[static_cast<std::size_t>(attribute_type::info)].get() == 1);
  CHECK(o.skipped_attributes[25].get() == 1);
  CHECK(o.skipped_attributes[counted_types - 1].get() == 1);
  at.look(flow, header, {});
}

TEST_CASE("addresses to listen on") {
  for (const std::string text :
       {"127.0.0.1:9990", "0.0.0.0:0", "[::1]:9990", "[::]:65535", ":9990"}) {
    const auto where = parse_listen_address(text);
    REQUIRE(where);
    CHECK(to_string(*where) == text);
  }
  CHECK(to_string(*parse_listen_address("localhost:1")) == "127.0.0.1:1");
  for (const std::string_view text :
       {"", ":", "9990", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:9990",
        "[127.0.0.1]:9990", "[]:9990", "example.org:9990", "127.0.0.1:99x", " :1", "[::1]"}) {
    INFO(text);
    CHECK_FALSE(parse_listen_address(text));
  }
  CHECK_FALSE(try_listening(*parse_listen_address("127.0.0.1:0")));
  CHECK(try_listening(*parse_listen_address("192.0.2.1:0")));
}

TEST_CASE("M-Lab's production command line becomes ours") {
  CHECK(translate({"-prometheusx.listen-address=127.0.0.1:9991", "-output=/var/spool/x/tcpinfo",
                   "-uuid-prefix-file=/var/local/uuid/prefix",
                   "-tcpinfo.eventsocket=/var/local/tcpinfoeventsocket/tcpevents.sock",
                   "-exclude-srcport=9100,9090", "-exclude-dstip=172.25.0.1,35.202.153.90",
                   "-anonymize.ip=none", "-reps=0"}) ==
        words{"--prometheus=127.0.0.1:9991", "--output=/var/spool/x/tcpinfo",
              "--uuid-prefix-file=/var/local/uuid/prefix",
              "--eventsocket=/var/local/tcpinfoeventsocket/tcpevents.sock",
              "--exclude-srcport=9100,9090", "--exclude-dstip=172.25.0.1,35.202.153.90",
              "--anonymize=none", "--reps=0"});
  CHECK(translate({"-output", "x", "-reps", "3"}) == words{"--output", "x", "--reps", "3"});
}

TEST_CASE("exactly a name of M-Lab's is M-Lab's") {
  const std::vector<const char*> same = {
      "-o",          "-ov",      "-outputs=x", "-output-x", "--output", "--reps=3",
      "-interval=1", "-v",       "-",          "output=x",  "",         "-=x",
      "---trace",    "-tcpinfo", "--",         "-output=x", "--trace",  "-logx.debug"};
  CHECK(translate(same) == words(same.begin(), same.end()));
}

TEST_CASE("what means nothing here is named and left out") {
  const std::vector<const char*> typed = {"-trace", "-logx.debug=true", "--trace=false", "-reps=1"};
  const auto result = translate_mlab_flags(typed);
  CHECK(result.arguments == words{"--reps=1"});
  CHECK(result.ignored == words{"-trace", "-logx.debug=true", "--trace=false"});
}

TEST_CASE("M-Lab's flags have one dash or two") {
  CHECK(
      translate({"--prometheusx.listen-address=:9990", "--uuid-prefix-file=p", "--output=o",
                 "--tcpinfo.eventsocket=s", "--anonymize.ip=netblock", "--exclude-srcport", "1"}) ==
      words{"--prometheus=:9990", "--uuid-prefix-file=p", "--output=o", "--eventsocket=s",
            "--anonymize=netblock", "--exclude-srcport", "1"});
}

TEST_CASE("M-Lab's older listen address is a port") {
  CHECK(translate({"-prom=7070"}) == words{"--prometheus=:7070"});
  CHECK(translate({"--prom", "7070", "-v"}) == words{"--prometheus", ":7070", "-v"});
  CHECK(translate({"-prom=127.0.0.1:7070"}) == words{"--prometheus=127.0.0.1:7070"});
  CHECK(translate({"-prom"}) == words{"--prometheus"});
  CHECK(translate({"-prom="}) == words{"--prometheus="});
}

TEST_CASE("flags from the environment have M-Lab's names where it has them") {
  CHECK(environment_name("prometheus") == "PROMETHEUSX_LISTEN_ADDRESS");
  CHECK(environment_name("output") == "OUTPUT");
  CHECK(environment_name("uuid-prefix-file") == "UUID_PREFIX_FILE");
  CHECK(environment_name("eventsocket") == "TCPINFO_EVENTSOCKET");
  CHECK(environment_name("exclude-srcport") == "EXCLUDE_SRCPORT");
  CHECK(environment_name("anonymize") == "ANONYMIZE_IP");
  CHECK(environment_name("reps") == "REPS");
  CHECK(environment_name("interval") == "TCPINFO_INTERVAL");
  CHECK(environment_name("max-memory") == "TCPINFO_MAX_MEMORY");

  const std::map<std::string, std::string> variables = {
      {"OUTPUT", "dir"}, {"TCPINFO_OUTPUT", "no"},   {"INTERVAL", "no"}, {"TCPINFO_INTERVAL", "1s"},
      {"REPS", ""},      {"TCPINFO_VERBOSE", "true"}};
  const words flags = {"output", "interval", "reps", "level", "verbose"};
  const auto value_of = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  CHECK(environment_flags(flags, {}, value_of) ==
        words{"--output=dir", "--interval=1s", "--verbose=true"});
  // Those that the command line has count there only.
  CHECK(environment_flags(flags, words{"-v", "--output", "other", "--interval=2s"}, value_of) ==
        words{"--verbose=true"});
  CHECK(environment_flags(flags, words{"--outputs=x", "output", "--", "--interval=2s"}, value_of) ==
        words{"--output=dir", "--interval=1s", "--verbose=true"});
}
