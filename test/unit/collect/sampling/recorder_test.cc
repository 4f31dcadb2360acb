// SPDX-License-Identifier: Apache-2.0
//
// What becomes a record, message by message, and what the close tracker makes of a query; with a
// writer's queue that a test lets fill.
#include "collect/sampling/recorder.h"

#include <optional>
#include <thread>
#include <vector>

#include "collect/sampling/close_tracker.h"
#include "unit/collect/sampling/sampler_bench.h"
#include "unit/durations.h"

namespace {

// Answers each query with one socket, or with none.
class answering_source final : public source {
 public:
  std::error_code probe(message_sink&) noexcept override { return {}; }
  std::error_code open() override { return {}; }
  poll_report dump(message_sink&) noexcept override { return {}; }
  std::error_code drain(message_sink&) noexcept override { return {}; }
  int descriptor() const noexcept override { return -1; }
  std::error_code query(const socket_id&, message_sink& sink) noexcept override {
    ++queries;
    if (!alive) return {ENOENT, std::system_category()};
    outcomes.push_back(sink.on_socket(answer.view()));
    return {};
  }
  void query_all(std::span<const socket_id>, answer_callback, void*) noexcept override {}
  bool follows() const noexcept override { return true; }
  std::int64_t event_overflows() const noexcept override { return 0; }

  bool alive = true;
  made_socket answer;
  std::vector<socket_outcome> outcomes;
  int queries = 0;
};

// A recorder and a close tracker, without the sampler around them.
struct recording {
  bench b;
  answering_source from;
  poll_state poll;
  flow_table table;
  std::optional<sampler_context> context;
  std::optional<sampled_netns> where;
  std::optional<poll_observer> polls;
  std::optional<recorder> records;
  std::optional<close_tracker> closes;

  // Nobody takes anything from the queue until start().
  explicit recording(std::size_t queue_bytes) {
    b.writers.back() =
        std::make_unique<writer>(*b.writing, memory_shares{.queue = queue_bytes,
                                                           .queue_kept = queue_bytes,
                                                           .waiting = std::size_t{64} << 20});
    REQUIRE_FALSE(table.reset({}));
    context.emplace(sampler_context{b.r.system, b.r.system, b.r.settings, b.current.unwanted(),
                                    b.current.prefixes(), b.earlier, b.writers, b.counts, b.seen,
                                    nullptr, b.r.system.monotonic_ns(), 0});
    where.emplace(sampled_netns{0, {}, *b.unwanted, from});
    polls.emplace(b.seen);
    records.emplace(*context, *where, poll, *polls, table);
    closes.emplace(*context, *where, poll, table, *records);
    poll.number = 2;
    poll.first = poll.may_show_old = false;
    poll.hears_ends = true;
    poll.now_ns = 100 * second;
    records->read_now();
  }
  ~recording() { b.writers.back()->finish(); }
  void start() {
    writer& to = *b.writers.back();
    REQUIRE_FALSE(to.start());
    to.wake();
    while (to.queue().used_bytes() > 0) std::this_thread::yield();
  }
};

}  // namespace

TEST_CASE("a message is unchanged, or recorded as a change or as grown stall times") {
  recording r(std::size_t{1} << 20);
  made_socket s;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  CHECK(r.records->knows(1));
  CHECK(r.b.counts.connections.get() == 1);
  r.poll.now_ns += second / 100;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::unchanged);
  s.set(44, std::uint32_t{5});  // an age
  CHECK(r.records->on_socket(s.view()) == socket_outcome::unchanged);
  s.set(128, std::uint64_t{5});  // bytes received
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  r.poll.now_ns += second / 100;
  s.set(168, std::uint64_t{5});  // a stall time, which counts once a second
  CHECK(r.records->on_socket(s.view()) == socket_outcome::unchanged);
  r.poll.now_ns += second;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::stall_times);
  CHECK_FALSE(r.records->take_not_kept());
  // The program has used the socket again: another connection.
  r.poll.now_ns += second / 100;
  s.dport = 99;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  CHECK(r.b.seen.flows_opened.get() == 2);
  CHECK(r.b.seen.flows_closed.get() == 1);
}

TEST_CASE("a change that finds no room is not kept, and is one at the next poll, too") {
  recording r(512);  // one message
  made_socket s;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  s.set(128, std::uint64_t{5});
  for (int i = 0; i < 2; ++i) {
    r.poll.now_ns += second / 100;
    CHECK(r.records->on_socket(s.view()) == socket_outcome::not_kept);
    CHECK(r.records->take_not_kept());
    CHECK_FALSE(r.records->take_not_kept());
  }
  CHECK(r.b.counts.lost_queue.get() == 2);
  r.start();
  r.poll.now_ns += second / 100;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  CHECK_FALSE(r.records->take_not_kept());
}

TEST_CASE("a final message that finds no room waits for it") {
  recording r(512);
  made_socket s;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  s.state = tcp_state::close;
  r.records->on_destroyed(s.view());
  CHECK(r.records->pending() == 1);
  r.records->retry_pending();
  CHECK(r.records->pending() == 1);
  CHECK(r.records->knows(1));
  r.start();
  r.records->retry_pending();
  CHECK(r.records->pending() == 0);
  CHECK_FALSE(r.records->knows(1));
  CHECK(r.b.counts.destroy_events.get() == 1);
}

TEST_CASE("a missing connection that lives is queried until its message is kept") {
  recording r(512);
  made_socket s;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  r.closes->note_absent(1, 90 * second, 91 * second);
  r.closes->note_absent(77, 90 * second, 91 * second);  // nobody knows it
  r.from.answer.set(128, std::uint64_t{5});
  r.poll.now_ns += second / 100;
  r.closes->confirm_missing();
  CHECK(r.closes->has_missing());
  r.start();
  r.poll.now_ns += second / 100;
  r.closes->confirm_missing();
  CHECK_FALSE(r.closes->has_missing());
  CHECK(r.from.outcomes ==
        std::vector<socket_outcome>{socket_outcome::not_kept, socket_outcome::changed});
  CHECK(r.records->knows(1));
  CHECK(r.b.counts.ended_unseen.get() == 0);
}

TEST_CASE("a missing connection that does not exist is detached once its writer has room") {
  recording r(512);
  made_socket s;
  s.cong = std::string(60, 'x');  // leaves no room for anything else
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  r.from.alive = false;
  r.closes->note_absent(1, 90 * second, 91 * second);
  r.closes->confirm_missing();
  CHECK(r.closes->has_missing());
  CHECK(r.records->knows(1));
  CHECK_FALSE(r.records->is_detached(1));
  r.start();
  r.closes->confirm_missing();
  CHECK_FALSE(r.closes->has_missing());
  CHECK_FALSE(r.records->knows(1));
  CHECK(r.records->is_detached(1));
  CHECK(r.b.counts.detached.get() == 1);
  CHECK(r.b.counts.detached_now.load() == 1);
  CHECK(r.b.seen.flows_closed.get() == 1);
}

TEST_CASE("what events tell of an end is a reason to look only for connections that are recorded") {
  recording r(std::size_t{1} << 20);
  r.records->on_ended(7, 50);
  CHECK(r.records->told_of(7).ended_monotonic_ns == 0);
  made_socket s;
  CHECK(r.records->on_socket(s.view()) == socket_outcome::changed);
  const std::int64_t ended_ns = r.poll.now_ns;
  r.records->on_ended(1, ended_ns);
  r.closes->note_ended(1, ended_ns);
  r.closes->look_for_ended();
  CHECK_FALSE(r.closes->has_missing());
  r.poll.now_ns += 5 * second - 1;
  r.closes->look_for_ended();
  CHECK_FALSE(r.closes->has_missing());
  r.poll.now_ns += 1;
  r.closes->look_for_ended();
  CHECK(r.closes->has_missing());
  // Its destroy event comes after all.
  s.state = tcp_state::close;
  r.records->on_destroyed(s.view());
  r.closes->forget_ended();
  CHECK_FALSE(r.closes->has_missing());
  CHECK(r.from.queries == 0);
}
