// SPDX-License-Identifier: Apache-2.0
//
// What the service manager hears, on a clock of the test's.
#include "collect/control/service_manager.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "unit/catch.h"
#include "unit/durations.h"

using namespace tcpinfo::collect;

namespace {

// A manager's socket under an abstract name; the environment points at it.
class listener {
 public:
  explicit listener(const char* watchdog_usec = nullptr) {
    const std::string name = "@tcpinfo-test-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    socket_ = descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    if (watchdog_usec != nullptr) ::setenv("WATCHDOG_USEC", watchdog_usec, 1);
  }
  ~listener() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  // The next message; "" where there is none.
  std::string take() {
    char text[512];
    const ssize_t got = ::read(socket_.get(), text, sizeof text);
    return got < 0 ? std::string() : std::string(text, static_cast<std::size_t>(got));
  }

 private:
  descriptor socket_;
};

struct service {
  config settings;
  statistics counts;
  observations seen;
  service_manager manager{settings, counts, seen};

  void poll(std::int64_t now_ns, std::uint64_t sockets = 7, bool complete = true) {
    seen.sockets_now = sockets;
    manager.polled({now_ns, complete, 0, idle_ticks});
  }
  std::uint64_t idle_ticks = 0;
};

}  // namespace

TEST_CASE("ready with the first complete poll, a status once a second and no oftener") {
  listener manager;
  service s;
  s.counts.failed_polls.add();
  s.poll(100, 7, false);
  CHECK(manager.take().empty());
  s.poll(second);
  CHECK(manager.take() == "READY=1\nSTATUS=7 sockets, missed ticks 0, losses 1");
  for (int i = 1; i < 50; ++i) s.poll(second + i * second / 50, 11);
  CHECK(manager.take().empty());
  s.counts.missed_ticks.add(50);
  s.poll(2 * second, 11);
  CHECK(manager.take() ==
        "STATUS=11 sockets, a look every 20.00 ms (10ms asked for), missed ticks 50, losses 1");
  // Ticks of a quiet machine were kept without a poll.
  s.idle_ticks = 99;
  s.poll(3 * second, 11);
  CHECK(manager.take() ==
        "STATUS=11 sockets, a look every 10.00 ms (10ms asked for), missed ticks 50, losses 1");
  s.manager.stopping();
  CHECK(manager.take().rfind("STOPPING=1\n", 0) == 0);
  CHECK(manager.take().empty());
}

TEST_CASE("the watchdog hears of us twice in its patience, also between polls far apart") {
  listener manager("1000000");
  service s;
  s.poll(second);
  CHECK(manager.take().rfind("READY=1\n", 0) == 0);
  CHECK(manager.take() == "WATCHDOG=1");
  CHECK(s.manager.alive_due_ns() == second + second / 2);
  s.manager.alive(second + second / 2 - 1);
  CHECK(manager.take().empty());
  s.manager.alive(second + second / 2);
  CHECK(manager.take() == "WATCHDOG=1");
  s.poll(2 * second - 1);
  CHECK(manager.take().empty());
}

TEST_CASE("a watchdog for another process, or with no number, is none") {
  const auto heard = [](const char* usec, const std::string& pid) {
    listener manager(usec);
    ::setenv("WATCHDOG_PID", pid.c_str(), 1);
    service s;
    s.poll(second);
    (void)manager.take();
    return manager.take();
  };
  CHECK(heard("1000000", std::to_string(::getpid())) == "WATCHDOG=1");
  CHECK(heard("1000000", "").empty() == false);
  CHECK(heard("1000000", "1").empty());
  for (const char* usec : {"0", "", "-1", "1s", "99999999999999999999"})
    CHECK(heard(usec, std::to_string(::getpid())).empty());
}

TEST_CASE("a reload is announced and ends in ready, but not before the start has") {
  listener manager;
  service s;
  s.manager.reloading(second);
  s.manager.reloaded(second);
  CHECK(manager.take().empty());
  s.poll(second);
  CHECK(manager.take().rfind("READY=1\n", 0) == 0);
  s.manager.reloading(1'234'567'890);
  s.manager.reloaded(1'300'000'000);
  CHECK(manager.take() == "RELOADING=1\nMONOTONIC_USEC=1234567");
  CHECK(manager.take() == "READY=1");
  CHECK(manager.take().empty());
}

TEST_CASE("a manager that does not read stops nothing, and hears of ready when it reads again") {
  listener manager;
  {
    service talkative;
    // Until its queue is full.
    for (int i = 1; i < 5000; ++i) talkative.poll(i * second);
  }
  service s;
  s.poll(second);
  while (!manager.take().empty()) continue;
  s.poll(second + second / 2);
  CHECK(manager.take().empty());
  s.poll(2 * second);
  CHECK(manager.take().rfind("READY=1\n", 0) == 0);
}

TEST_CASE("without a manager, or with a name that is none, nothing is due") {
  for (const std::string& name : {std::string(), std::string("tcp:1"), std::string("@"),
                                  "/" + std::string(200, 'x'), std::string("/no/such/socket")}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    service s;
    s.poll(second);
    s.manager.reloading(second);
    s.manager.reloaded(second);
    s.manager.stopping();
    CHECK(s.manager.alive_due_ns() == std::numeric_limits<std::int64_t>::max());
  }
  ::unsetenv("NOTIFY_SOCKET");
}
