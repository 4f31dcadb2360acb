// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/known_flows.h"

#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/collect/scripted/os.h"
#include "unit/durations.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

namespace {

struct bench {
  scripted_kernel kernel;
  scripted_os system{kernel};
  recorded_netns own{"", system, anonymize_by::none};
  known_flows flows;

  void see(std::uint64_t cookie, const char* dst = "192.0.2.9") {
    made_socket socket;
    socket.cookie = cookie;
    socket.src = "192.0.2.1";
    socket.dst = dst;
    flows.see(cookie, own, socket.view().bytes);
  }
  static wanted_flow by_cookie(std::uint64_t cookie) { return {.cookie = cookie}; }
  static wanted_flow by_ends(const char* dst) {
    made_socket socket;
    socket.src = "192.0.2.1";
    socket.dst = dst;
    const socket_id id = socket.view().id();
    wanted_flow wanted;
    // In the other order than the kernel has them.
    wanted.ends = text::endpoint_pair{{id.dst, id.dport}, {id.src, id.sport}};
    return wanted;
  }
};

using cookies = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("connections are known by cookie and ends, the latest first") {
  bench b;
  b.see(5);
  b.see(6, "192.0.2.10");
  b.see(3);
  CHECK(b.flows.find(bench::by_cookie(5), 0) == cookies{5});
  CHECK(b.flows.find(bench::by_cookie(7), 0).empty());
  CHECK(b.flows.find(bench::by_ends("192.0.2.9"), 0) == cookies{3, 5});
  CHECK(b.flows.find(bench::by_ends("192.0.2.10"), 0) == cookies{6});
  CHECK(b.flows.find(bench::by_ends("192.0.2.11"), 0).empty());
  // Another connection on the same socket.
  b.see(6);
  CHECK(b.flows.find(bench::by_ends("192.0.2.10"), 0).empty());
  CHECK(b.flows.find(bench::by_ends("192.0.2.9"), 0) == cookies{6, 3, 5});
}

TEST_CASE("of connections with the same ends no more are told than an answer may have") {
  bench b;
  for (std::uint64_t cookie = 1; cookie <= 3 * most_asked_flows; ++cookie) b.see(cookie);
  const cookies found = b.flows.find(bench::by_ends("192.0.2.9"), 0);
  REQUIRE(found.size() == most_asked_flows);
  CHECK(found.front() == 3 * most_asked_flows);
}

TEST_CASE("an ended connection is known for a minute, with its file, unless it comes back") {
  bench b;
  b.see(1);
  b.see(2);
  b.flows.end(1, "one", 10 * second);
  b.flows.end(2, "two", 10 * second);
  b.flows.end(3, "never seen", 10 * second);
  CHECK(b.flows.find(bench::by_cookie(1), 70 * second) == cookies{1});
  REQUIRE(b.flows.of(1) != nullptr);
  CHECK(b.flows.of(1)->file == "one");
  b.see(2);
  CHECK(b.flows.find(bench::by_cookie(1), 71 * second).empty());
  CHECK(b.flows.of(1) == nullptr);
  CHECK(b.flows.find(bench::by_cookie(2), 71 * second) == cookies{2});
  CHECK(b.flows.of(2)->file.empty());
}

TEST_CASE("of ended connections the last ones are known") {
  bench b;
  for (std::uint64_t cookie = 1; cookie <= known_flows::most_ended + 2; ++cookie) {
    b.see(cookie);
    b.flows.end(cookie, {}, second);
  }
  CHECK(b.flows.of(2) == nullptr);
  CHECK(b.flows.of(3) != nullptr);
}
