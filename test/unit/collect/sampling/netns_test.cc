// SPDX-License-Identifier: Apache-2.0
//
// Several network namespaces, each with a scripted kernel: whose connections are whose, what comes
// and goes, and what cannot be entered.
#include "collect/os/netns.h"

#include <chrono>
#include <functional>

#include "unit/collect/run.h"

using namespace std::chrono_literals;

namespace {

found_netns found(std::uint64_t inode, const std::string& name) {
  return {{1, inode}, name, "/run/netns/" + name};
}

std::string netns_of(const file& f) {
  archive_reader reader;
  REQUIRE_FALSE(reader.open_path(f.path));
  record r;
  bool more = false;
  metadata m;
  REQUIRE_FALSE(reader.next(r, more));
  REQUIRE(r.get_metadata(m));
  return std::string(m.netns);
}

// A run with other namespaces, whose clock is that of the main loop: it goes on until `done`, which
// it asks between polls, in real time.
struct netns_run : run {
  std::vector<scripted_kernel> kernels = std::vector<scripted_kernel>(3);

  netns_run() {
    settings.netns = {"all"};
    settings.reps = 0;
    // While one thread waits for a processor, others' waiting can be hours of the script's clock.
    settings.rotate_ns = std::int64_t{365} * 24 * 3600 * 1'000'000'000;
    for (scripted_kernel& k : kernels) system.others.push_back(&k);
  }
  made_socket& add_to(std::size_t which, std::uint64_t cookie) {
    made_socket& s = kernels[which].sockets[cookie];
    s.cookie = cookie;
    return s;
  }
  int collect_until(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    bool asked = false;
    kernel.before_poll = [&](scripted_kernel&, std::uint64_t) {
      std::this_thread::sleep_for(1ms);
      if (asked || (!done() && std::chrono::steady_clock::now() < give_up)) return;
      asked = true;
      operator_says.ask(request::stop);
    };
    return collect();
  }
};

}  // namespace

TEST_CASE("connections of other network namespaces are told apart by their metadata") {
  netns_run r;
  // The same ends everywhere; cookies differ, as the kernel's do.
  r.add(1);
  r.add_to(0, 2);
  r.add_to(1, 3);
  r.add_to(1, 4);
  r.system.set_netns({{found(0, "blue"), found(1, "net:[4026532008]")}, {}});
  std::atomic<std::uint64_t> polls{0};
  for (scripted_kernel& k : r.kernels)
    k.before_poll = [&](scripted_kernel&, std::uint64_t) { ++polls; };
  CHECK(r.collect_until([&] { return polls > 10; }) == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 4);
  CHECK(netns_of(files.at(name_of(1, 0))).empty());
  CHECK(netns_of(files.at(name_of(2, 0))) == "blue");
  CHECK(netns_of(files.at(name_of(3, 0))) == "net:[4026532008]");
  CHECK(netns_of(files.at(name_of(4, 0))) == "net:[4026532008]");
}

TEST_CASE("a namespace that comes is recorded, one that goes is left when its connections have") {
  netns_run r;
  r.system.set_netns({{found(0, "first")}, {}});
  std::atomic<int> step{0};
  std::atomic<std::uint64_t> first_polls{0};
  std::atomic<std::uint64_t> second_polls{0};
  r.add_to(0, 7);
  r.kernels[0].before_poll = [&](scripted_kernel& k, std::uint64_t) {
    ++first_polls;
    // It has been unmounted for long when its last connection ends.
    if (step == 2 && !k.sockets.empty()) {
      k.destroy(7);
      step = 3;
    }
  };
  r.kernels[1].before_poll = [&](scripted_kernel& k, std::uint64_t number) {
    second_polls = number;
    if (number == 1) k.sockets[8].cookie = 8;
  };
  std::uint64_t at_last = 0;
  auto quiet_since = std::chrono::steady_clock::now();
  const int status = r.collect_until([&] {
    const auto now = std::chrono::steady_clock::now();
    if (step == 0 && first_polls > 5) {
      r.system.set_netns({{found(1, "second")}, {}});
      step = 1;
    }
    if (step == 1 && second_polls > 5) step = 2;
    if (first_polls != at_last) quiet_since = now;
    at_last = first_polls;
    // It is polled no more.
    return step == 3 && now - quiet_since > 200ms;
  });
  CHECK(status == exit_ok);
  CHECK(step == 3);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 2);
  const file& gone = files.at(name_of(7, 0));
  CHECK(netns_of(gone) == "first");
  CHECK(gone.lines.back().poll == no_poll);
  CHECK(netns_of(files.at(name_of(8, 0))) == "second");
}

TEST_CASE("a namespace that alone is sampled by dumps is named, with the reason") {
  netns_run r;
  r.system.set_netns({{found(0, "blue")}, {}});
  std::atomic<std::uint64_t> polls{0};
  r.kernels[0].before_poll = [&](scripted_kernel&, std::uint64_t) { ++polls; };
  const std::string line = "network namespace blue is sampled by dumps, not by events: no room";
  r.system.why_others_dump = "no room";
  CHECK(r.collect_until([&] { return polls > 3; }) == exit_ok);
  CHECK(r.lines_with(line) == 0);  // none is sampled otherwise
  r.system.follows = true;
  polls = 0;
  CHECK(r.collect_until([&] { return polls > 3; }) == exit_ok);
  CHECK(r.lines_with(line) == 1);
}

TEST_CASE("a namespace that cannot be entered stops nothing") {
  netns_run r;
  r.add(1);
  r.add_to(0, 2);
  r.system.enter_errno = EPERM;
  r.system.set_netns({{found(0, "blue")}, {}});
  CHECK(r.collect_until([&] { return r.system.netns_looks > 6; }) == exit_ok);
  CHECK(r.count("netns_faults") == 1);
  CHECK(r.lines_with("cannot record network namespace blue: Operation not permitted") == 1);
  CHECK(read_all(r.output).size() == 1);
}

TEST_CASE("that no ends are told is said once, however many namespaces there are") {
  netns_run r;
  r.kernel.ends_refused = {EPERM, std::system_category()};
  for (scripted_kernel& k : r.kernels) k.ends_refused = r.kernel.ends_refused;
  r.add(1);
  r.add_to(0, 2);
  r.add_to(1, 3);
  r.system.set_netns({{found(0, "blue"), found(1, "red")}, {}});
  std::atomic<std::uint64_t> polls{0};
  r.kernels[0].before_poll = [&](scripted_kernel& k, std::uint64_t number) {
    // The kernel says nothing of it.
    if (number == 5) k.sockets.erase(2);
    polls = number;
  };
  CHECK(r.collect_until([&] { return polls > 50; }) == exit_ok);
  CHECK(r.lines_with("connections end without final counters") == 1);
  CHECK(r.count("losses") == 0);
  CHECK(read_all(r.output).size() == 3);
}

TEST_CASE("a namespace for which there is no thread is a fault, and tried again") {
  netns_run r;
  r.settings.writers = 1;
  r.add(1);
  r.add_to(0, 2);
  r.system.set_netns({{found(0, "blue")}, {}});
  // Those that it starts with: a visitor of namespaces, the writer, the finalizer, the finder.
  constexpr int first = 4;
  std::atomic<int> threads{0};
  r.system.thread_errno = [&] {
    const int number = ++threads;
    return number > first && number <= first + 3 ? EAGAIN : 0;
  };
  std::atomic<std::uint64_t> polls{0};
  r.kernels[0].before_poll = [&](scripted_kernel&, std::uint64_t) { ++polls; };
  CHECK(r.collect_until([&] { return polls > 10; }) == exit_ok);
  CHECK(threads == first + 4);
  CHECK(r.count("netns_faults") == 1);
  CHECK(r.lines_with("cannot record network namespace blue: no thread for it: Resource temporarily "
                     "unavailable (tried again") == 1);
  CHECK(read_all(r.output).size() == 2);
}

TEST_CASE("where the threads that it cannot do without are not to be had, it does not start") {
  for (int missing = 1; missing <= 4; ++missing) {
    netns_run r;
    r.settings.writers = 1;
    r.system.set_netns({{found(0, "blue")}, {}});
    std::atomic<int> threads{0};
    r.system.thread_errno = [&] { return ++threads == missing ? EAGAIN : 0; };
    CHECK(r.collect_until([] { return true; }) == exit_trouble);
    CHECK(r.lines_with("cannot start ") == 1);
    CHECK(r.lines_with(": Resource temporarily unavailable") == 1);
  }
}

TEST_CASE("a namespace that samples for moments and fails again is said once") {
  netns_run r;
  r.settings.verbose = true;
  r.add_to(0, 2);
  r.kernels[0].dump_fault = {EMFILE, std::system_category()};
  r.system.set_netns({{found(0, "blue")}, {}});
  std::atomic<int> tries{0};
  std::atomic<std::uint64_t> polls{0};
  r.kernels[0].before_poll = [&](scripted_kernel& k, std::uint64_t) {
    if (!k.dump_fault)
      ++polls;
    else if (++tries == 6)
      k.dump_fault = {};
  };
  // Twenty seconds of its clock, in which it is all right, and a look that finds it so.
  int well_at_look = 0;
  CHECK(r.collect_until([&] {
    if (well_at_look == 0 && polls > 2'000) well_at_look = r.system.netns_looks;
    return well_at_look != 0 && r.system.netns_looks > well_at_look + 1;
  }) == exit_ok);
  CHECK(tries == 6);
  CHECK(r.count("netns_faults") == 1);
  CHECK(r.lines_with("cannot record network namespace blue: Too many open files") == 1);
  // When it began, and when it was certain that it goes on.
  CHECK(r.lines_with("recording network namespace blue too") == 2);
  CHECK(read_all(r.output).size() == 1);
}

TEST_CASE("where not all namespaces are to be seen none is taken for gone") {
  netns_run r;
  r.system.set_netns({{found(0, "blue"), found(1, "red")}, {}});
  // Red fails all the time; its failure is not forgotten, either.
  r.kernels[1].dump_fault = {EMFILE, std::system_category()};
  std::atomic<int> tries{0};
  r.kernels[1].before_poll = [&](scripted_kernel&, std::uint64_t) { ++tries; };
  std::atomic<std::uint64_t> polls{0};
  r.kernels[0].before_poll = [&](scripted_kernel&, std::uint64_t) { ++polls; };
  std::int64_t begun_ns = 0;
  std::int64_t blind_ns = 0;
  std::uint64_t blind_from = 0;
  // The first visit of all has a thread of its own.
  constexpr int visitors = 1;
  int failed_at_look = 0;
  CHECK(r.collect_until([&] {
    const std::int64_t now_ns = r.system.monotonic_ns();
    if (begun_ns == 0) begun_ns = now_ns;
    if (blind_ns == 0 && tries > 0 && polls > 0) {
      netns_findings blind{
          {}, {{"the network namespaces of processes", {EMFILE, std::system_category()}}}};
      blind.complete = false;
      r.system.set_netns(blind);
      blind_ns = now_ns;
      blind_from = polls;
    }
    if (failed_at_look == 0 && r.system.threads_ended > visitors)
      failed_at_look = r.system.netns_looks;
    // What fails in a few looks running is said.
    const bool said = failed_at_look != 0 && r.system.netns_looks > failed_at_look + 5;
    // Without connections it would be left after a second of its clock.
    return said && blind_ns != 0 && now_ns > blind_ns + 9'000'000'000 && polls > blind_from + 500;
  }) == exit_ok);
  CHECK(polls > blind_from + 500);
  // No sooner than after ten seconds.
  CHECK(tries <= 2 + (r.system.monotonic_ns() - begun_ns) / 10'000'000'000);
  CHECK(r.lines_with("cannot record network namespace red: Too many open files") == 1);
}

TEST_CASE("polls have the same numbers in all namespaces, and records go on after a restart") {
  netns_run r;
  made_socket& mine = r.add(1);
  made_socket& other = r.add_to(0, 2);
  r.system.set_netns({{found(0, "blue")}, {}});
  std::atomic<std::uint64_t> polls{0};
  r.kernels[0].before_poll = [&](scripted_kernel&, std::uint64_t number) {
    other.set(128, std::uint64_t{number});
    polls = number;
  };
  CHECK(r.collect_until([&] { return polls > 20; }) == exit_ok);
  polls = 0;
  (void)mine;
  CHECK(r.collect_until([&] { return polls > 20; }) == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.count(name_of(2, 1)) == 1);
  CHECK(files.at(name_of(2, 1)).start_time == files.at(name_of(2, 0)).start_time);
  std::uint64_t last = 0;
  for (const line& l : files.at(name_of(2, 0)).lines) {
    CHECK(l.poll > last);
    last = l.poll;
  }
  CHECK(last >= 20);
}

TEST_CASE("exclusions that are read again hold in every namespace") {
  netns_run r;
  const fs::path unwanted = r.scratch.path() / "unwanted";
  std::ofstream(unwanted) << "";
  r.settings.exclude_files = {unwanted.string()};
  made_socket& other = r.add_to(0, 2);
  other.sport = 9100;
  r.system.set_netns({{found(0, "blue")}, {}});
  std::atomic<std::uint64_t> polls{0};
  r.kernels[0].before_poll = [&](scripted_kernel&, std::uint64_t number) {
    other.set(128, std::uint64_t{number});
    polls = number;
  };
  bool asked = false;
  std::uint64_t reloaded_at = 0;
  // Other namespaces have threads of their own: how many polls they make until the list is read
  // again is the scheduler's affair, how many after it is not.
  CHECK(r.collect_until([&] {
    if (!asked && polls > 10) {
      std::ofstream(unwanted) << "srcport 9100\n";
      r.operator_says.ask(request::reload);
      asked = true;
    } else if (asked && reloaded_at == 0 && r.operator_says.is_obeyed()) {
      reloaded_at = polls;
    }
    return reloaded_at != 0 && polls > reloaded_at + 50;
  }) == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.begin()->second.lines.size() > 10);
  CHECK(files.begin()->second.lines.size() <= reloaded_at + 2);
}

TEST_CASE("which kernels number the sockets of all namespaces together") {
  for (const std::string_view one :
       {"5.4.0", "5.4", "5.10.0-28-amd64", "6.1.0", "10.0", "6", "linux"})
    CHECK(cookies_are_unique(one));
  for (const std::string_view one : {"5.3.18-lp152", "4.19.0", "3.10", "5"})
    CHECK_FALSE(cookies_are_unique(one));
}

TEST_CASE("what can be the name of a network namespace") {
  for (const std::string_view good : {"all", "blue", "/proc/1/ns/net", "a.b"})
    CHECK(is_netns_name(good));
  for (const std::string_view bad : {"", ".", "..", "a\nb"}) CHECK_FALSE(is_netns_name(bad));
}
