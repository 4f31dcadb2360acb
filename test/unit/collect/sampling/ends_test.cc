// SPDX-License-Identifier: Apache-2.0
//
// How connections end, as the collector tells it: each opens once and closes once, whatever the
// kernel shows of its socket, and whatever it does not.
#include <limits>

#include "collect/os/time_namespace.h"
#include "unit/collect/sampling/sampler_bench.h"

namespace {

// Ends a run after so many polls, as SIGTERM does.
class patient_attendant final : public attendant {
 public:
  explicit patient_attendant(int polls) : left_(polls) {}
  bool after_poll(const loop_state&) override {
    --left_;
    return true;
  }
  bool attend(std::int64_t) override { return left_ > 0; }
  int descriptor() const noexcept override { return 1'000'000; }
  std::int64_t due_ns() const noexcept override { return std::numeric_limits<std::int64_t>::max(); }

 private:
  int left_;
};

// A run of one sampler on a scripted kernel, of which the events are counted.
struct told_run {
  bench b;
  scripted_kernel& kernel = b.r.kernel;
  int polls = 1000;

  void sample() {
    scripted_source from(kernel);
    patient_attendant company(polls);
    b.sample(from, company);
    REQUIRE_FALSE(b.finalize.start());
    b.finalize.finish();
  }
  [[nodiscard]] std::uint64_t opens() const { return b.seen.flows_opened.get(); }
  [[nodiscard]] std::uint64_t closes() const { return b.seen.flows_closed.get(); }
  [[nodiscard]] bool has(std::uint64_t cookie, int sequence) const {
    for (const auto& entry : fs::recursive_directory_iterator(b.r.output))
      if (entry.path().filename() == name_of(cookie, sequence)) return true;
    return false;
  }
};

// Shows two connections in a dump of two datagrams, and tells of the end of one of them in between.
// Time passes while it is read.
class slow_dump final : public source {
 public:
  explicit slow_dump(scripted_os& system) : system_(system) {}
  std::error_code probe(message_sink&) noexcept override { return {}; }
  std::error_code open() override { return {}; }
  poll_report dump(message_sink& sink) noexcept override {
    poll_report report;
    report.complete = true;
    ++polls_;
    show(sink, 1, 1'234'567);
    if (polls_ == 3) end(sink, 2'345'678);
    if (polls_ < 3) show(sink, 2, 3'456'789);
    return report;
  }
  std::error_code drain(message_sink&) noexcept override { return {}; }
  int descriptor() const noexcept override { return -1; }
  std::error_code query(const socket_id&, message_sink&) noexcept override { return {}; }
  void query_all(std::span<const socket_id>, answer_callback, void*) noexcept override {}
  std::int64_t event_overflows() const noexcept override { return 0; }

  static constexpr std::int64_t start_ns = 1'700'000'000'000'000'000;

 private:
  void read(message_sink& sink, std::int64_t after_ns) {
    // The clock stands but for this.
    system_.realtime = start_ns + polls_ * 10'000'000 + after_ns - system_.monotonic_ns();
    sink.on_datagram();
  }
  void show(message_sink& sink, std::uint64_t cookie, std::int64_t after_ns) {
    read(sink, after_ns);
    made_socket s;
    s.cookie = cookie;
    s.set(128, static_cast<std::uint64_t>(polls_));
    sink.on_socket(s.view());
  }
  void end(message_sink& sink, std::int64_t after_ns) {
    read(sink, after_ns);
    made_socket s;
    s.cookie = 2;
    s.state = tcp_state::close;
    s.set(128, std::uint64_t{9});
    sink.on_destroyed(s.view());
  }
  scripted_os& system_;
  int polls_ = 0;
};

// The kernel shows it no more, and tells of its end later.
made_socket detach(scripted_kernel& k, std::uint64_t cookie) {
  made_socket last = k.sockets.at(cookie);
  last.state = tcp_state::close;
  k.sockets.erase(cookie);
  return last;
}

// What is left of a socket that has closed.
made_socket mini_of(std::uint64_t cookie) {
  made_socket mini;
  mini.cookie = cookie;
  mini.state = tcp_state::fin_wait2;
  mini.timer = 3;
  mini.has_info = false;
  return mini;
}

}  // namespace

TEST_CASE("a mini socket of a connection that no dump has seen opens nothing") {
  run r;
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 5) return;
    // It had no cookie when it closed, so that both are given one.
    made_socket whole;
    whole.cookie = 1;
    whole.state = tcp_state::close;
    k.events.push_back(whole);
    k.sockets[2] = mini_of(2);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("connections") == 1);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.contains(name_of(1, 0)));
}

TEST_CASE("a mini socket that is shown before its own destroy event hides nothing") {
  run r;
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    // It had its cookie before it closed.
    if (poll == 5) k.sockets[1] = mini_of(1);
    if (poll != 8) return;
    made_socket whole;
    whole.state = tcp_state::close;
    k.events.push_back(whole);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("connections") == 1);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.at(name_of(1, 0)).lines.size() == 1);
}

TEST_CASE("a mini socket of the first look, or of the time after an overflow, is recorded") {
  run r;
  r.settings.reps = 1000;
  r.kernel.sockets[1] = mini_of(1);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 5) k.sockets[2] = mini_of(2);
    if (poll == 10) k.overflows = 1;
    // The event about it is among those that were lost, maybe.
    if (poll == 20) k.sockets[3] = mini_of(3);
    // Events have been heard for long again.
    if (poll == 900) k.sockets[4] = mini_of(4);
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.count("lost_events") == 1);
  CHECK(r.count("losses") == 1);
  CHECK(r.count("connections") == 2);
  const auto files = read_all(r.output);
  CHECK(files.size() == 2);
  CHECK(files.contains(name_of(1, 0)));
  // That of which an event was heard opens nothing later either.
  CHECK_FALSE(files.contains(name_of(2, 0)));
  CHECK(files.contains(name_of(3, 0)));
}

TEST_CASE("a detached connection closes after 5 s, and its socket's end adds a record only") {
  told_run t;
  t.b.r.add(1).set(128, std::uint64_t{100});
  std::optional<made_socket> held;
  std::vector<std::uint64_t> closes;
  t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 100) {
      held = detach(k, 1);
      held->set(128, std::uint64_t{201});
    }
    closes.push_back(t.closes());
    if (poll == 900) k.events.push_back(*held);
  };
  t.sample();
  // Nothing is told for 5 s: an ordinary close may take its time.
  CHECK(closes.at(100 + 498) == 0);
  CHECK(closes.at(100 + 505) == 1);
  CHECK(closes.back() == 1);
  CHECK(t.opens() == 1);
  CHECK(t.closes() == 1);
  CHECK(t.b.counts.connections.get() == 1);
  CHECK(t.b.counts.detached.get() == 1);
  CHECK(t.b.counts.detached_now.load() == 0);
  CHECK(t.b.counts.destroy_events.get() == 1);
  CHECK(total_losses(t.b.counts) == 0);
  const auto files = read_all(t.b.r.output);
  REQUIRE(files.size() == 2);
  CHECK(files.at(name_of(1, 0)).lines.size() == 1);
  const file& final = files.at(name_of(1, 1));
  REQUIRE(final.lines.size() == 1);
  CHECK(final.lines[0].poll == no_poll);
  CHECK(final.lines[0].bytes_received == 201);
  CHECK(final.start_time == files.at(name_of(1, 0)).start_time);
}

TEST_CASE("the end of a detached socket brings no counters back to zero") {
  run r;
  r.settings.reps = 1000;
  r.add(1).set(128, std::uint64_t{100}).set(140, std::uint32_t{7});
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 10) k.sockets.erase(1);
    if (poll != 900) return;
    // As of the first subflow of MPTCP: it was disconnected before.
    made_socket cleared;
    cleared.src = "0.0.0.0";
    cleared.dport = 0;
    cleared.state = tcp_state::close;
    k.events.push_back(cleared);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("cleared_finals") == 1);
  CHECK(read_all(r.output).at(name_of(1, 1)).lines.at(0).bytes_received == 100);
}

TEST_CASE("a socket in the kernel, of whose end nothing is ever heard, is no loss") {
  run r;
  r.settings.reps = 3000;
  r.add(1);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 10) k.sockets.erase(1);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("losses") == 0);
  CHECK(r.count("connections") == 1);
  CHECK(r.count("detached") == 1);
  CHECK(read_all(r.output).size() == 1);
  CHECK(r.kernel.queries == 1);
}

TEST_CASE("a message about an end is lost only where an overflow came after the last sight") {
  // Noticed in the poll before the last that shows it, in that, in the first without, later.
  for (const auto& [at, lost] : {std::pair{9, 0}, {10, 1}, {11, 1}, {300, 1}}) {
    run r;
    r.settings.reps = 1000;
    r.add(1);
    r.kernel.before_poll = [&, overflow = static_cast<std::uint64_t>(at)](scripted_kernel& k,
                                                                          std::uint64_t poll) {
      if (poll == overflow) k.overflows = 1;
      if (poll == 11) k.sockets.erase(1);
    };
    CHECK(r.collect() == exit_trouble);  // the overflow itself
    INFO("noticed in poll " << at);
    CHECK(r.count("lost_finals") == static_cast<std::uint64_t>(lost));
    CHECK(r.count("detached") == static_cast<std::uint64_t>(1 - lost));
  }
}

TEST_CASE("what is remembered of closed connections is taken off what records may use") {
  told_run t;
  t.polls = 60;
  t.b.tombstone_bytes = std::size_t{48} << 10;
  constexpr std::uint64_t a_poll = 60;
  std::size_t least_left = std::numeric_limits<std::size_t>::max();
  std::int64_t most = 0;
  t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    const std::int64_t bytes = t.b.counts.tombstone_bytes;
    least_left = std::min(least_left, t.b.writers.back()->waiting_limit());
    most = std::max(most, bytes);
    for (std::uint64_t i = 0; i < a_poll; ++i) {
      made_socket whole;
      whole.cookie = poll * a_poll + i;
      whole.state = tcp_state::close;
      k.events.push_back(whole);
    }
  };
  t.sample();
  CHECK(t.b.counts.connections.get() >= 59 * a_poll);
  CHECK(most > 0);
  CHECK(most <= std::int64_t{48} << 10);
  CHECK(least_left == (std::size_t{64} << 20) - static_cast<std::size_t>(most));
  CHECK(t.b.counts.tombstones_dropped.get() > 1000);
  // Theirs ends with the sampler.
  CHECK(t.b.counts.tombstone_bytes == 0);
}

TEST_CASE("where no ends are told connections end without final counters, which is no loss") {
  for (const bool silent : {true, false}) {
    INFO((silent ? "silent" : "refused"));
    told_run t;
    t.kernel.silent = silent;
    if (!silent) t.kernel.ends_refused = {EPERM, std::system_category()};
    // Of the silent one it is known after 5 s.
    const std::uint64_t known = silent ? 500 : 0;
    const std::string line =
        silent ? "connections end without final counters: the kernel grants to tell of ends, and "
                 "is silent\n"
               : "connections end without final counters: the kernel refuses to tell of ends: "
                 "Operation not permitted\n";
    t.kernel.sockets[1].cookie = 1;
    captured_errors errors;
    t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
      if (poll == 5) (void)detach(k, 1);
      // All that there is of one that no dump has seen.
      if (poll == 8) k.sockets[2] = mini_of(2);
      if (poll == 30) k.sockets.erase(2);
      // Recorded all the same, while nothing is known yet.
      if (poll == 40) CHECK(t.opens() == 2);
      if (poll == known + 2) CHECK(t.b.counts.netns_unheard == 1);
      // It is there to the end, but not in the last look.
      if (poll == known + 50) k.sockets[3].cookie = 3;
      if (poll == known + 100) (void)detach(k, 3);
    };
    t.polls = static_cast<int>(known) + 100;
    t.sample();
    const std::string said = errors.text();
    CHECK(t.opens() == 3);
    CHECK(t.closes() == 3);
    CHECK(total_losses(t.b.counts) == 0);
    CHECK(t.b.counts.ended_unseen.get() == 3);
    CHECK(t.b.counts.detached.get() == 0);
    CHECK(t.b.counts.detached_now == 0);
    for (const std::uint64_t cookie : {1U, 2U, 3U}) CHECK(t.has(cookie, 0));
    CHECK(said.find(line) != std::string::npos);
    CHECK(said.find(line) == said.rfind(line));
    // Closed as soon as it is certain, for nothing else is waited for.
    CHECK(t.b.counts.netns_unheard == 0);
  }
}

TEST_CASE("a kernel that tells of the first end late is silent until then, and no longer") {
  // Within 5 s nothing is said of it.
  for (const std::uint64_t told : {400U, 700U}) {
    INFO(told);
    told_run t;
    t.kernel.silent = true;
    t.kernel.sockets[1].cookie = 1;
    captured_errors errors;
    std::vector<std::int64_t> unheard;
    t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
      unheard.push_back(t.b.counts.netns_unheard);
      if (poll == told) {
        made_socket other;
        // Bound, as the collector's own: of no connection.
        other.cookie = 9;
        other.dst = "0.0.0.0";
        other.dport = 0;
        other.state = tcp_state::close;
        k.events.push_back(other);
      }
      if (poll == 800) k.destroy(1);
    };
    t.polls = 900;
    t.sample();
    const std::string said = errors.text();
    CHECK(unheard.at(300) == 0);
    CHECK(unheard.at(600) == (told == 700 ? 1 : 0));
    CHECK(unheard.back() == 0);
    CHECK((said.find("is silent") != std::string::npos) == (told == 700));
    CHECK((said.find("the kernel tells of ends after all") != std::string::npos) == (told == 700));
    CHECK(t.b.counts.destroy_events.get() == 1);
    CHECK(total_losses(t.b.counts) == 0);
  }
}

TEST_CASE("the message about an end that was taken for lost opens nothing") {
  told_run t;
  t.b.r.add(1);
  std::optional<made_socket> held;
  t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 100) held = detach(k, 1);
    if (poll == 200) k.overflows = 1;
    if (poll == 900) k.events.push_back(*held);
  };
  t.sample();
  CHECK(t.b.counts.lost_finals.get() == 1);
  CHECK(t.b.counts.connections.get() == 1);
  CHECK(t.opens() == 1);
  CHECK(t.closes() == 1);
  CHECK(t.has(1, 1));
}

TEST_CASE("connections that are detached or wait for their destroy event at the end are no loss") {
  told_run t;
  t.b.r.add(1);
  t.b.r.add(2);
  t.b.r.add(3);
  t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 100) k.sockets.erase(1);
    if (poll == 900) k.sockets.erase(2);
  };
  t.sample();
  CHECK(total_losses(t.b.counts) == 0);
  CHECK(t.opens() == 3);
  CHECK(t.closes() == 2);  // the third lives
  CHECK(read_all(t.b.r.output).size() == 3);
}

TEST_CASE("a detached socket that is connected again is another connection") {
  told_run t;
  t.b.r.add(1).set(128, std::uint64_t{500});
  t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 100) k.sockets.erase(1);
    if (poll == 900) {
      made_socket& again = t.b.r.add(1);
      again = made_socket();
      again.dport = 99;
    }
    if (poll == 950) k.destroy(1);
  };
  t.sample();
  CHECK(total_losses(t.b.counts) == 0);
  CHECK(t.b.counts.connections.get() == 2);
  CHECK(t.opens() == 2);
  CHECK(t.closes() == 2);
  CHECK(t.b.counts.detached_now.load() == 0);
  const auto files = read_all(t.b.r.output);
  REQUIRE(files.size() == 2);
  CHECK(files.at(name_of(1, 1)).lines.size() == 2);
}

TEST_CASE("a detached socket that was connected again between two polls is another connection") {
  told_run t;
  t.b.r.add(1).set(128, std::uint64_t{500});
  t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 100) k.sockets.erase(1);
    if (poll != 900) return;
    made_socket other;
    other.dport = 99;
    other.set(128, std::uint64_t{3});
    other.state = tcp_state::close;
    k.events.push_back(other);
  };
  t.sample();
  CHECK(t.b.counts.connections.get() == 2);
  CHECK(t.opens() == 2);
  CHECK(t.closes() == 2);
  const auto files = read_all(t.b.r.output);
  REQUIRE(files.size() == 2);
  CHECK(files.at(name_of(1, 1)).lines.at(0).bytes_received == 3);
}

TEST_CASE("the end of a socket whose connection an earlier run has recorded opens nothing") {
  told_run t;
  t.b.r.add(1);
  t.b.r.add(2);
  std::optional<made_socket> held;
  t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 10) held = detach(k, 1);
  };
  t.polls = 800;
  t.sample();
  CHECK(t.closes() == 1);

  told_run next;
  unfinished_files none;
  REQUIRE_FALSE(next.b.earlier.read(next.b.r.system, t.b.r.output.string(), "test", {2}, none));
  next.b.r.settings.output = next.b.r.output = t.b.r.output;
  next.polls = 50;
  next.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 10) k.events.push_back(*held);
  };
  // The day of the first run is long past: nothing in today's folder tells of the sequence.
  next.b.r.system.realtime += std::int64_t{3} * 86'400 * 1'000'000'000;
  next.sample();
  CHECK(next.opens() == 0);
  CHECK(next.closes() == 0);
  CHECK(next.b.counts.connections.get() == 0);
  CHECK(total_losses(next.b.counts) == 0);
  const auto files = read_all(next.b.r.output);
  REQUIRE(files.size() == 3);
  CHECK(files.contains(name_of(2, 0)));
  const file& final = files.at(name_of(1, 1));
  CHECK(final.lines.size() == 1);
  CHECK(final.start_time == files.at(name_of(1, 0)).start_time);
}

TEST_CASE(
    "the end of a short connection with an old cookie opens it, where earlier runs left segments") {
  struct {
    std::uint32_t ack_ms;    // since the last acknowledgement
    std::uint32_t segments;  // received
    bool fresh;
  } const cases[] = {{5, 3, true}, {5'000, 3, false}, {5, 0, false}};
  for (const auto& one : cases) {
    INFO(one.ack_ms << " " << one.segments);
    told_run t;
    // A segment of an earlier run, and cookies that were given before this one.
    const fs::path folder = t.b.r.output / "2020/09/12";
    fs::create_directories(folder);
    std::ofstream(folder / "h.20200912T120000Z-0.0.00000.tcpseg.zst") << "x";
    unfinished_files none;
    REQUIRE_FALSE(t.b.earlier.read(t.b.r.system, t.b.r.output.string(), "test", {}, none));
    t.b.earlier.set_newest_cookies(4096, 4096);
    t.polls = 50;
    t.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
      if (poll != 10) return;
      made_socket s;
      s.cookie = 7;
      s.set(56, one.ack_ms);
      s.set(140, one.segments);
      k.sockets[7] = s;
      k.destroy(7);
    };
    t.sample();
    CHECK(t.opens() == (one.fresh ? 1 : 0));
    CHECK(t.closes() == (one.fresh ? 1 : 0));
    CHECK(t.b.counts.connections.get() == (one.fresh ? 1 : 0));
    // By a sequence that no earlier run has used, in any case.
    const fs::path today = t.b.r.output / "2020/09/13";
    CHECK(fs::exists(today / "test_0000000000000007.1000000000.jsonl.zst"));
  }
}

TEST_CASE("after a restart a socket's end opens nothing, and brings no counters back to zero") {
  run r;
  r.settings.reps = 1000;
  for (std::uint64_t cookie = 1; cookie <= 3; ++cookie) r.add(cookie).set(128, 100 * cookie);
  std::vector<made_socket> held;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 10) held.push_back(detach(k, 1));
    if (poll == 990) held.push_back(detach(k, 2));  // it waits when the run ends
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("losses") == 0);
  held.push_back(detach(r.kernel, 3));  // nobody records
  r.settings.reps = 20;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 1010) return;
    for (made_socket& one : held) {
      one.info.assign(280, '\0');
      one.dport = 0;
      k.events.push_back(one);
    }
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("connections") == 0);
  CHECK(r.count("cleared_finals") == 3);
  CHECK(r.count("losses") == 0);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 6);
  for (std::uint64_t cookie = 1; cookie <= 3; ++cookie) {
    const file& final = files.at(name_of(cookie, 1));
    REQUIRE(final.lines.size() == 1);
    CHECK(final.lines[0].bytes_received == 100 * cookie);
  }
}

TEST_CASE("a record has the time at which its datagram was read, in steps but for the final one") {
  bench b;
  slow_dump from(b.r.system);
  patient_attendant company(3);
  b.sample(from, company);
  REQUIRE_FALSE(b.finalize.start());
  b.finalize.finish();
  const auto time_of = [](int poll, std::int64_t after_ns) {
    return to_string(timestamp::from_unix_nanoseconds(slow_dump::start_ns +
                                                      std::int64_t{poll} * 10'000'000 + after_ns));
  };
  const auto files = read_all(b.r.output);
  const file& first = files.at(name_of(1, 0));
  REQUIRE(first.lines.size() >= 3);
  CHECK(first.lines[0].time == time_of(1, 1'200'000));
  CHECK(first.lines[1].time == time_of(2, 1'200'000));
  CHECK(first.lines[1].poll == 2);
  CHECK(first.start_time == first.lines[0].time);
  const file& second = files.at(name_of(2, 0));
  REQUIRE(second.lines.size() == 3);
  CHECK(second.lines[0].time == time_of(1, 3'400'000));
  CHECK(second.lines[1].time == time_of(2, 3'400'000));
  CHECK(second.lines[1].poll == 2);  // as that of the other
  CHECK(second.lines[2].time == time_of(3, 2'345'678));
}

TEST_CASE("the offset of a time namespace is that of its monotonic clock") {
  CHECK(monotonic_offset_of("monotonic           0         0\nboottime            0         0\n") ==
        0);
  CHECK(monotonic_offset_of("monotonic 1000000 5\nboottime -7 0\n") == 1'000'000'000'000'005);
  CHECK(monotonic_offset_of("boottime  3 1\nmonotonic  -2  999999999") == -1'000'000'001);
  CHECK(monotonic_offset_of("") == 0);
  CHECK(monotonic_offset_of("monotonic\n1 2") == 0);
}

TEST_CASE("of the connections of earlier runs those of the latest days are remembered") {
  run r;
  const auto make = [&](const std::string& day, std::uint64_t cookie, int sequence) {
    const fs::path folder = r.output / day;
    fs::create_directories(folder);
    std::ofstream(folder / name_of(cookie, sequence)) << "x";
  };
  make("2026/01/30", 1, 0);
  make("2026/01/30", 9, 0);  // open
  make("2026/01/31", 2, 0);
  make("2026/01/31", 2, 1);
  make("2026/02/01", 2, 2);
  make("2026/02/01", 3, 0);
  make("2026/02/02", 4, 5);
  sequence_index index(3);
  unfinished_files none;
  REQUIRE_FALSE(index.read(r.system, r.output.string(), "test", {9}, none));
  CHECK(index.find(1) == nullptr);
  REQUIRE(index.find(2) != nullptr);
  CHECK(index.find(2)->highest == 2);
  CHECK(index.find(2)->highest_date == 20260201);
  CHECK(index.find(3) != nullptr);
  CHECK(index.find(4)->highest == 5);
  CHECK(index.find(9) != nullptr);
}
