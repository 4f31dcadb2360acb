// SPDX-License-Identifier: Apache-2.0
//
// The event server with real sockets: what clients get, and what a bad client does to the others.
#include "collect/serving/event_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "unit/collect/owners/given_owners.h"
#include "unit/collect/scratch_directory.h"
#include "unit/collect/scripted/os.h"

using namespace tcpinfo;
using namespace tcpinfo::collect;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t start_ns = 1'600'000'000'000'000'000;

socket_id id_of(std::uint64_t cookie) {
  socket_id id;
  if (parse_ip_address("192.0.2.1", id.src) || parse_ip_address("2001:db8::2", id.dst))
    std::abort();
  id.sport = static_cast<std::uint16_t>(cookie);
  id.dport = 443;
  id.cookie = cookie;
  return id;
}

struct served {
  scratch_directory scratch;
  std::string path = (scratch.path() / "events.sock").string();
  uuid_prefixes prefixes;

  served() { REQUIRE(prefixes.set("test")); }

  [[nodiscard]] event_server_options options() const {
    event_server_options o;
    o.path = path;
    return o;
  }
};

template <class Condition>
bool soon(Condition&& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

event_client connect(const event_server& server, const std::string& path) {
  const std::uint64_t before = server.counts().accepted.get() + server.counts().refused.get();
  event_client client;
  REQUIRE_FALSE(client.connect(path));
  // Connected is not yet accepted, and what is told before that is not for it.
  REQUIRE(soon(
      [&] { return server.counts().accepted.get() + server.counts().refused.get() > before; }));
  return client;
}

struct heard {
  flow_event_kind kind;
  std::uint64_t cookie;
  std::int64_t time_ns;
  friend bool operator==(const heard&, const heard&) = default;
};

// Reads the next event; false at the end.
bool read_event(event_client& client, heard& out) {
  flow_event e;
  bool more = false;
  if (client.next(e, more) || !more) return false;
  out.kind = e.kind;
  out.time_ns = e.time.unix_nanoseconds().value_or(0);
  if (parse_uuid_cookie(e.uuid, out.cookie) || !e.uuid.starts_with("test_")) std::abort();
  if ((e.kind == flow_event_kind::opened) != (e.has_id != 0)) std::abort();
  if (e.has_id != 0 && (e.id.cookie != out.cookie || e.id.dport != 443)) std::abort();
  return true;
}

std::vector<heard> read_events(event_client& client, std::size_t count) {
  std::vector<heard> all;
  heard one{};
  while (all.size() < count && read_event(client, one)) all.push_back(one);
  return all;
}

heard opened(std::uint64_t cookie, std::int64_t time_ns) {
  return {flow_event_kind::opened, cookie, time_ns};
}
heard closed(std::uint64_t cookie, std::int64_t time_ns) {
  return {flow_event_kind::closed, cookie, time_ns};
}

// Tells it, leaving the server time where its queue is full: for tests that want every event.
void tell_surely(event_server& server, bool open, std::uint64_t cookie, std::int64_t time_ns) {
  for (;;) {
    const std::uint64_t before = server.counts().not_queued.get();
    if (open)
      server.opened(id_of(cookie), time_ns);
    else
      server.closed(cookie, time_ns);
    if (server.counts().not_queued.get() == before) return;
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

TEST_CASE("every client hears every event, in order, and the end") {
  served s;
  event_server server(s.options(), s.prefixes);
  REQUIRE_FALSE(server.start());
  std::vector<event_client> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(connect(server, s.path));
  CHECK(server.counts().clients == 60);
  std::vector<heard> told;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    server.opened(id_of(i), start_ns + static_cast<std::int64_t>(i));
    told.push_back(opened(i, start_ns + static_cast<std::int64_t>(i)));
    if (i % 2 == 0) {
      server.closed(i / 2, start_ns + 1000);
      told.push_back(closed(i / 2, start_ns + 1000));
    }
  }
  server.finish();
  for (event_client& client : clients) CHECK(read_events(client, 1000) == told);
  CHECK(server.counts().sent.get() == 60 * told.size());
  CHECK(server.counts().clients == 0);
  CHECK(server.counts().cut_off.get() == 0);
  CHECK_FALSE(std::filesystem::exists(s.path));
}

TEST_CASE("a client that does not read is cut off, and nobody else notices") {
  served s;
  auto options = s.options();
  options.client_bytes = 64 << 10;
  event_server server(options, s.prefixes);
  REQUIRE_FALSE(server.start());
  event_client slow = connect(server, s.path);
  event_client good = connect(server, s.path);
  constexpr std::uint64_t count = 20'000;  // some 3.5 MB
  std::atomic<std::uint64_t> got{0};
  bool in_order = true;
  std::thread reader([&] {
    heard one{};
    while (read_event(good, one)) in_order = (one.cookie == ++got) && in_order;
  });
  std::int64_t longest = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const auto before = std::chrono::steady_clock::now();
    server.opened(id_of(i), start_ns);
    longest = std::max<std::int64_t>(longest, (std::chrono::steady_clock::now() - before).count());
    // The good one keeps up, however slow this machine is; it can only if the other is in nobody's
    // way.
    if (i % 100 == 0 && !soon([&] { return got + 100 >= i; })) break;
  }
  CHECK(soon([&] { return server.counts().cut_off.get() == 1; }));
  server.finish();
  reader.join();
  CHECK(server.counts().not_queued.get() == 0);
  CHECK(got == count);
  CHECK(in_order);
  INFO("the longest call took " << longest << " ns");
  CHECK(longest < 1'000'000'000);
  // What reached it before is whole, but for the last line.
  heard one{};
  std::uint64_t late = 0;
  while (read_event(slow, one)) CHECK(one.cookie == ++late);
  CHECK(late > 0);
  CHECK(late < count);
}

TEST_CASE("a new client is told what is open, once each, before what comes") {
  served s;
  auto options = s.options();
  options.replay = true;
  event_server server(options, s.prefixes);
  REQUIRE_FALSE(server.start());
  event_client first = connect(server, s.path);
  for (std::uint64_t i = 5; i >= 1; --i)
    server.opened(id_of(i), start_ns + 10 - static_cast<std::int64_t>(i));
  server.closed(3, start_ns + 20);
  REQUIRE(read_events(first, 6).size() == 6);
  event_client second = connect(server, s.path);
  server.closed(5, start_ns + 30);
  server.opened(id_of(6), start_ns + 31);
  server.opened(id_of(5), start_ns + 32);
  server.finish();
  const std::vector<heard> expected = {opened(5, start_ns + 5),  opened(4, start_ns + 6),
                                       opened(2, start_ns + 8),  opened(1, start_ns + 9),
                                       closed(5, start_ns + 30), opened(6, start_ns + 31),
                                       opened(5, start_ns + 32)};
  CHECK(read_events(second, 100) == expected);
}

namespace {

void know(told_owners& told, std::uint64_t cookie, owner_found how) {
  const std::lock_guard lock(told.mutex);
  process_owner& owner = told.all[cookie];
  owner.how = how;
  owner.pid = 0xffff'fff0;  // no process has it
  owner.comm = "comm";
}

std::string owners_heard(event_client& client, std::size_t count) {
  std::string text;
  flow_event e;
  bool more = false;
  for (; count > 0 && !client.next(e, more) && more; --count)
    text += fmt::format("{} {} {},", static_cast<int>(e.kind), e.owner, e.pid);
  return text;
}

}  // namespace

TEST_CASE("whose a connection is is told where that is asked for, as it is known by then") {
  served s;
  auto options = s.options();
  options.replay = true;
  told_owners told;
  owner_book book(owner_level::process, std::make_unique<given_owners>(told));
  event_server server(options, s.prefixes);
  REQUIRE_FALSE(server.start());
  const bool asked = GENERATE(true, false);
  if (asked) server.tell_owners(book);
  event_client first = connect(server, s.path);
  know(told, 1, owner_found::listener);
  know(told, 2, owner_found::connect);
  for (std::uint64_t i = 1; i <= 3; ++i) server.opened(id_of(i), start_ns);
  const std::string heard = owners_heard(first, 3);
  know(told, 1, owner_found::io);
  event_client second = connect(server, s.path);
  // What is known later with less right is no news.
  know(told, 2, owner_found::listener);
  for (std::uint64_t i = 1; i <= 3; ++i) server.closed(i, start_ns + 1);
  server.finish();
  const std::string ends = "1 io 4294967280,1 connect 4294967280,1  ,";
  CHECK(heard == (asked ? "0 listener 4294967280,0 connect 4294967280,0  ," : "0  ,0  ,0  ,"));
  CHECK(owners_heard(first, 9) == (asked ? ends : "1  ,1  ,1  ,"));
  CHECK(owners_heard(second, 9) ==
        (asked ? "0 io 4294967280,0 connect 4294967280,0  ," + ends : "0  ,0  ,0  ,1  ,1  ,1  ,"));
}

TEST_CASE("a close that finds the queue full is told late, and leaves nothing open in replays") {
  served s;
  auto options = s.options();
  options.replay = true;
  options.queue_notices = 8;
  event_server server(options, s.prefixes);
  // Nobody takes what is told yet: opens have three quarters of the room, closes all of it.
  std::vector<heard> told;
  for (std::uint64_t i = 1; i <= 6; ++i) server.opened(id_of(i), start_ns);
  for (std::uint64_t i = 1; i <= 5; ++i) server.closed(i, start_ns + 1);
  // While one waits, nothing that is newer goes before it: a cookie may be another connection's
  // now.
  server.opened(id_of(3), start_ns + 2);
  CHECK(server.counts().not_queued.get() == 1);
  REQUIRE_FALSE(server.start());
  event_client client = connect(server, s.path);
  // When all is told there is room again.
  CHECK(soon([&] {
    const std::uint64_t before = server.counts().not_queued.get();
    server.opened(id_of(7), start_ns + 3);
    return server.counts().not_queued.get() == before;
  }));
  CHECK(soon([&] {
    heard one{};
    REQUIRE(read_event(client, one));
    told.push_back(one);
    return one == opened(7, start_ns + 3);
  }));
  event_client late = connect(server, s.path);
  server.closed(7, start_ns + 4);
  server.finish();
  CHECK(read_events(late, 100) ==
        std::vector<heard>{opened(6, start_ns), opened(7, start_ns + 3), closed(7, start_ns + 4)});
  // Whenever the first one came: each close that it heard of was of an open that it had heard of.
  std::set<std::uint64_t> open;
  for (const heard& one : told) {
    if (one.kind == flow_event_kind::opened)
      CHECK(open.insert(one.cookie).second);
    else
      CHECK(open.erase(one.cookie) == 1);
  }
  CHECK(open == std::set<std::uint64_t>{6, 7});
}

TEST_CASE("closes that come faster than they are told leave no ghosts") {
  served s;
  auto options = s.options();
  options.replay = true;
  options.queue_notices = 64;
  event_server server(options, s.prefixes);
  REQUIRE_FALSE(server.start());
  event_client first = connect(server, s.path);
  std::thread reader([&] {
    heard one{};
    while (read_event(first, one)) continue;
  });
  for (std::uint64_t round = 0; round < 200; ++round) {
    for (std::uint64_t i = 1; i <= 100; ++i) server.opened(id_of(1000 * round + i), start_ns);
    for (std::uint64_t i = 1; i <= 100; ++i) server.closed(1000 * round + i, start_ns + 1);
  }
  // Once that of the last is told, all are.
  tell_surely(server, true, 999'999, start_ns + 2);
  event_client late = connect(server, s.path);
  std::set<std::uint64_t> open;
  heard one{};
  do {
    REQUIRE(read_event(late, one));
    if (one.kind == flow_event_kind::opened)
      open.insert(one.cookie);
    else
      open.erase(one.cookie);
  } while (one.cookie != 999'999);
  CHECK(open == std::set<std::uint64_t>{999'999});
  CHECK(server.counts().not_queued.get() > 0);
  server.finish();
  reader.join();
}

TEST_CASE("a replay far larger than what a client may lag behind comes whole") {
  served s;
  auto options = s.options();
  options.replay = true;
  options.client_bytes = 4096;
  event_server server(options, s.prefixes);
  REQUIRE_FALSE(server.start());
  constexpr std::uint64_t count = 30'000;
  for (std::uint64_t i = 1; i <= count; ++i) tell_surely(server, true, i, start_ns);
  // A close without an open is dropped; when it is, all before it is known.
  server.closed(count + 1, start_ns);
  REQUIRE(soon([&] { return server.counts().not_sent.get() == 1; }));
  event_client client = connect(server, s.path);
  heard one{};
  std::uint64_t got = 0;
  while (got < count && read_event(client, one)) CHECK(one.cookie == ++got);
  CHECK(got == count);
  server.closed(7, start_ns + 1);
  REQUIRE(read_event(client, one));
  CHECK(one == closed(7, start_ns + 1));
}

TEST_CASE("clients that come while connections come and go hear a history that makes sense") {
  served s;
  auto options = s.options();
  options.replay = true;
  options.client_bytes = std::size_t{64} << 20;  // nobody is to be cut off here
  event_server server(options, s.prefixes);
  REQUIRE_FALSE(server.start());
  constexpr std::uint64_t count = 20'000;
  constexpr std::uint64_t width = 50;  // open at a time
  constexpr int clients = 8;
  std::vector<std::thread> readers;
  std::atomic<int> heard_all{0};
  std::atomic<int> good{0};
  for (int i = 0; i < clients; ++i) {
    readers.emplace_back([&, i] {
      std::this_thread::sleep_for(5ms * i);
      event_client client;
      if (client.connect(s.path)) return;
      std::map<std::uint64_t, int> state;  // 1 open, 2 closed
      heard one{};
      bool sense = true;
      while (read_event(client, one)) {
        int& now = state[one.cookie];
        sense = sense && now == (one.kind == flow_event_kind::opened ? 0 : 1);
        ++now;
        if (now == 2 && one.cookie == count) ++heard_all;
      }
      // All that came after the first one heard was heard, and all of it has ended.
      sense = sense && !state.empty() && state.rbegin()->first == count;
      for (const auto& [cookie, now] : state) sense = sense && now == 2;
      if (!state.empty()) sense = sense && state.size() == count - state.begin()->first + 1;
      good += sense ? 1 : 0;
    });
  }
  for (std::uint64_t i = 1; i <= count + width; ++i) {
    if (i <= count) tell_surely(server, true, i, start_ns);
    if (i > width) tell_surely(server, false, i - width, start_ns);
    if (i % 100 == 0) std::this_thread::sleep_for(200us);
    // However fast this loop is, everybody comes while there is something to hear.
    if (i == count / 2) CHECK(soon([&] { return server.counts().clients == clients; }));
  }
  // finish() leaves a client a second to read what is left; a slow build needs more for all this.
  CHECK(soon([&] { return heard_all == clients; }));
  server.finish();
  for (std::thread& reader : readers) reader.join();
  CHECK(good == clients);
}

TEST_CASE("a full queue takes closes longer than opens, and no close is told without its open") {
  served s;
  auto options = s.options();
  options.queue_notices = 16;
  options.replay = true;
  event_server server(options, s.prefixes);
  // Its thread does not run yet.
  for (std::uint64_t i = 1; i <= 20; ++i) server.opened(id_of(i), start_ns);
  CHECK(server.counts().not_queued.get() == 8);
  server.closed(1, start_ns);
  server.closed(20, start_ns);
  server.closed(2, start_ns);
  server.closed(3, start_ns);
  CHECK(server.counts().not_queued.get() == 8);
  // It waits beside the full queue.
  server.closed(4, start_ns);
  CHECK(server.counts().not_queued.get() == 8);
  REQUIRE_FALSE(server.start());
  CHECK(soon([&] { return server.counts().not_sent.get() == 1; }));
  tell_surely(server, true, 21, start_ns);
  event_client client = connect(server, s.path);
  const std::vector<heard> all = read_events(client, 9);
  REQUIRE(all.size() == 9);
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(all[i] == opened(i + 5, start_ns));
  CHECK(all[8] == opened(21, start_ns));
}

TEST_CASE("too many clients are turned away") {
  served s;
  auto options = s.options();
  options.max_clients = 2;
  event_server server(options, s.prefixes);
  REQUIRE_FALSE(server.start());
  event_client a = connect(server, s.path);
  event_client b = connect(server, s.path);
  event_client c = connect(server, s.path);
  CHECK(server.counts().refused.get() == 1);
  flow_event e;
  bool more = true;
  REQUIRE_FALSE(c.next(e, more));
  CHECK_FALSE(more);
  // One that goes makes room.
  a.close();
  CHECK(soon([&] { return server.counts().clients == 1; }));
  event_client d = connect(server, s.path);
  server.opened(id_of(1), start_ns);
  CHECK(read_events(d, 1).size() == 1);
  CHECK(read_events(b, 1).size() == 1);
}

TEST_CASE("replays that nobody reads take a bounded amount of memory") {
  served s;
  auto options = s.options();
  options.replay = true;
  options.max_replay = 40'000;
  event_server server(options, s.prefixes);
  REQUIRE_FALSE(server.start());
  constexpr std::uint64_t count = 15'000;  // more than a socket takes
  for (std::uint64_t i = 1; i <= count; ++i) tell_surely(server, true, i, start_ns);
  server.closed(count + 1, start_ns);
  REQUIRE(soon([&] { return server.counts().not_sent.get() == 1; }));
  event_client a = connect(server, s.path);
  event_client b = connect(server, s.path);
  event_client c = connect(server, s.path);
  CHECK(server.counts().refused.get() == 1);
  CHECK(read_events(a, count).size() == count);
  event_client d = connect(server, s.path);
  CHECK(server.counts().refused.get() == 1);
  CHECK(read_events(b, count).size() == count);
  CHECK(read_events(d, count).size() == count);
  CHECK(read_events(c, 1).empty());
}

TEST_CASE("a client that talks, or has nothing more to say, still listens") {
  served s;
  event_server server(s.options(), s.prefixes);
  REQUIRE_FALSE(server.start());
  event_client client = connect(server, s.path);
  const std::string talk(200'000, 'x');
  // As much as the socket takes.
  (void)!::send(client.descriptor(), talk.data(), talk.size(), MSG_DONTWAIT);
  REQUIRE(::shutdown(client.descriptor(), SHUT_WR) == 0);
  std::this_thread::sleep_for(20ms);
  server.opened(id_of(1), start_ns);
  CHECK(read_events(client, 1).size() == 1);
  CHECK(server.counts().clients == 1);
}

TEST_CASE("the socket's file has the mode asked for, whatever the umask") {
  served s;
  const mode_t before = ::umask(077);
  for (const unsigned mode : {0600U, 0666U, 0620U, 0777U}) {
    auto options = s.options();
    options.mode = mode;
    event_server server(options, s.prefixes);
    REQUIRE_FALSE(server.start());
    struct stat status {};
    REQUIRE(::lstat(s.path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == mode);
  }
  event_server server(s.options(), s.prefixes);
  REQUIRE_FALSE(server.start());
  struct stat status {};
  REQUIRE(::lstat(s.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0700);
  ::umask(before);
}

TEST_CASE("only a socket that nobody listens to is replaced") {
  served s;
  const auto start = [&] {
    event_server server(s.options(), s.prefixes);
    return server.start();
  };
  SECTION("what a killed server left") {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    s.path.copy(name.sun_path, sizeof name.sun_path - 1);
    const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(::bind(stale, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
    REQUIRE(::listen(stale, 1) == 0);
    ::close(stale);
    REQUIRE(std::filesystem::exists(s.path));
    CHECK_FALSE(start());
  }
  SECTION("somebody listens") {
    event_server other(s.options(), s.prefixes);
    REQUIRE_FALSE(other.start());
    CHECK(start() == std::errc::address_in_use);
    CHECK(std::filesystem::exists(s.path));
    event_client client = connect(other, s.path);
    other.opened(id_of(1), start_ns);
    CHECK(read_events(client, 1).size() == 1);
  }
  SECTION("a file") {
    std::ofstream(s.path) << "content";
    CHECK(start() == std::errc::file_exists);
    CHECK(std::filesystem::file_size(s.path) == 7);
  }
  SECTION("a symbolic link, to a stale socket or to nothing") {
    const std::string other = (s.scratch.path() / "other").string();
    std::filesystem::create_symlink(other, s.path);
    CHECK(start() == std::errc::file_exists);
    CHECK(std::filesystem::is_symlink(s.path));
    CHECK_FALSE(std::filesystem::exists(other));
  }
  SECTION("a path that cannot be") {
    s.path = (s.scratch.path() / "none" / "s").string();
    CHECK(start() == std::errc::no_such_file_or_directory);
    s.path = std::string(108, 'x');
    CHECK(start() == std::errc::filename_too_long);
    s.path.clear();
    CHECK(start() == std::errc::invalid_argument);
  }
}

TEST_CASE("what was put in the socket's place is not removed") {
  served s;
  {
    event_server server(s.options(), s.prefixes);
    REQUIRE_FALSE(server.start());
    std::filesystem::remove(s.path);
    std::ofstream(s.path) << "content";
  }
  CHECK(std::filesystem::file_size(s.path) == 7);
}
