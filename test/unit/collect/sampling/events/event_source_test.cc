// SPDX-License-Identifier: Apache-2.0
//
// What a source that follows events asks for, and when it walks instead.
#include "collect/sampling/events/event_source.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

namespace {

constexpr std::int64_t ms = 1'000'000;

// A kernel whose every socket and every clock a test sets. Walks and queries take the time they are
// told to take.
struct fake_kernel {
  std::map<std::uint64_t, made_socket> sockets;
  std::map<std::uint64_t, std::uint32_t> unsent;  // wqueue
  std::int64_t now = 1'000 * ms;
  std::int64_t walk_ns = 0;
  std::int64_t query_ns = 0;
  int walks = 0;
  int connecting_walks = 0;
  bool walk_fails = false;
  bool queries_fail = false;
  bool by_ports = false;  // cookies are not looked at
  std::vector<std::uint64_t> asked;

  made_socket& add(std::uint64_t cookie) {
    made_socket& s = sockets[cookie];
    s.cookie = cookie;
    s.sport = static_cast<std::uint16_t>(1000 + cookie % 60000);
    return s;
  }
  socket_id id(std::uint64_t cookie) { return sockets.at(cookie).view().id(); }

  std::vector<std::byte> message_of(std::uint64_t cookie) {
    const message m = sockets.at(cookie).view();
    std::vector<std::byte> bytes(m.bytes.begin(), m.bytes.end());
    const std::uint32_t wqueue = unsent[cookie];
    std::memcpy(bytes.data() + wire::wqueue_at, &wqueue, sizeof wqueue);
    return bytes;
  }
};

class fake_source final : public source {
 public:
  explicit fake_source(fake_kernel& kernel) : kernel_(kernel) {}
  std::error_code probe(message_sink&) noexcept override { return {}; }
  std::error_code open() override { return {}; }
  poll_report walk(message_sink& sink) noexcept override {
    ++kernel_.walks;
    kernel_.now += kernel_.walk_ns;
    for (const auto& [cookie, s] : kernel_.sockets) sink.on_socket({kernel_.message_of(cookie)});
    poll_report report;
    report.duration_ns = kernel_.walk_ns;
    report.complete = !kernel_.walk_fails;
    if (kernel_.walk_fails) report.error = {EIO, std::system_category()};
    return report;
  }
  poll_report walk_connecting(message_sink& sink) noexcept override {
    ++kernel_.connecting_walks;
    for (const auto& [cookie, s] : kernel_.sockets)
      if (s.state == tcp_state::syn_sent) sink.on_socket({kernel_.message_of(cookie)});
    return {};
  }
  std::error_code drain(message_sink&) noexcept override { return {}; }
  int descriptor() const noexcept override { return -1; }
  std::error_code query(const socket_id&, message_sink&) noexcept override { return {}; }
  void query_all(std::span<const socket_id> ids, answer_callback fn, void* user) noexcept override {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      kernel_.asked.push_back(ids[i].cookie);
      kernel_.now += kernel_.query_ns;
      if (kernel_.queries_fail) {
        fn(user, {i, {ENOBUFS, std::system_category()}, {}});
        continue;
      }
      const auto found =
          std::find_if(kernel_.sockets.begin(), kernel_.sockets.end(), [&](const auto& one) {
            return kernel_.by_ports ? one.second.sport == ids[i].sport : one.first == ids[i].cookie;
          });
      if (found == kernel_.sockets.end()) {
        fn(user, {i, {ENOENT, std::system_category()}, {}});
        continue;
      }
      const auto bytes = kernel_.message_of(found->first);
      fn(user, {i, {}, {bytes}});
    }
  }
  std::int64_t event_overflows() const noexcept override { return 0; }

 private:
  fake_kernel& kernel_;
};

struct fake_marks {
  std::uint32_t tick = 0;
  std::vector<mark> made;
  std::uint64_t dropped = 0;
  std::uint64_t missed = 0;
  std::uint64_t taken = 0;
  bool muted = false;
  std::vector<bool> mutings;
  int descriptor = -1;
  bool wanted = false;  // the next mark wakes the reader
};

class fake_feed final : public mark_feed {
 public:
  explicit fake_feed(fake_marks& marks) : marks_(marks) {}
  std::uint32_t begin_tick() noexcept override { return ++marks_.tick; }
  void take(mark_sink& sink) noexcept override {
    for (const mark& m : marks_.made) sink.on_mark(m);
    marks_.taken += marks_.made.size();
    marks_.made.clear();
  }
  std::uint64_t dropped() const noexcept override { return marks_.dropped; }
  mark_totals totals() const noexcept override { return {marks_.taken, marks_.missed}; }
  void mute(bool muted) noexcept override {
    marks_.muted = muted;
    marks_.mutings.push_back(muted);
  }
  int descriptor() const noexcept override { return marks_.descriptor; }
  void call_me(bool wanted) noexcept override { marks_.wanted = wanted; }

 private:
  fake_marks& marks_;
};

class recording_sink final : public message_sink {
 public:
  void on_datagram() noexcept override { datagrams.push_back(shown.size()); }
  void on_socket(const message& m) noexcept override { shown.push_back(m.cookie()); }
  void on_destroyed(const message&) noexcept override {}
  void on_opening(std::uint64_t cookie, std::int64_t time_ns) noexcept override {
    openings[cookie] = time_ns;
  }
  bool on_checked(const message& m) noexcept override {
    checked.push_back(m.cookie());
    return true;
  }
  void on_ended(std::uint64_t cookie, std::int64_t time_ns) noexcept override {
    ends[cookie] = time_ns;
  }
  void on_absent(std::uint64_t cookie, std::int64_t, std::int64_t) noexcept override {
    absent.push_back(cookie);
  }
  bool must_repeat() noexcept override { return std::exchange(refuses, false) || refuses_all; }
  bool knows(std::uint64_t cookie) const noexcept override { return known.contains(cookie); }

  std::vector<std::uint64_t> shown;
  std::vector<std::size_t> datagrams;  // of each, how many had been shown before
  std::vector<std::uint64_t> checked;
  std::vector<std::uint64_t> absent;
  std::map<std::uint64_t, std::int64_t> ends;
  std::map<std::uint64_t, std::int64_t> openings;
  std::set<std::uint64_t> known;
  bool refuses = false;  // the next message
  bool refuses_all = false;
};

struct followed {
  fake_kernel kernel;
  fake_marks marks;
  filter exclude;
  recording_sink sink;
  std::vector<bool> urgencies;  // as the system was told
  marked_source source;

  explicit followed(source_options options = {})
      : source((options.exclude = &exclude, options),
               {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(marks), nullptr,
                [this] { return kernel.now; }, [this] { return kernel.now; },
                [this](bool urgent) { urgencies.push_back(urgent); }}) {
    kernel.walk_ns = 10 * ms;
    kernel.query_ns = 4'000;
  }
  void mark(std::uint64_t cookie, bool in_running_tick = false) {
    collect::mark m;
    m.id = kernel.id(cookie);
    m.tick = marks.tick + (in_running_tick ? 1 : 0);
    m.state = static_cast<std::uint8_t>(tcp_state::established);
    marks.made.push_back(m);
  }
  poll_report poll() {
    kernel.asked.clear();
    sink.shown.clear();
    kernel.now += 10 * ms;
    return source.poll(sink);
  }
};

using cookies = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("only what was marked is asked for, once") {
  followed f;
  for (std::uint64_t c = 1; c <= 100; ++c) f.kernel.add(c);
  CHECK(f.source.follows());
  CHECK(f.source.walk(f.sink).complete);
  CHECK(f.sink.shown.size() == 100);
  poll_report r = f.poll();
  CHECK_FALSE(r.complete);
  CHECK_FALSE(r.error);
  CHECK(f.kernel.asked.empty());
  f.mark(7);
  f.mark(9);
  f.mark(7);
  r = f.poll();
  CHECK(f.kernel.asked == cookies{7, 9});
  CHECK(f.sink.shown == cookies{7, 9});
  CHECK(r.marks == 3);
  CHECK(r.queries == 2);
  CHECK(f.poll().queries == 0);
  CHECK(f.kernel.walks == 1);
  // One that has ended since is no fault.
  f.mark(8);
  f.kernel.sockets.erase(8);
  r = f.poll();
  CHECK(f.kernel.asked == cookies{8});
  CHECK_FALSE(r.error);
  CHECK(f.sink.shown.empty());
}

TEST_CASE(
    "what was marked after the tick had begun is asked for again, for it is not marked again") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.walk(f.sink).complete);
  f.mark(1, true);
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.asked.empty());
}

TEST_CASE("what had hardly begun to happen when it was marked is asked for again") {
  followed f;
  f.kernel.add(1);
  f.kernel.add(2);
  CHECK(f.source.walk(f.sink).complete);
  f.mark(1);
  f.mark(2);
  f.marks.made[0].time_ns = f.kernel.now + 10 * ms - 40'000;
  f.marks.made[1].time_ns = f.kernel.now + 10 * ms - 60'000;
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1, 2});
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.asked.empty());
}

TEST_CASE("what is marked while everything is looked at is asked for, for it may go on unmarked") {
  followed f;
  f.kernel.add(1);
  f.kernel.add(2);
  f.mark(1);
  f.mark(2, true);
  CHECK(f.source.walk(f.sink).complete);
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{2});
  (void)f.poll();
  CHECK(f.kernel.asked.empty());
}

TEST_CASE("what was marked before anybody looked is no matter") {
  followed f;
  f.kernel.add(1);
  f.marks.muted = true;
  f.mark(1, true);
  f.marks.dropped = 5;
  REQUIRE_FALSE(f.source.open());
  CHECK_FALSE(f.marks.muted);
  const poll_report r = f.source.walk(f.sink);
  CHECK(r.marks == 0);
  CHECK(r.dropped == 0);
  CHECK_FALSE(f.poll().complete);
  CHECK(f.kernel.asked.empty());
}

TEST_CASE("what could not be kept is asked for again") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.walk(f.sink).complete);
  f.mark(1);
  f.sink.refuses = true;
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.asked.empty());
}

TEST_CASE("sockets without a cookie that could not be kept are asked for again, each") {
  followed f;
  for (const std::uint64_t c : {1U, 2U}) {
    f.kernel.add(c);
    f.mark(c);
    f.marks.made.back().id.cookie = 0;
  }
  f.kernel.by_ports = true;
  f.sink.refuses_all = true;
  (void)f.poll();
  CHECK(f.sink.shown == cookies{1, 2});
  f.sink.refuses_all = false;
  (void)f.poll();
  CHECK(f.sink.shown == cookies{1, 2});
  (void)f.poll();
  CHECK(f.sink.shown.empty());
}

TEST_CASE("the time is read once for the answers that are read at once") {
  followed f;
  for (std::uint64_t c = 1; c <= 150; ++c) f.kernel.add(c);
  f.kernel.walk_ns = 1'000 * ms;
  (void)f.source.walk(f.sink);
  for (std::uint64_t c = 1; c <= 150; ++c) f.mark(c);
  f.sink.datagrams.clear();
  (void)f.poll();
  CHECK(f.kernel.asked.size() == 150);
  CHECK(f.sink.datagrams == std::vector<std::size_t>{0, 64, 128});
}

TEST_CASE("the end of a socket's TCP is told, and nothing asked about it") {
  followed f;
  f.kernel.add(1);
  (void)f.source.walk(f.sink);
  f.mark(1);
  f.marks.made.back().state = static_cast<std::uint8_t>(tcp_state::close);
  f.marks.made.back().state_changed = true;
  f.marks.made.back().id.sport = 0;
  f.marks.made.back().time_ns = 77;
  const poll_report r = f.poll();
  CHECK(f.sink.ends == std::map<std::uint64_t, std::int64_t>{{1, 77}});
  CHECK(f.sink.openings.empty());
  CHECK(f.kernel.asked.empty());
  CHECK(r.marks == 0);
}

TEST_CASE("unwanted connections are not asked for, and their openings not told") {
  followed f;
  REQUIRE_FALSE(f.exclude.exclude_sport(1001));
  f.kernel.add(1);
  f.kernel.add(2);
  f.mark(1);
  f.mark(2);
  for (mark& m : f.marks.made) m.state_changed = true;
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{2});
  CHECK(f.sink.openings.size() == 1);
  CHECK(f.sink.openings.contains(2));
}

TEST_CASE("where a walk is cheaper than asking, polls walk, and nobody marks meanwhile") {
  followed f;
  for (std::uint64_t c = 1; c <= 4000; ++c) f.kernel.add(c);
  CHECK(f.source.walk(f.sink).complete);
  const auto mark_first = [&](std::uint64_t n) {
    for (std::uint64_t c = 1; c <= n; ++c) f.mark(c);
  };
  // 10 ms are 2,500 queries of 4 us. Below the threshold it asks.
  for (int i = 0; i < 5; ++i) {
    mark_first(2000);
    const poll_report r = f.poll();
    CHECK_FALSE(r.complete);
    CHECK(r.queries == 2000);
  }
  CHECK(f.kernel.walks == 1);
  // Above it it walks, a number of times, and then finds out whether that is still so.
  mark_first(3500);
  CHECK(f.poll().complete);
  CHECK(f.kernel.asked.empty());
  CHECK(f.marks.muted);
  for (int i = 0; i < 16; ++i) {
    CHECK(f.poll().complete);
    CHECK(f.marks.muted == (i < 15));
  }
  CHECK(f.kernel.walks == 18);
  mark_first(3500);
  CHECK(f.poll().complete);
  CHECK(f.marks.muted);
  for (int i = 0; i < 16; ++i) CHECK(f.poll().complete);
  // Quiet again.
  f.mark(5);
  CHECK_FALSE(f.poll().complete);
  CHECK(f.kernel.asked == cookies{5});
  CHECK(f.marks.mutings == std::vector<bool>{true, false, true, false});
}

TEST_CASE("only what is asked for is compared with a walk") {
  followed f;
  REQUIRE_FALSE(f.exclude.exclude_sport(1001));
  for (std::uint64_t c = 1; c <= 100; ++c) f.kernel.add(c);
  f.kernel.sockets.at(100).sport = 1001;
  f.kernel.walk_ns = 400'000;  // 100 queries
  CHECK(f.source.walk(f.sink).complete);
  for (int i = 0; i < 500; ++i) {
    f.mark(1);
    f.mark(100);
    f.mark(2);
  }
  CHECK_FALSE(f.poll().complete);
  CHECK(f.kernel.asked == cookies{2});
}

TEST_CASE("a stall while asking does not make it walk for good") {
  followed f;
  for (std::uint64_t c = 1; c <= 1000; ++c) f.kernel.add(c);
  CHECK(f.source.walk(f.sink).complete);
  const auto mark_some = [&] {
    for (std::uint64_t c = 1; c <= 500; ++c) f.mark(c);
  };
  mark_some();
  f.kernel.query_ns = 6 * ms;  // stopped for three seconds in all
  (void)f.poll();
  f.kernel.query_ns = 4'000;
  for (int i = 0; i < 5; ++i) {
    mark_some();
    CHECK_FALSE(f.poll().complete);
  }
  // Where asking was dear for long it is tried again.
  f.kernel.query_ns = 100'000;
  int polls = 0;
  for (bool walks = false; !walks; ++polls) {
    REQUIRE(polls < 100);
    mark_some();
    walks = f.poll().complete;
  }
  f.kernel.query_ns = 4'000;
  for (bool walks = true; walks; ++polls) {
    REQUIRE(polls < 2000);
    if (!f.marks.muted) mark_some();
    walks = f.poll().complete;
  }
}

TEST_CASE("marks that found no room make the poll walk, and are counted") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.walk(f.sink).complete);
  f.marks.dropped = 3;
  poll_report r = f.poll();
  CHECK(r.complete);
  CHECK(r.dropped == 3);
  CHECK(f.sink.shown == cookies{1});
  r = f.poll();
  CHECK_FALSE(r.complete);
  CHECK(r.dropped == 0);
}

TEST_CASE("where marks find no room again and again, polls walk and nobody marks meanwhile") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.walk(f.sink).complete);
  for (int i = 1; i <= 3; ++i) {
    CHECK_FALSE(f.marks.muted);
    ++f.marks.dropped;
    const poll_report r = f.poll();
    CHECK(r.complete);
    CHECK(r.dropped == 1);
  }
  CHECK(f.marks.muted);
  for (int i = 0; i < 16; ++i) CHECK(f.poll().complete);
  CHECK_FALSE(f.marks.muted);
  CHECK_FALSE(f.poll().complete);
}

TEST_CASE("after a query that failed everything is looked at, for its mark is gone") {
  followed f;
  f.kernel.add(1);
  CHECK(f.source.walk(f.sink).complete);
  f.mark(1);
  f.kernel.queries_fail = true;
  poll_report r = f.poll();
  CHECK(r.error.value() == ENOBUFS);
  CHECK(f.sink.shown.empty());
  CHECK(f.source.rest() == 0);
  f.kernel.queries_fail = false;
  r = f.poll();
  CHECK(r.complete);
  CHECK(f.sink.shown == cookies{1});
  CHECK_FALSE(f.poll().complete);
}

TEST_CASE("a walk that failed is made again, for the marks it stood for are gone") {
  followed f;
  f.kernel.add(1);
  f.mark(1);
  f.kernel.walk_fails = true;
  CHECK(f.source.walk(f.sink).error);
  f.kernel.walk_fails = false;
  CHECK(f.poll().complete);
  CHECK_FALSE(f.poll().complete);
}

TEST_CASE("clocks that run are read once a second without an event") {
  followed f;
  f.kernel.add(1);
  f.kernel.add(2);
  f.kernel.unsent[1] = 1000;
  f.mark(1);
  f.mark(2);
  (void)f.poll();
  std::size_t asked = 0;
  for (int i = 0; i < 300; ++i) {
    (void)f.poll();
    CHECK((f.kernel.asked.empty() || f.kernel.asked == cookies{1}));
    asked += f.kernel.asked.size();
  }
  CHECK(asked >= 2);
  CHECK(asked <= 3);
  // What it had to send is sent.
  f.kernel.unsent[1] = 0;
  f.mark(1);
  (void)f.poll();
  for (int i = 0; i < 300; ++i) {
    (void)f.poll();
    CHECK(f.kernel.asked.empty());
  }
}

TEST_CASE("clocks that run are read though only a walk has shown them") {
  followed f;
  for (std::uint64_t c = 1; c <= 50; ++c) f.kernel.add(c);
  for (std::uint64_t c = 1; c <= 40; ++c) f.kernel.unsent[c] = 1000;
  CHECK(f.source.walk(f.sink).complete);
  std::map<std::uint64_t, int> asked;
  std::size_t most = 0;
  for (int i = 0; i < 100; ++i) {
    (void)f.poll();
    most = std::max(most, f.kernel.asked.size());
    for (const std::uint64_t c : f.kernel.asked) ++asked[c];
  }
  CHECK(asked.size() == 40);
  for (const auto& [cookie, times] : asked) {
    INFO(cookie);
    CHECK(cookie <= 40);
    CHECK(times >= 1);
    CHECK(times <= 2);
  }
  CHECK(most < 10);  // not all at once
}

TEST_CASE("the clocks of a connection that is unwanted now are no reason to wake up") {
  followed f;
  const collect::descriptor there(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  f.marks.descriptor = there.get();
  REQUIRE_FALSE(f.source.open());
  f.kernel.add(1);
  f.kernel.unsent[1] = 1000;
  CHECK(f.source.walk(f.sink).complete);
  for (int i = 0; i < 5; ++i) (void)f.poll();
  CHECK(f.source.rest() < f.kernel.now + 1'000 * ms);
  REQUIRE_FALSE(f.exclude.exclude_sport(1001));
  for (int i = 0; i < 120; ++i) {
    (void)f.poll();
    CHECK(f.kernel.asked.empty());
  }
  CHECK(f.source.rest() == f.kernel.now + 1'000 * ms);
}

TEST_CASE("clocks end with their connection, whatever is left of it") {
  const auto asked_later = [](followed& f) {
    std::size_t asked = 0;
    for (int i = 0; i < 300; ++i) {
      (void)f.poll();
      asked += f.kernel.asked.size();
    }
    return asked;
  };
  followed f;
  f.kernel.add(1).state = tcp_state::fin_wait1;
  f.kernel.unsent[1] = 1;
  CHECK(f.source.walk(f.sink).complete);
  f.mark(1);
  (void)f.poll();
  // Its cookie is that of a time-wait socket now, which no event tells of.
  f.kernel.sockets.at(1).state = tcp_state::time_wait;
  f.kernel.unsent[1] = 0;
  CHECK(asked_later(f) == 1);
  // One that has lost its port cannot be asked for.
  f.kernel.add(2).state = tcp_state::close_wait;
  f.kernel.unsent[2] = 1;
  f.mark(2);
  f.kernel.by_ports = false;
  f.kernel.sockets.at(2).sport = 0;
  (void)f.poll();
  CHECK(asked_later(f) == 0);
  // One that a walk shows to have nothing unsent any more.
  f.kernel.add(3);
  f.kernel.unsent[3] = 1;
  f.mark(3);
  (void)f.poll();
  f.kernel.unsent[3] = 0;
  CHECK(f.source.walk(f.sink).complete);
  CHECK(asked_later(f) == 0);
}

TEST_CASE("many clocks that are due at once are no reason to walk for long") {
  followed f;
  f.kernel.walk_ns = 1 * ms;  // 250 queries
  for (std::uint64_t c = 1; c <= 600; ++c) {
    f.kernel.add(c);
    f.kernel.unsent[c] = 1;
  }
  CHECK(f.source.walk(f.sink).complete);
  CHECK_FALSE(f.poll().complete);
  f.kernel.now += 2'000 * ms;
  CHECK(f.poll().complete);
  CHECK_FALSE(f.marks.muted);
  CHECK_FALSE(f.poll().complete);
}

TEST_CASE("a whole look does not put off what is looked at often") {
  followed f;
  f.kernel.add(1).state = tcp_state::close_wait;
  f.kernel.unsent[1] = 1;
  CHECK(f.source.walk(f.sink).complete);
  f.mark(1);
  (void)f.poll();
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1});
  f.kernel.now += 10 * ms;
  CHECK(f.source.walk(f.sink).complete);
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1});
}

TEST_CASE("of a connection that is closed on one side no event tells all: it is looked at") {
  for (const tcp_state state : {tcp_state::close_wait, tcp_state::fin_wait1, tcp_state::last_ack,
                                tcp_state::closing, tcp_state::established}) {
    INFO(static_cast<int>(state));
    followed f;
    f.kernel.add(1).state = state;
    f.kernel.unsent[1] = 1000;
    CHECK(f.source.walk(f.sink).complete);
    f.mark(1);
    (void)f.poll();
    std::vector<int> after_ms;
    for (int i = 1; i <= 230; ++i) {
      (void)f.poll();
      if (!f.kernel.asked.empty()) after_ms.push_back(i * 10);
    }
    if (state == tcp_state::established) {
      CHECK(after_ms == std::vector<int>{1'000, 2'000});
    } else if (state == tcp_state::close_wait) {
      // At each tick first, and then within an eighth of the time that has passed.
      REQUIRE(after_ms.size() > 20);
      CHECK(after_ms.size() < 30);
      for (std::size_t i = 1; i < after_ms.size(); ++i)
        CHECK(after_ms[i] - after_ms[i - 1] <= 10 + std::max(0, after_ms[i - 1] - 40) / 8 + 10);
      CHECK(std::vector<int>(after_ms.begin(), after_ms.begin() + 4) ==
            std::vector<int>{10, 20, 30, 40});
    } else {
      CHECK(after_ms == std::vector<int>{10, 30, 70, 150, 310, 630, 1'270, 2'270});
    }
    // Once all is acknowledged nothing is left to look at.
    f.kernel.unsent[1] = 0;
    f.mark(1);
    (void)f.poll();
    for (int i = 0; i < 200; ++i) {
      (void)f.poll();
      CHECK(f.kernel.asked.empty());
    }
  }
}

TEST_CASE("a connection that is made without an answer is looked for where no segment went out") {
  followed f;
  f.kernel.add(1).state = tcp_state::syn_sent;
  collect::mark m;
  m.id = f.kernel.id(1);
  m.id.sport = 0;
  m.tick = f.marks.tick;
  m.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  m.state_changed = true;
  m.time_ns = f.kernel.now;
  f.marks.made.push_back(m);
  (void)f.poll();
  CHECK(f.kernel.asked.empty());
  CHECK(f.sink.openings.at(1) == m.time_ns);
  CHECK(f.kernel.connecting_walks == 1);
  CHECK(f.sink.shown == cookies{1});
  (void)f.poll();
  CHECK(f.kernel.connecting_walks == 1);
  // One whose first segment has gone is asked for by that.
  f.kernel.add(2).state = tcp_state::syn_sent;
  m.id = f.kernel.id(2);
  m.id.sport = 0;
  f.marks.made.push_back(m);
  f.mark(2);
  for (int i = 0; i < 20; ++i) (void)f.poll();
  CHECK(f.kernel.connecting_walks == 1);
}

// --- walks beside the polls

TEST_CASE("walks suspect what is new, what moved, and what is missing for long") {
  fake_kernel kernel;
  fake_source walks(kernel);
  reconciling book;
  reconciliation found;
  for (std::uint64_t c = 1; c <= 3; ++c) kernel.add(c);
  const auto told = [&](suspicion why) {
    cookies some;
    for (const suspect& s : found.suspects)
      if (s.why == why) some.push_back(s.id.cookie);
    std::sort(some.begin(), some.end());
    return some;
  };
  CHECK(book.walk(walks, 1'000 * ms, found));
  CHECK(told(suspicion::opened) == cookies{1, 2, 3});
  CHECK(found.sockets == 3);
  kernel.sockets.at(1).set(44, std::uint32_t{5});   // an age
  kernel.sockets.at(2).set(128, std::uint64_t{5});  // bytes received
  kernel.sockets.at(3).set(168, std::uint64_t{5});  // a clock
  kernel.add(4);
  CHECK(book.walk(walks, 2'000 * ms, found));
  CHECK(told(suspicion::moved) == cookies{2});
  CHECK(told(suspicion::opened) == cookies{4});
  kernel.sockets.erase(1);
  for (std::int64_t t = 3'000; t < 8'000; t += 1'000) {
    CHECK(book.walk(walks, t * ms, found));
    CHECK(found.suspects.empty());
  }
  // A walk that failed proves nothing.
  kernel.walk_fails = true;
  CHECK_FALSE(book.walk(walks, 8'000 * ms, found));
  CHECK(found.suspects.empty());
  kernel.walk_fails = false;
  CHECK(book.walk(walks, 8'000 * ms, found));
  CHECK(told(suspicion::gone) == cookies{1});
  CHECK(book.walk(walks, 9'000 * ms, found));
  CHECK(found.suspects.empty());
}

TEST_CASE("a walk beside the polls finds what no event told of, and makes the next ones sooner") {
  fake_kernel other;
  auto* const beside = new fake_source(other);
  for (std::uint64_t c = 1; c <= 4; ++c) other.add(c);
  fake_kernel kernel = other;
  fake_marks marks;
  recording_sink sink;
  sink.known = {1, 2, 3};
  source_options options;
  options.reconcile_ns = 1'000 * ms;
  marked_source source(options,
                       {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(marks),
                        std::unique_ptr<collect::source>(beside), [&] { return kernel.now; },
                        [&] { return kernel.now; }, nullptr});
  REQUIRE_FALSE(source.open());
  std::uint64_t reconciled = 0;
  std::uint64_t unannounced = 0;
  const auto poll = [&] {
    const poll_report r = source.poll(sink);
    reconciled += r.reconciled;
    unannounced += r.unannounced;
  };
  for (int i = 0; i < 500 && reconciled == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    poll();
  }
  CHECK(reconciled == 1);
  // Only when the next marks are taken is it known that none tells of it.
  CHECK(unannounced == 0);
  poll();
  CHECK(unannounced == 1);
  // Of the four that its first walk shows, one is new to us.
  CHECK(sink.checked == cookies{4});
  CHECK(sink.shown.empty());
}

TEST_CASE("a thread that walks beside the polls is asked for again where there was none") {
  fake_kernel other;
  for (std::uint64_t c = 1; c <= 4; ++c) other.add(c);
  fake_kernel kernel = other;
  fake_marks marks;
  recording_sink sink;
  source_options options;
  options.reconcile_ns = 1'000 * ms;
  int asked = 0;
  marked_source source(options,
                       {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(marks),
                        std::make_unique<fake_source>(other), [&] { return kernel.now; },
                        [&] { return kernel.now; }, nullptr,
                        [&](std::function<void()> body, std::thread& out) -> std::error_code {
                          if (++asked <= 3) return {EAGAIN, std::system_category()};
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
  CHECK(asked == 4);
  for (int i = 0; i < 1'000 && reconciled == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    reconciled += source.poll(sink).reconciled;
  }
  CHECK(reconciled >= 1);
}

TEST_CASE("what walks beside the polls suspect is settled by a whole look, and does not gather") {
  fake_kernel other;
  for (std::uint64_t c = 1; c <= 1'000; ++c) other.add(c);
  fake_kernel kernel = other;
  fake_marks marks;
  recording_sink sink;
  source_options options;
  options.reconcile_ns = 10 * ms;
  marked_source source(options,
                       {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(marks),
                        std::make_unique<fake_source>(other), [&] { return kernel.now; },
                        [&] { return kernel.now; }, nullptr});
  REQUIRE_FALSE(source.open());
  std::uint64_t reconciled = 0;
  for (int i = 0; i < 1'000 && reconciled == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    reconciled += source.walk(sink).reconciled;
  }
  REQUIRE(reconciled >= 1);
  kernel.asked.clear();
  const poll_report r = source.poll(sink);
  // Unless another has just come, of which the second and later walks suspect nothing.
  CHECK(r.queries == 0);
  CHECK(sink.checked.empty());
}

TEST_CASE("where events may have made no marks the next walk beside the polls comes soon") {
  fake_kernel other;
  fake_kernel kernel;
  fake_marks marks;
  recording_sink sink;
  source_options options;
  options.reconcile_ns = 60'000 * ms;
  marked_source source(options,
                       {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(marks),
                        std::make_unique<fake_source>(other), [&] { return kernel.now; },
                        [&] { return kernel.now; }, nullptr});
  marks.missed = 2;  // before it began
  REQUIRE_FALSE(source.open());
  std::uint64_t reconciled = 0;
  std::uint64_t missed = 0;
  for (int i = 0; i < 2'000 && reconciled < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    kernel.now += 10 * ms;
    if (reconciled == 1) marks.missed = 5;
    const poll_report r = source.poll(sink);
    reconciled += r.reconciled;
    missed += r.missed;
  }
  CHECK(reconciled == 2);
  CHECK(missed == 3);
  // Few among many are left to the walk that comes anyhow.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1'500);
  // A machine that is busy makes fewer polls in that time.
  for (int polls = 0; polls < 150 || std::chrono::steady_clock::now() < end; ++polls) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    kernel.now += 10 * ms;
    ++marks.missed;
    marks.made.resize(500);
    const poll_report r = source.poll(sink);
    reconciled += r.reconciled;
    missed += r.missed;
  }
  CHECK(reconciled == 2);
  CHECK(missed > 50);
}

TEST_CASE("where nothing is marked the next mark is waited for") {
  const collect::descriptor there(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const auto readable = [](int fd) {
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, 0) > 0;
  };
  followed f;
  f.marks.descriptor = there.get();
  REQUIRE_FALSE(f.source.open());
  f.kernel.add(1);
  CHECK(f.source.walk(f.sink).complete);
  // Only where it was quiet for some polls.
  const auto polls_until_rest = [&] {
    for (int polls = 0;; ++polls) {
      REQUIRE(polls < 10);
      if (f.source.rest() != 0) return polls;
      (void)f.poll();
    }
  };
  CHECK(polls_until_rest() == 4);
  CHECK(f.source.rest() == f.kernel.now + 1'000 * ms);
  CHECK(f.source.rests());
  CHECK(f.marks.wanted);
  CHECK_FALSE(readable(f.source.descriptor()));
  // A mark.
  REQUIRE(::eventfd_write(there.get(), 1) == 0);
  CHECK(readable(f.source.descriptor()));
  f.mark(1);
  CHECK_FALSE(f.source.drain(f.sink));
  CHECK_FALSE(f.source.rests());
  CHECK(f.source.rest() == 0);
  (void)f.poll();
  CHECK(f.kernel.asked == cookies{1});
  CHECK_FALSE(f.marks.wanted);
  // Readable still, and nobody is told while ticks are looked at.
  CHECK_FALSE(readable(f.source.descriptor()));
  CHECK(polls_until_rest() == 4);
  // One of an unwanted connection is none; the next is told of all the same.
  mark m;
  ip_prefix unwanted;
  REQUIRE_FALSE(parse_ip_prefix("192.0.2.0/24", unwanted));
  REQUIRE_FALSE(f.exclude.exclude_dst(unwanted));
  made_socket other;
  other.dst = "192.0.2.7";
  m.id = other.view().id();
  m.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  m.state_changed = true;
  f.marks.made.push_back(m);
  f.marks.wanted = false;  // it has woken who waits
  CHECK_FALSE(f.source.drain(f.sink));
  CHECK(f.source.rests());
  CHECK(f.marks.wanted);
  m = {};
  (void)f.poll();
  // What may open without a word keeps it awake until it is looked for.
  m.time_ns = f.kernel.now + 8 * ms;
  m.id = f.kernel.id(1);
  m.id.sport = 0;
  m.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  f.marks.made.push_back(m);
  (void)f.poll();
  CHECK(f.source.rest() == 0);
  CHECK(polls_until_rest() == 1);
  CHECK(f.kernel.connecting_walks == 1);
  // Clocks that run are looked at meanwhile.
  f.kernel.unsent[1] = 10;
  f.mark(1);
  (void)f.poll();
  CHECK(polls_until_rest() == 4);
  CHECK(f.source.rest() == f.kernel.now + 100 * ms);
  std::size_t asked = 0;
  for (int i = 0; i < 30; ++i) {
    f.kernel.now += 90 * ms;
    (void)f.poll();
    asked += f.kernel.asked.size();
  }
  CHECK(asked >= 2);  // in three seconds
  CHECK(asked <= 3);
}

TEST_CASE("a walk beside the polls ends a rest, and wakes nobody who looks at the ticks") {
  const collect::descriptor there(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  fake_kernel other;
  fake_kernel kernel;
  fake_marks marks;
  marks.descriptor = there.get();
  recording_sink sink;
  source_options options;
  options.reconcile_ns = 20 * ms;  // of the real clock
  marked_source source(options,
                       {std::make_unique<fake_source>(kernel), std::make_unique<fake_feed>(marks),
                        std::make_unique<fake_source>(other), [&] { return kernel.now; },
                        [&] { return kernel.now; }, nullptr});
  REQUIRE_FALSE(source.open());
  const auto readable_in = [&](int milliseconds) {
    pollfd watched{source.descriptor(), POLLIN, 0};
    return ::poll(&watched, 1, milliseconds) > 0;
  };
  // Its first result is there, and nobody has taken it.
  CHECK_FALSE(readable_in(100));
  bool told = false;
  for (int polls = 0; polls < 1000 && !told; ++polls) {
    (void)source.poll(sink);
    if (source.rest() == 0) continue;
    told = readable_in(10'000);
    CHECK_FALSE(source.rests());
    CHECK_FALSE(source.drain(sink));
    CHECK_FALSE(readable_in(0));
  }
  CHECK(told);
}

TEST_CASE("polls are urgent while they are brief, and no longer one begins as such") {
  source_options options;
  options.urgent_ns = 5 * ms;
  followed f(options);
  f.kernel.query_ns = 10'000;
  f.kernel.walk_ns = 100 * ms;
  for (std::uint64_t c = 1; c <= 1'000; ++c) f.kernel.add(c);
  CHECK(f.source.walk(f.sink).complete);
  const auto polls = [&](int count, std::uint64_t marks) {
    for (int i = 0; i < count; ++i) {
      for (std::uint64_t c = 1; c <= marks; ++c) f.mark(c);
      (void)f.poll();
    }
  };
  polls(99, 16);  // for 10 us each, which is learnt meanwhile
  CHECK(f.urgencies.empty());
  polls(50, 16);
  CHECK(f.urgencies == std::vector<bool>{true});
  // 4 ms, and 6.
  polls(10, 400);
  CHECK(f.urgencies == std::vector<bool>{true});
  polls(1, 600);
  CHECK(f.kernel.asked.size() == 600);
  CHECK(f.urgencies == std::vector<bool>{true, false});
  // One that is not brief begins it anew.
  polls(99, 0);
  polls(1, 600);
  polls(99, 0);
  CHECK(f.urgencies == std::vector<bool>{true, false});
  polls(1, 0);
  CHECK(f.urgencies == std::vector<bool>{true, false, true});
  (void)f.source.walk(f.sink);
  CHECK(f.urgencies == std::vector<bool>{true, false, true, false});
  // So does looking for those that are being made.
  polls(100, 0);
  CHECK(f.urgencies.size() == 5);
  mark m;
  m.id = f.kernel.id(1);
  m.id.sport = 0;
  m.state = static_cast<std::uint8_t>(tcp_state::syn_sent);
  m.time_ns = f.kernel.now - 100 * ms;
  f.marks.made.push_back(m);
  polls(1, 0);
  CHECK(f.kernel.connecting_walks == 1);
  CHECK(f.urgencies == std::vector<bool>{true, false, true, false, true, false});
  // And clocks that are due, all at once.
  polls(100, 0);
  CHECK(f.urgencies.size() == 7);
  for (std::uint64_t c = 1; c <= 600; ++c) f.kernel.unsent[c] = 1;
  polls(1, 300);
  for (std::uint64_t c = 301; c <= 600; ++c) f.mark(c);
  (void)f.poll();
  CHECK(f.urgencies.size() == 7);
  f.kernel.now += 2'000 * ms;
  polls(1, 0);
  CHECK(f.kernel.asked.size() == 600);
  CHECK(f.urgencies.size() == 8);
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
