// SPDX-License-Identifier: Apache-2.0
//
// How the sampler sleeps while nothing happens, and what wakes it.
#include "collect/sampling/events/idle_wait.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "collect/sampling/events/urgency.h"
#include "unit/catch.h"
#include "unit/durations.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;

namespace {

class event {
 public:
  event() { REQUIRE(fd_); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  void set() { REQUIRE(::eventfd_write(fd_.get(), 1) == 0); }
  void clear() {
    eventfd_t value = 0;
    REQUIRE(::eventfd_read(fd_.get(), &value) == 0);
  }

 private:
  collect::descriptor fd_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

class quiet_feed final : public activity_feed {
 public:
  explicit quiet_feed(int descriptor) : descriptor_(descriptor) {}
  std::uint32_t begin_tick() noexcept override { return 1; }
  void take(activity_sink&) noexcept override {}
  std::uint64_t dropped() const noexcept override { return 0; }
  void mute(bool) noexcept override {}
  int descriptor() const noexcept override { return descriptor_; }
  void wake_on_next(bool wanted) noexcept override { wakes = wanted; }

  bool wakes = false;

 private:
  const int descriptor_;
};

bool readable(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0;
}

void rest_begins(idle_wait& wait) {
  for (int i = 0; i < 4; ++i) wait.note_poll(true);
  REQUIRE(wait.may_begin());
  REQUIRE(wait.begin());
}

}  // namespace

TEST_CASE("a wait may begin after four quiet polls in a row") {
  event there;
  quiet_feed feed(there.fd());
  idle_wait wait(feed);
  wait.open(-1, -1);
  for (int i = 0; i < 3; ++i) wait.note_poll(true);
  CHECK_FALSE(wait.may_begin());
  wait.note_poll(false);
  for (int i = 0; i < 3; ++i) wait.note_poll(true);
  CHECK_FALSE(wait.may_begin());
  wait.note_poll(true);
  CHECK(wait.may_begin());
}

TEST_CASE("without a descriptor of the feed nobody waits") {
  quiet_feed feed(-1);
  idle_wait wait(feed);
  wait.open(-1, -1);
  CHECK(wait.descriptor() == -1);
  for (int i = 0; i < 10; ++i) wait.note_poll(true);
  CHECK_FALSE(wait.may_begin());
}

TEST_CASE("activity and results wake during a wait only, destroy events always") {
  event there;
  event ends;
  event results;
  quiet_feed feed(there.fd());
  idle_wait wait(feed);
  wait.open(ends.fd(), results.fd());
  there.set();
  results.set();
  CHECK_FALSE(readable(wait.descriptor()));
  ends.set();
  CHECK(readable(wait.descriptor()));
  ends.clear();
  CHECK_FALSE(readable(wait.descriptor()));
  rest_begins(wait);
  CHECK(wait.is_on());
  CHECK(feed.wakes);
  CHECK(readable(wait.descriptor()));
  there.clear();
  CHECK(readable(wait.descriptor()));
  results.clear();
  CHECK_FALSE(readable(wait.descriptor()));
  // The kernel wakes once; the wait goes on all the same.
  feed.wakes = false;
  wait.go_on();
  CHECK(feed.wakes);
  wait.end();
  CHECK_FALSE(wait.is_on());
  CHECK_FALSE(feed.wakes);
  there.set();
  CHECK_FALSE(readable(wait.descriptor()));
}

TEST_CASE("a wait lasts a second, and less where stall times may grow") {
  stall_wheel stalls;
  CHECK(idle_wait::longest_until(5'000 * ms, stalls) == 6'000 * ms);
  socket_id id;
  id.cookie = 1;
  stalls.take_due(5'000 * ms, [](const socket_id&) { return true; });
  stalls.start(id, 5'900 * ms, 1'000 * ms);
  CHECK(idle_wait::longest_until(5'000 * ms, stalls) == 5'100 * ms);
  stalls.start(id, 5'050 * ms, 1'000 * ms);
  CHECK(idle_wait::longest_until(5'000 * ms, stalls) == 5'050 * ms);
}

TEST_CASE("a thread is urgent after a hundred brief polls in a row, until a longer one") {
  std::vector<bool> told;
  urgency urgent(5 * ms, [&](bool is) { told.push_back(is); });
  for (int i = 0; i < 99; ++i) urgent.expect(5.0 * ms);
  CHECK(told.empty());
  urgent.expect(0);
  urgent.expect(0);
  CHECK(told == std::vector<bool>{true});
  urgent.expect(5.0 * ms + 1);
  CHECK(told == std::vector<bool>{true, false});
  for (int i = 0; i < 99; ++i) urgent.expect(0);
  urgent.end();
  urgent.expect(0);
  CHECK(told == std::vector<bool>{true, false});
  urgency nobody(5 * ms, nullptr);
  for (int i = 0; i < 200; ++i) nobody.expect(0);
  nobody.end();
}
