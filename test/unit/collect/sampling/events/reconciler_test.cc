// SPDX-License-Identifier: Apache-2.0
//
// Missed changes: what the reconciler suspects, and what the polls make of it.
#include "unit/collect/sampling/events/event_source_fixture.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace {

void keep(flow_table& flows, const std::vector<std::byte>& bytes) {
  flow_update update;
  REQUIRE_FALSE(flows.update({bytes}, 1, update));
  REQUIRE_FALSE(flows.commit(update));
}

}  // namespace

TEST_CASE("dumps suspect sockets that are new, changed, or missing for long") {
  fake_kernel kernel;
  fake_source dumps(kernel);
  dump_comparison book;
  reconciliation found;
  for (std::uint64_t c = 1; c <= 3; ++c) kernel.add(c);
  const auto told = [&](suspicion why) {
    cookies some;
    for (const suspect& s : found.suspects)
      if (s.why == why) some.push_back(s.id.cookie);
    std::sort(some.begin(), some.end());
    return some;
  };
  CHECK(book.dump(dumps, 1'000 * ms, found));
  CHECK(told(suspicion::opened) == cookies{1, 2, 3});
  CHECK(found.sockets == 3);
  kernel.sockets.at(1).set(44, std::uint32_t{5});   // an age
  kernel.sockets.at(2).set(128, std::uint64_t{5});  // bytes received
  kernel.sockets.at(3).set(168, std::uint64_t{5});  // a stall time
  kernel.add(4);
  CHECK(book.dump(dumps, 2'000 * ms, found));
  CHECK(told(suspicion::changed) == cookies{2});
  CHECK(told(suspicion::opened) == cookies{4});
  kernel.sockets.erase(1);
  for (std::int64_t t = 3'000; t < 8'000; t += 1'000) {
    CHECK(book.dump(dumps, t * ms, found));
    CHECK(found.suspects.empty());
  }
  // A dump that failed is no evidence.
  kernel.dump_fails = true;
  CHECK_FALSE(book.dump(dumps, 8'000 * ms, found));
  CHECK(found.suspects.empty());
  kernel.dump_fails = false;
  CHECK(book.dump(dumps, 8'000 * ms, found));
  CHECK(told(suspicion::gone) == cookies{1});
  CHECK(book.dump(dumps, 9'000 * ms, found));
  CHECK(found.suspects.empty());
}

TEST_CASE("the reconciler finds what no event told of") {
  fake_kernel other;
  auto* const background = new fake_source(other);
  for (std::uint64_t c = 1; c <= 4; ++c) other.add(c);
  fake_kernel kernel = other;
  fake_activity feed;
  recording_sink sink;
  flow_table flows;
  REQUIRE_FALSE(flows.reset({}));
  for (std::uint64_t c = 1; c <= 3; ++c) keep(flows, kernel.message_of(c));
  source_options options;
  options.reconcile_ns = 1'000 * ms;
  event_source source(options,
                      {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(feed),
                       std::unique_ptr<collect::source>(background), [&] { return kernel.now; },
                       [&] { return kernel.now; }, nullptr});
  REQUIRE_FALSE(source.open());
  source.use_flows(flows);
  std::uint64_t reconciled = 0;
  std::uint64_t missed_changes = 0;
  const auto poll = [&] {
    const poll_report r = source.poll(sink);
    reconciled += r.reconciled;
    missed_changes += r.missed_changes;
  };
  for (int i = 0; i < 500 && reconciled == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    poll();
  }
  CHECK(reconciled == 1);
  // The change is missed only if the activity taken next does not tell of it.
  CHECK(missed_changes == 0);
  poll();
  CHECK(missed_changes == 1);
  // Of the four that its first dump shows, the flow table does not have one.
  CHECK(sink.shown == cookies{4});
}

TEST_CASE(
    "of what the reconciler suspects, stall times and changes that events tell of are not missed") {
  // The suspect's query, what the sink makes of it, whether an event tells of it in time.
  struct {
    socket_outcome outcome;
    bool told;
    std::uint64_t missed;
  } const cases[] = {{socket_outcome::changed, false, 1},
                     {socket_outcome::changed, true, 0},
                     {socket_outcome::not_kept, false, 1},
                     {socket_outcome::stall_times, false, 0},
                     {socket_outcome::unchanged, false, 0}};
  for (const auto& one : cases) {
    INFO(static_cast<int>(one.outcome) << ' ' << one.told);
    fake_kernel other;
    other.add(1);
    fake_kernel kernel = other;
    fake_activity feed;
    recording_sink sink;
    sink.outcome = one.outcome;
    source_options options;
    options.reconcile_ns = 60'000 * ms;
    event_source source(options,
                        {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(feed),
                         std::make_unique<fake_source>(other), [&] { return kernel.now; },
                         [&] { return kernel.now; }, nullptr});
    REQUIRE_FALSE(source.open());
    for (int i = 0; i < 5'000 && sink.shown.empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      CHECK(source.poll(sink).missed_changes == 0);
    }
    REQUIRE(sink.shown == cookies{1});
    if (one.told) {
      activity a;
      a.id = kernel.id(1);
      feed.made.push_back(a);
    }
    CHECK(source.poll(sink).missed_changes == one.missed);
    CHECK(source.poll(sink).missed_changes == 0);
  }
}

TEST_CASE("the reconciler's thread is asked for again where there was none") {
  fake_kernel other;
  for (std::uint64_t c = 1; c <= 4; ++c) other.add(c);
  fake_kernel kernel = other;
  fake_activity feed;
  recording_sink sink;
  source_options options;
  options.reconcile_ns = 1'000 * ms;
  int queried = 0;
  event_source source(options,
                      {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(feed),
                       std::make_unique<fake_source>(other), [&] { return kernel.now; },
                       [&] { return kernel.now; }, nullptr,
                       [&](std::function<void()> body, std::thread& out) -> std::error_code {
                         if (++queried <= 3) return {EAGAIN, std::system_category()};
                         out = std::thread(std::move(body));
                         return {};
                       }});
  // Sampling by events goes on without it.
  REQUIRE_FALSE(source.open());
  kernel.now = 1'000 * ms;
  std::vector<int> told;
  std::uint64_t reconciled = 0;
  for (int polls = 0; polls < 3'000; ++polls) {
    const poll_report r = source.poll(sink);
    CHECK_FALSE(r.error);
    if (r.no_reconciler) told.push_back(polls);
    reconciled += r.reconciled;
    kernel.now += 10 * ms;
  }
  // At the first poll, and ten seconds later: it had it at the next try.
  CHECK(told == std::vector<int>{0, 1'000});
  CHECK(queried == 4);
  for (int i = 0; i < 1'000 && reconciled == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    reconciled += source.poll(sink).reconciled;
  }
  CHECK(reconciled >= 1);
}

TEST_CASE("a whole dump settles what the reconciler suspects, and suspects do not gather") {
  fake_kernel other;
  for (std::uint64_t c = 1; c <= 1'000; ++c) other.add(c);
  fake_kernel kernel = other;
  fake_activity feed;
  recording_sink sink;
  source_options options;
  options.reconcile_ns = 10 * ms;
  event_source source(options,
                      {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(feed),
                       std::make_unique<fake_source>(other), [&] { return kernel.now; },
                       [&] { return kernel.now; }, nullptr});
  REQUIRE_FALSE(source.open());
  std::uint64_t reconciled = 0;
  for (int i = 0; i < 1'000 && reconciled == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    reconciled += source.dump(sink).reconciled;
  }
  REQUIRE(reconciled >= 1);
  kernel.queried.clear();
  const poll_report r = source.poll(sink);
  // A later result may have come since: the second and later dumps suspect nothing.
  CHECK(r.queries == 0);
  CHECK(kernel.queried.empty());
}

TEST_CASE("where events were missed the reconciler dumps soon") {
  fake_kernel other;
  fake_kernel kernel;
  fake_activity feed;
  recording_sink sink;
  source_options options;
  options.reconcile_ns = 60'000 * ms;
  event_source source(options,
                      {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(feed),
                       std::make_unique<fake_source>(other), [&] { return kernel.now; },
                       [&] { return kernel.now; }, nullptr});
  feed.missed = 2;  // before it began
  REQUIRE_FALSE(source.open());
  std::uint64_t reconciled = 0;
  std::uint64_t missed = 0;
  for (int i = 0; i < 2'000 && reconciled < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    kernel.now += 10 * ms;
    if (reconciled == 1) feed.missed = 5;
    const poll_report r = source.poll(sink);
    reconciled += r.reconciled;
    missed += r.missed_events;
  }
  CHECK(reconciled == 2);
  CHECK(missed == 3);
  // Few among many are left to the dump that comes anyhow.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1'500);
  // A machine that is busy makes fewer polls in that time.
  for (int polls = 0; polls < 150 || std::chrono::steady_clock::now() < end; ++polls) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    kernel.now += 10 * ms;
    ++feed.missed;
    feed.made.resize(500);
    const poll_report r = source.poll(sink);
    reconciled += r.reconciled;
    missed += r.missed_events;
  }
  CHECK(reconciled == 2);
  CHECK(missed > 50);
}
