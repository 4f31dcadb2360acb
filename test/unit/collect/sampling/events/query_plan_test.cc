// SPDX-License-Identifier: Apache-2.0
//
// Which sockets a poll is to query, and why.
#include "collect/sampling/events/query_plan.h"

#include <set>
#include <vector>

#include "collect/sampling/events/connecting_sockets.h"
#include "unit/catch.h"
#include "unit/durations.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

namespace {

constexpr std::int64_t now = 5'000 * ms;

made_socket socket_of(std::uint64_t cookie) {
  made_socket s;
  s.cookie = cookie;
  s.sport = static_cast<std::uint16_t>(1000 + cookie);
  return s;
}

activity active(std::uint64_t cookie, std::uint32_t tick, std::int64_t time_ns = 0) {
  activity a;
  a.id = socket_of(cookie).view().id();
  a.tick = tick;
  a.state = static_cast<std::uint8_t>(tcp_state::established);
  a.time_ns = time_ns;
  return a;
}

// Cookies to query, in their order.
std::vector<std::uint64_t> planned(query_plan& plan, std::uint32_t tick) {
  plan.begin();
  plan.plan_active(tick, now);
  plan.plan_stalled(now);
  plan.forget_activity();
  std::vector<std::uint64_t> all;
  for (const planned_query& q : plan.queries()) all.push_back(q.id.cookie);
  return all;
}

using cookies = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a plan has each active socket once, and those of the running tick once more") {
  query_plan plan(nullptr);
  for (const std::uint64_t c : {3U, 1U, 3U}) plan.add(active(c, 6));
  plan.add(active(2, 7));
  CHECK(plan.added().size() == 4);
  CHECK(planned(plan, 7) == cookies{3, 1, 2});
  CHECK(plan.added().empty());
  CHECK(plan.has_again());
  CHECK(planned(plan, 8) == cookies{2});
  CHECK_FALSE(plan.has_again());
  CHECK(planned(plan, 9).empty());
}

TEST_CASE("a plan has a socket once more whose event came less than 50 us ago") {
  query_plan plan(nullptr);
  plan.add(active(1, 6, now - 49'999));
  plan.add(active(2, 6, now - 50'000));
  CHECK(planned(plan, 7) == cookies{1, 2});
  CHECK(planned(plan, 8) == cookies{1});
}

TEST_CASE("a plan leaves out what no query can name and what the rules exclude") {
  filter exclude;
  query_plan plan(&exclude);
  activity without_port = active(1, 6);
  without_port.id.sport = 0;
  plan.add(without_port);
  plan.add(active(2, 6));
  plan.add(active(3, 6));
  activity without_cookie = active(4, 6);
  without_cookie.id.cookie = 0;
  plan.add(without_cookie);
  // Rules that are new after a reload hold at once.
  REQUIRE_FALSE(exclude.exclude(filter_rule::local_port(1002)));
  CHECK(plan.excludes(active(2, 6).id));
  CHECK(planned(plan, 7) == cookies{3, any_cookie});
}

TEST_CASE("a dump makes up for activity before it, and not for that of its own tick") {
  query_plan plan(nullptr);
  plan.add(active(1, 6));
  plan.add(active(2, 7));
  plan.query_again(active(3, 6).id);
  plan.set_incomplete();
  plan.begin_dump();
  plan.replace_by_dump(7);
  CHECK_FALSE(plan.is_incomplete());
  CHECK(plan.added().empty());
  CHECK(planned(plan, 8) == cookies{2});
}

TEST_CASE("a socket with unsent data is due a second after its event, after a dump sooner") {
  const auto due_after_ms = [](query_reason why, std::uint64_t cookie) {
    query_plan plan(nullptr);
    made_socket s = socket_of(cookie);
    message m = s.view();
    std::vector<std::byte> bytes(m.bytes.begin(), m.bytes.end());
    bytes[wire::wqueue_at] = std::byte{1};
    plan.note_stall({bytes}, why, now);
    for (std::int64_t after = 10;; after += 10) {
      REQUIRE(after < 2'000);
      plan.begin();
      plan.plan_stalled(now + after * ms);
      if (plan.queries().empty()) continue;
      CHECK(plan.queries()[0].why == query_reason::stall_time);
      // Nothing is unsent any more.
      plan.note_stall(m, query_reason::stall_time, now + after * ms);
      plan.begin();
      plan.plan_stalled(now + 5'000 * ms);
      CHECK(plan.queries().empty());
      CHECK(plan.stalls().empty());
      return after;
    }
  };
  CHECK(due_after_ms(query_reason::active, 1) == 1'000);
  // Spread over half a second.
  std::set<std::int64_t> times;
  for (std::uint64_t c = 1; c <= 50; ++c) {
    const std::int64_t after = due_after_ms(query_reason::suspected, c);
    CHECK(after >= 500);
    CHECK(after <= 1'000);
    times.insert(after);
  }
  CHECK(times.size() > 25);
}

TEST_CASE("connecting sockets without a port are looked for after 5 ms, and then each 100 ms") {
  connecting_sockets some;
  activity a = active(1, 6, now);
  a.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  some.note(a);  // it has a port
  CHECK(some.empty());
  a.id.sport = 0;
  some.note(a);
  CHECK_FALSE(some.empty());
  CHECK_FALSE(some.take_due(now + 5 * ms - 1));
  CHECK(some.take_due(now + 5 * ms));
  CHECK(some.empty());
  a.id.cookie = 2;
  some.note(a);
  CHECK_FALSE(some.take_due(now + 104 * ms));
  CHECK(some.take_due(now + 105 * ms));
  // The first segment tells of it.
  some.note(a);
  some.note(active(2, 6, now));
  CHECK(some.empty());
  some.note(a);
  some.forget(2);
  CHECK_FALSE(some.take_due(now + 1'000 * ms));
}

TEST_CASE("a set of cookies has each once, and is empty when it begins") {
  cookie_set set;
  for (int round = 0; round < 3; ++round) {
    set.begin();
    for (std::uint64_t c = 0; c < 5000; ++c) CHECK(set.add(c * 64));
    for (std::uint64_t c = 0; c < 5000; ++c) CHECK_FALSE(set.add(c * 64));
    CHECK(set.size() == 5000);
  }
}
