// SPDX-License-Identifier: Apache-2.0
//
// What a poll costs the sampler beside time.
#include "collect/sampling/sampler.h"

#include <limits>

#include "unit/allocations.h"
#include "unit/collect/sampling/sampler_bench.h"
#include "unit/sanitized.h"

namespace {

class counting_attendant final : public attendant {
 public:
  bool after_poll(const loop_state&) override {
    if (++polls == first) before = test_allocations::made;
    if (polls == last) after = test_allocations::made;
    return polls < last;
  }
  bool attend(std::int64_t) override { return true; }
  int descriptor() const noexcept override { return -1; }
  std::int64_t due_ns() const noexcept override { return std::numeric_limits<std::int64_t>::max(); }

  static constexpr int first = 10;
  static constexpr int last = 110;
  int polls = 0;
  std::size_t before = 0;
  std::size_t after = 0;
};

// Tells of no ends, and knows nobody who is asked for.
class silent_source : public source {
 public:
  std::error_code probe(message_sink&) noexcept override { return {}; }
  std::error_code open() override { return {}; }
  std::error_code drain(message_sink&) noexcept override { return {}; }
  int descriptor() const noexcept override { return -1; }
  std::error_code query(const socket_id&, message_sink&) noexcept override {
    return {ENOENT, std::system_category()};
  }
  void query_all(std::span<const socket_id>, answer_callback, void*) noexcept override {}
  std::int64_t event_overflows() const noexcept override { return 0; }
};

// Two hundred connections, of which every third moves between any two polls. Nothing in it
// allocates.
class steady_source final : public silent_source {
 public:
  steady_source() {
    for (std::uint64_t i = 0; i < 200; ++i) {
      made_socket s;
      s.cookie = i + 1;
      const message m = s.view();
      messages_.emplace_back(m.bytes.begin(), m.bytes.end());
      info_at_ = static_cast<std::size_t>(m.find(attribute_type::info)->data() - m.bytes.data());
    }
  }
  poll_report dump(message_sink& sink) noexcept override {
    ++polls_;
    for (std::size_t i = 0; i < messages_.size(); ++i) {
      if (i % 3 == 0) messages_[i][info_at_ + 128] = static_cast<std::byte>(polls_);
      sink.on_socket({messages_[i]});
    }
    poll_report report;
    report.complete = true;
    return report;
  }

 private:
  std::vector<std::vector<std::byte>> messages_;
  std::size_t info_at_ = 0;
  int polls_ = 0;
};

// Has no connections, and rests for a second after each poll, unless it is busy.
class resting_source final : public silent_source {
 public:
  explicit resting_source(os& system) : system_(system) {}
  poll_report dump(message_sink&) noexcept override {
    poll_report report;
    report.complete = true;
    return report;
  }
  poll_report poll(message_sink&) noexcept override {
    polled_ms.push_back(system_.monotonic_ns() / 1'000'000);
    return {};
  }
  bool follows() const noexcept override { return true; }
  std::int64_t rest() noexcept override {
    return busy() ? 0 : system_.monotonic_ns() + 1'000'000'000;
  }
  bool rests() const noexcept override { return !busy(); }

  std::vector<std::int64_t> polled_ms;
  std::int64_t busy_from_ns = 0;
  std::int64_t busy_until_ns = 0;

 private:
  [[nodiscard]] bool busy() const noexcept {
    const std::int64_t now_ns = system_.monotonic_ns();
    return now_ns >= busy_from_ns && now_ns < busy_until_ns;
  }
  os& system_;
};

// Has connections at first, and then tells once that they are gone; and asked about them it fails,
// at first.
class forgetful_source final : public silent_source {
 public:
  static constexpr std::uint64_t count = 700;

  poll_report dump(message_sink& sink) noexcept override {
    poll_report report;
    report.complete = true;
    if (polls_ > 0) return report;
    for (std::uint64_t cookie = 1; cookie <= count; ++cookie) {
      made_socket s;
      s.cookie = cookie;
      sink.on_socket(s.view());
    }
    return report;
  }
  poll_report poll(message_sink& sink) noexcept override {
    asked.push_back(0);
    if (++polls_ == 1)
      for (std::uint64_t cookie = 1; cookie <= count; ++cookie) sink.on_absent(cookie, 0, 0);
    return {};
  }
  std::error_code query(const socket_id&, message_sink&) noexcept override {
    ++asked.back();
    return {polls_ <= 2 ? ENOBUFS : ENOENT, std::system_category()};
  }
  bool follows() const noexcept override { return true; }

  std::vector<int> asked;  // in each poll

 private:
  int polls_ = 0;
};

// Each poll takes two ticks and a half.
class slow_source final : public silent_source {
 public:
  explicit slow_source(os& system) : system_(system) {}
  poll_report dump(message_sink&) noexcept override {
    ++polls;
    (void)system_.wait(-1, -1, system_.monotonic_ns() + 25'000'000);
    poll_report report;
    report.complete = true;
    return report;
  }

  int polls = 0;

 private:
  os& system_;
};

// Says of each poll a number of everything.
class telling_source final : public silent_source {
 public:
  poll_report dump(message_sink&) noexcept override {
    poll_report report;
    report.complete = true;
    report.active = 2;
    report.dropped = 3;
    report.missed_events = 5;
    report.queries = 7;
    report.reconciled = 11;
    report.missed_changes = 13;
    return report;
  }
};

// Would end it when it is asked for the third time.
class deaf_attendant final : public attendant {
 public:
  bool after_poll(const loop_state&) override { return ++polls_ < 100; }
  bool attend(std::int64_t) override { return ++asked_ < 3; }
  int descriptor() const noexcept override { return 1'000'000; }
  std::int64_t due_ns() const noexcept override { return std::numeric_limits<std::int64_t>::max(); }

 private:
  int polls_ = 0;
  int asked_ = 0;
};

// Looks in at a time, and ends it at another.
class timed_attendant final : public attendant {
 public:
  bool after_poll(const loop_state&) override { return true; }
  bool attend(std::int64_t now_ns) override {
    if (now_ns >= due_ns_) due_ns_ = end_ns;
    return now_ns < end_ns;
  }
  int descriptor() const noexcept override { return -1; }
  std::int64_t due_ns() const noexcept override { return due_ns_; }
  void look_in_at(std::int64_t ns) { due_ns_ = ns; }

  std::int64_t end_ns = 0;

 private:
  std::int64_t due_ns_ = 0;
};

}  // namespace

TEST_CASE("a connection's files say when it began to open, its final record when it ended") {
  constexpr std::int64_t t = 1'700'000'000'000'000'000;
  const auto at = [](std::int64_t ns) { return timestamp::from_unix_nanoseconds(t + ns); };
  bench b;
  writer& to = *b.writers.back();
  made_socket s;
  const auto push = [&](snapshot_kind kind, std::int64_t time_ns, std::int64_t opened_ns = 0,
                        std::int64_t ended_ns = 0, std::uint32_t carried = 0) {
    snapshot_header h;
    h.cookie = s.cookie;
    h.kind = kind;
    h.poll = kind == snapshot_kind::data || kind == snapshot_kind::reused ? 1 : no_poll;
    h.time_ns = t + time_ns;
    h.opened_ns = opened_ns == 0 ? 0 : t + opened_ns;
    h.ended_ns = ended_ns == 0 ? 0 : t + ended_ns;
    h.carried = carried;
    REQUIRE(to.push(h, kind == snapshot_kind::ended_without_event ? bytes_view() : s.view().bytes));
  };
  push(snapshot_kind::data, 5, 1);
  push(snapshot_kind::final, 9, 0, 7, attribute_bit(attribute_type::cong));
  s.cookie = 2;  // its only record, read at the very time of its end
  push(snapshot_kind::final, 9, 2, 9);
  s.cookie = 3;  // nobody told
  push(snapshot_kind::data, 5);
  push(snapshot_kind::final, 9);
  // Used again: the second connection has an opening of its own, of the third nobody told.
  s.cookie = 4;
  push(snapshot_kind::data, 5, 1);
  push(snapshot_kind::reused, 6, 4);
  push(snapshot_kind::reused_final, 9);
  s.cookie = 5;  // its socket was held after its end
  push(snapshot_kind::data, 5, 3);
  push(snapshot_kind::ended_without_event, 6);
  push(snapshot_kind::final, 9, 0, 6);
  REQUIRE_FALSE(b.finalize.start());
  to.finish();
  b.finalize.finish();

  auto files = read_all(b.r.output);
  CHECK(files.size() == 8);
  CHECK(files[name_of(1, 0)].opened == at(1));
  REQUIRE(files[name_of(1, 0)].lines.size() == 2);
  CHECK(files[name_of(1, 0)].lines[0].ended.empty());
  CHECK(files[name_of(1, 0)].lines[0].carried == 0);
  CHECK(files[name_of(1, 0)].lines[1].ended == to_string(at(7)));
  CHECK(files[name_of(1, 0)].lines[1].carried == attribute_bit(attribute_type::cong));
  const auto ended = [&](std::uint64_t cookie, int sequence) {
    const file& f = files[name_of(cookie, sequence)];
    REQUIRE_FALSE(f.lines.empty());
    return f.lines.back().ended;
  };
  CHECK(files[name_of(2, 0)].opened == at(2));
  CHECK(ended(2, 0).empty());
  CHECK(files[name_of(3, 0)].opened.is_zero());
  CHECK(ended(3, 0).empty());
  CHECK(files[name_of(4, 0)].opened == at(1));
  CHECK(files[name_of(4, 1)].opened == at(4));
  CHECK(files[name_of(4, 2)].opened.is_zero());
  CHECK(files[name_of(5, 0)].opened == at(3));
  CHECK(files[name_of(5, 1)].opened == at(3));
  CHECK(ended(5, 1) == to_string(at(6)));

  // The next run takes it from there.
  unfinished_files left;
  REQUIRE_FALSE(b.earlier.read(b.r.system, b.r.settings.output, "test", {5}, left));
  finalizer finalize(b.r.system, b.counts, b.r.settings.output, 3);
  const writer_context next_run{b.r.system, b.r.settings, b.who,    b.current.prefixes(),
                                b.counts,   b.limits,     finalize, b.lock,
                                b.earlier,  b.namespaces, b.seen};
  constexpr std::size_t mib = std::size_t{1} << 20;
  writer again(next_run, {.queue = mib, .queue_kept = mib, .waiting = mib});
  REQUIRE_FALSE(again.start());
  snapshot_header h;
  h.cookie = 5;
  h.poll = 1;
  h.time_ns = t + 20;
  REQUIRE(again.push(h, s.view().bytes));
  again.finish();
  REQUIRE_FALSE(finalize.start());
  finalize.finish();
  CHECK(read_all(b.r.output).at(name_of(5, 2)).opened == at(3));
}

TEST_CASE("polls that leave no time to wait are ended all the same") {
  bench b;
  b.r.settings.reps = 0;
  slow_source from(b.r.system);
  // Its descriptor is never readable, as far as anybody looks.
  deaf_attendant company;
  b.sample(from, company);
  CHECK(from.polls >= 3);
  CHECK(from.polls < 10);
}

TEST_CASE("what was told to be gone is asked about until it is certain, some at a time") {
  bench b;
  b.r.settings.reps = 0;
  forgetful_source from;
  timed_attendant company;
  company.end_ns = b.r.system.monotonic_ns() + 105'000'000;
  company.look_in_at(company.end_ns);
  b.sample(from, company);
  REQUIRE(from.asked.size() >= 5);
  from.asked.resize(5);
  CHECK(from.asked == std::vector<int>{8, 8, 500, 200, 0});
  CHECK(b.counts.ended_unseen.get() == forgetful_source::count);
}

TEST_CASE("ticks of a source that rests pass without a poll, and are no missed ones") {
  constexpr std::int64_t ms = 1'000'000;
  bench b;
  b.r.settings.interval_ns = 10 * ms;
  b.r.settings.reps = 0;
  b.r.system.silent = true;
  const std::int64_t start_ns = b.r.system.monotonic_ns();
  resting_source from(b.r.system);
  // Something happens between two ticks, for a while.
  from.busy_from_ns = start_ns + 1'234 * ms;
  from.busy_until_ns = start_ns + 1'265 * ms;
  timed_attendant company;
  company.end_ns = start_ns + 3'005 * ms;
  company.look_in_at(from.busy_from_ns);
  b.sample(from, company);
  // From the start, at which everything is looked at.
  std::vector<std::int64_t> polled;
  for (const std::int64_t at : from.polled_ms) polled.push_back(at - start_ns / ms);
  CHECK(polled == std::vector<std::int64_t>{1'000, 1'240, 1'250, 1'260, 1'270, 2'270});
  CHECK(b.counts.missed_ticks.get() == 0);
  // The last look is one more poll, of no tick.
  CHECK(b.counts.polls.get() - 1 + b.counts.idle_ticks.get() == 300);
  CHECK(b.intervals_max_ns <= 10 * ms);
}

TEST_CASE("a writer is woken later only where the next occasion comes in time") {
  constexpr std::int64_t ms = 1'000'000;
  config c;
  CHECK(wake_pause_ns(c) == 50 * ms);
  // Ticks of 10 ms: at the one after 40 ms, not at that after 50.
  CHECK(may_wake_later(c, 1'000 * ms, 1'050 * ms));
  CHECK_FALSE(may_wake_later(c, 1'000 * ms, 1'060 * ms));
  // A rest, or a poll put off by --cpu-budget, however lately it was woken.
  CHECK_FALSE(may_wake_later(c, 1'000 * ms, 2'000 * ms));
  CHECK_FALSE(may_wake_later(c, 0, std::numeric_limits<std::int64_t>::max()));
  // Part of the time in which records have to be in their file.
  c.flush_ns = 100 * ms;
  CHECK(wake_pause_ns(c) == 25 * ms);
  // Ticks too long for it: always at once.
  c.interval_ns = 100 * ms;
  CHECK(wake_pause_ns(c) == 0);
  CHECK_FALSE(may_wake_later(c, 1'000 * ms, 1'100 * ms));
}

TEST_CASE("where polls are counted, none is left out") {
  bench b;
  b.r.settings.reps = 50;
  b.r.system.silent = true;
  resting_source from(b.r.system);
  counting_attendant company;
  b.sample(from, company);
  CHECK(b.counts.polls.get() == counting_attendant::last);
  CHECK(b.counts.idle_ticks.get() == 0);
}

TEST_CASE("what each poll reports is counted") {
  bench b;
  telling_source from;
  counting_attendant company;
  b.sample(from, company);
  const auto polls = b.counts.polls.get();
  REQUIRE(polls == counting_attendant::last);
  CHECK(b.counts.complete_polls.get() == polls);
  CHECK(b.counts.active_sockets.get() == 2 * polls);
  CHECK(b.counts.dropped_activity.get() == 3 * polls);
  CHECK(b.counts.missed_activity.get() == 5 * polls);
  CHECK(b.counts.queries.get() == 7 * polls);
  CHECK(b.counts.reconciled.get() == 11 * polls);
  CHECK(b.counts.missed_changes.get() == 13 * polls);
}

TEST_CASE("a poll in which no connection is opened allocates nothing in the sampler") {
  bench b;
  steady_source from;
  counting_attendant company;
  b.sample(from, company);
  CHECK(b.counts.polls.get() == counting_attendant::last);
  CHECK(b.counts.lost_queue.get() == 0);
  CHECK(b.counts.records.get() >= 67U * (counting_attendant::last - 1));
  CHECK(company.after - company.before == 0);
#if !defined(TCPINFO_TEST_SANITIZED)
  CHECK(company.before > 0);  // They are counted.
#endif
}
