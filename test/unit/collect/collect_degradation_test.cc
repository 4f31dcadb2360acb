// SPDX-License-Identifier: Apache-2.0
//
// What can happen to a machine while the collector runs, where the test double of the operating
// system can bring it about: watch, files taken away, reloading, addresses that change.
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "collect/control/clock_watch.h"
#include "collect/control/exclusion_file.h"
#include "collect/os/output_tree.h"
#include "collect/os/small_file.h"
#include "collect/writing/identity.h"

#include "unit/collect/run.h"
#include "unit/sanitized.h"

TEST_CASE("a stepped wall clock and a sleep are told apart, counted, and stop nothing") {
  scripted_kernel kernel;
  scripted_os system(kernel);
  statistics counts;
  clock_watch watch(system, counts);
  constexpr std::int64_t second = 1'000'000'000;
  watch.look();
  system.wait(-1, -1, system.monotonic_ns() + second);
  system.realtime += 50'000;  // discipline
  watch.look();
  CHECK(counts.clock_steps.get() == 0);
  system.realtime -= 3600 * second;
  watch.look();
  CHECK(counts.clock_steps.get() == 1);
  system.realtime += 2 * second;
  watch.look();
  CHECK(counts.clock_steps.get() == 2);
  CHECK(counts.suspends.get() == 0);
  system.slept += 8 * 3600 * second;
  watch.look();
  watch.look();
  CHECK(counts.suspends.get() == 1);
  CHECK(counts.clock_steps.get() == 2);
}

TEST_CASE("records follow a clock that is stepped back, and none is lost") {
  run r;
  r.add(1);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll == 50) r.system.realtime -= std::int64_t{86'400} * 1'000'000'000;
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("clock_steps") == 1);
  CHECK(r.lines_with("the wall clock was stepped") == 1);
  // Each day's are in its folder.
  auto files = read_all(r.output);
  REQUIRE(files.size() == 2);
  std::uint64_t poll = 0;
  for (const int sequence : {0, 1}) {
    const file& f = files[name_of(1, sequence)];
    CHECK(f.path.find(sequence == 0 ? "/2020/09/13/" : "/2020/09/12/") != std::string::npos);
    for (const line& l : f.lines) {
      CHECK(l.poll == ++poll);
      CHECK(l.time.substr(0, 10) == (sequence == 0 ? "2020-09-13" : "2020-09-12"));
    }
  }
  CHECK(poll == 100);
}

TEST_CASE("a clock that is stepped forwards and a sleep are each said once, and nothing is lost") {
  run r;
  r.add(1);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll == 30) r.system.realtime += std::int64_t{3'600} * 1'000'000'000;
    if (poll == 60) r.system.slept += std::int64_t{7'200} * 1'000'000'000;
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("clock_steps") == 1);
  CHECK(r.count("suspends") == 1);
  CHECK(r.lines_with("the wall clock was stepped") == 1);
  CHECK(r.lines_with("the machine slept for") == 1);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.begin()->second.lines.size() == 100);
}

TEST_CASE("what a writer that is held up cannot take waits in its queue, as far as memory allows") {
  // Six polls of 8 MB.
  constexpr int connections = 400;
  for (const bool large : {true, false}) {
    INFO(large);
    run r;
    r.settings.flush_ns = 10'000'000;
    r.settings.reps = 12;
    r.settings.max_memory = std::uint64_t{large ? 1024U : 64U} << 20;
    for (std::uint64_t cookie = 1; cookie <= connections; ++cookie) r.add(cookie);
    std::atomic<bool> held{false};
    std::atomic<bool> let_go{false};
    r.system.before_deed = [&](std::string_view deed, const std::string& path) {
      // The disk stands still for the writer's first write.
      if (deed == "append" && path.ends_with(".part") && !held.exchange(true))
        while (!let_go) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return std::error_code{};
    };
    r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
      // The writer may have come to the first records only now: they grow old for it.
      if (poll == 3)
        while (!held) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          (void)r.system.wait(-1, -1, r.system.monotonic_ns() + 1'000'000);
        }
      for (auto& [cookie, s] : k.sockets) {
        if (poll < 3 || poll > 8) continue;
        s.info.resize(20'000);
        s.set(128, poll);
      }
      if (poll == 9) {
        let_go = true;
        r.system.let_writer_rest();
      }
    };
    CHECK(r.collect() == (large ? exit_ok : exit_trouble));
    std::uint64_t records = 0;
    for (const auto& [name, f] : read_all(r.output)) {
      records += f.lines.size();
      // The latest state comes with a next poll in any case.
      CHECK(f.lines.back().bytes_received == 8);
    }
    CHECK(records == r.count("records"));
    if (large) {
      CHECK(r.count("lost_ring") == 0);
      CHECK(records == connections * (1 + 6));
    } else {
      CHECK(r.count("lost_ring") > connections);
      CHECK(records < connections * (1 + 6));
      CHECK(records > connections * (1 + 2));
    }
  }
}

TEST_CASE("a device that fails is said once, and what waited is written when it works again") {
  run r;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 1000;
  r.add(1);
  r.system.append_errno = EIO;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll == 100) r.system.append_faults = 4;
    if (poll % 20 == 0) r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("write_errors") > 0);
  CHECK(r.lines_with("Input/output error") <= 1);
  std::size_t records = 0;
  for (const auto& [name, f] : read_all(r.output)) records += f.lines.size();
  CHECK(records == 1000);
}

TEST_CASE("an end whose message is late is waited for when the run ends") {
  run r;
  r.settings.reps = 0;
  r.add(1);
  r.add(2);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 50) r.operator_says.ask(request::stop);
    // It closes as the run ends; its message comes after the last look.
    if (poll == 51) k.destroy_later(1, 20);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("losses") == 0);
  CHECK(r.kernel.queries == 0);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 2);
  CHECK(files.at(name_of(1, 0)).lines.back().poll == no_poll);
}

TEST_CASE("an end whose message was lost is a loss that is told when the run ends") {
  run r;
  r.settings.reps = 0;
  r.add(1);
  r.add(2);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 50) r.operator_says.ask(request::stop);
    if (poll == 51) {
      k.sockets.erase(1);
      k.overflows = 1;
    }
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.count("lost_finals") == 1);
}

TEST_CASE("idle connections take nothing of the memory for records that wait") {
  run r;
  // The least there is: some 8 MiB for what waits.
  r.settings.max_memory = std::uint64_t{64} << 20;
  r.settings.flush_ns = 50'000'000;
  constexpr std::uint64_t idle = 16'000;
  for (std::uint64_t cookie = 1; cookie <= idle; ++cookie) r.add(cookie);
  const std::uint64_t polls = sanitized ? 20 : 60;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    // The writer is done with the first look's by then.
    if (poll == 2) r.system.let_writer_rest();
    k.sockets.at(7).set(128, poll);
  };
  r.settings.reps = polls;
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("losses") == 0);
  CHECK(r.count("early_flushes") == 0);
  // Five records make a frame by age; each would be one by itself, of some 250 bytes, where memory
  // seemed to be used up.
  CHECK(fs::file_size(r.output / "2020/09/13" / name_of(7, 0)) < polls * 120 + 500);
}

TEST_CASE("a connection that ends while nothing can be written is not touched again") {
  run r;
  const fs::path file = r.scratch.path() / "exclude";
  std::ofstream(file) << "";
  r.settings.exclude_files = {file.string()};
  r.settings.max_memory = std::uint64_t{64} << 20;
  r.settings.flush_ns = 20'000'000;
  r.settings.reps = 0;
  // Every record is large, so that memory ends soon.
  for (std::uint64_t cookie = 1; cookie <= 40; ++cookie) {
    made_socket& s = r.add(cookie);
    s.sport = cookie % 2 == 0 ? 80 : 443;
    s.info.resize(20'000);
  }
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    for (auto& [cookie, socket] : k.sockets) socket.set(128, poll);
    if (poll == 5) r.system.append_faults = 1'000'000;
    r.system.let_writer_rest();
    // Ended in the archive, again and again, while others still fill the memory.
    if (poll > 20 && poll % 10 == 0) {
      std::ofstream(file) << (poll % 20 == 0 ? "srcport 80\n" : "");
      r.operator_says.ask(request::reload);
    }
    if (poll == 300) r.system.append_faults = 0;
    if (poll == 320) r.operator_says.ask(request::stop);
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.count("lost_write") > 0);
  CHECK_FALSE(read_all(r.output).empty());
}

TEST_CASE("a log whose reader has stopped does not stop us, and says so when it reads again") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int before = ::dup(STDERR_FILENO);
  REQUIRE(::dup2(ends[1], STDERR_FILENO) >= 0);
  ::close(ends[1]);
  for (int i = 0; i < 3000; ++i) log(event::started, "line {} of a pipe that fills", i);
  std::string read(std::size_t{1} << 20, '\0');
  const ssize_t first = ::read(ends[0], read.data(), read.size());
  log(event::started, "the reader is back");
  const ssize_t second = ::read(ends[0], read.data(), read.size());
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(ends[0]);
  REQUIRE(first > 0);
  REQUIRE(second > 0);
  read.resize(static_cast<std::size_t>(second));
  CHECK(read.find("lines of the log were dropped: nobody read them\n") != std::string::npos);
  CHECK(read.ends_with("the reader is back\n"));
}

TEST_CASE("the thread of the log takes lines while nobody reads, and says how many it dropped") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int before = ::dup(STDERR_FILENO);
  REQUIRE(::dup2(ends[1], STDERR_FILENO) >= 0);
  ::close(ends[1]);
  std::string read;
  constexpr std::size_t said = 3000;
  std::uint64_t dropped = 0;
  {
    const log_thread writes_lines;
    // More than a page each: poll(2) says of a pipe with one free page that it takes them.
    const std::string much(5000, 'x');
    for (std::size_t i = 0; i < said; ++i) log(event::started, "line {} {}", i, much);
    dropped = log_lines_dropped();
    // Whatever is dropped, this is not.
    log(event::summary, "summary: of all");
    std::string portion(std::size_t{1} << 16, '\0');
    while (read.find("summary: of all\n") == std::string::npos) {
      const ssize_t n = ::read(ends[0], portion.data(), portion.size());
      REQUIRE(n > 0);
      read.append(portion, 0, static_cast<std::size_t>(n));
    }
  }
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(ends[0]);
  CHECK(dropped > 2000);
  std::size_t lines = 0;
  for (auto at = read.find("collect: line "); at != std::string::npos;
       at = read.find("collect: line ", at + 1))
    ++lines;
  std::size_t told = 0;
  const std::string_view notice = " lines of the log were dropped: nobody read them\n";
  for (auto at = read.find(notice); at != std::string::npos; at = read.find(notice, at + 1))
    told += std::stoull(read.substr(read.rfind(' ', at - 1) + 1));
  // One that was not dropped at first may have made room for the summary.
  CHECK((told == dropped || told == dropped + 1));
  CHECK(lines + told == said);
}

TEST_CASE("a run whose log is not read ends, with all records") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const int before = ::dup(STDERR_FILENO);
  REQUIRE(::dup2(ends[1], STDERR_FILENO) >= 0);
  ::close(ends[1]);
  // Full to the last byte.
  REQUIRE(::fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK) == 0);
  const std::string much(4096, 'x');
  while (::write(STDERR_FILENO, much.data(), much.size()) > 0) continue;
  while (::write(STDERR_FILENO, "x", 1) > 0) continue;
  REQUIRE(::fcntl(STDERR_FILENO, F_SETFL, 0) == 0);
  run r;
  r.add(1);
  r.settings.reps = 20;
  r.settings.verbose = true;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    for (int i = 0; i < 100; ++i) log(event::started, "line {} of poll {}", i, poll);
  };
  const int status = tcpinfo::collect::collect(r.system, r.system, r.settings, r.operator_says);
  const std::uint64_t dropped = log_lines_dropped();
  // The thread that hangs is free again, and says what it has.
  std::string read;
  std::string portion(std::size_t{1} << 16, '\0');
  while (read.find("summary: polls=20 ") == std::string::npos) {
    const ssize_t n = ::read(ends[0], portion.data(), portion.size());
    REQUIRE(n > 0);
    read.append(portion, 0, static_cast<std::size_t>(n));
  }
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(ends[0]);
  UNSCOPED_INFO(read.substr(read.size() - std::min<std::size_t>(read.size(), 1000)));
  CHECK(status == exit_ok);
  CHECK(dropped >= 20 * 100 - 257);
  CHECK(read.find(" log_lines_dropped=") != std::string::npos);
  CHECK(read_all(r.output).at(name_of(1, 0)).lines.size() == 20);
}

TEST_CASE("a file that is taken away is counted once and recording goes on in a new one") {
  run r;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 1000;
  r.add(1);
  bool taken = false;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll % 50 == 0) r.system.let_writer_rest();
    if (poll >= 500 && !taken) taken = fs::remove_all(r.output) > 2;
  };
  CHECK(r.collect() == exit_trouble);
  REQUIRE(taken);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.contains(name_of(1, 1)));
  CHECK(files.begin()->second.lines.back().poll == 1000);
}

TEST_CASE("a folder's day is that of the first record of its files") {
  run r;
  r.settings.flush_ns = 200'000'000;
  r.settings.reps = 1000;
  r.add(1);
  // Midnight is at poll 500. The file is taken away before it, and what waits then is written to a
  // new one behind it.
  constexpr std::int64_t midnight_ns = 1'600'041'600'000'000'000;
  r.system.realtime += midnight_ns - 5'000'000'000 - r.system.realtime_ns();
  bool taken = false;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll % 50 == 0) r.system.let_writer_rest();
    if (poll >= 485 && !taken) taken = fs::remove_all(r.output) > 2;
  };
  CHECK(r.collect() == exit_trouble);
  REQUIRE(taken);
  std::size_t before = 0;
  for (const auto& [name, file] : read_all(r.output)) {
    const bool first_day = file.path.find("/2020/09/13/") != std::string::npos;
    INFO(file.path << " begins at " << file.lines[0].time);
    CHECK(first_day == file.lines[0].time.starts_with("2020-09-13"));
    before += first_day ? 1 : 0;
  }
  CHECK(before == 1);
}

TEST_CASE("records that came with a rotation reach the new file by age, like all others") {
  run r;
  r.settings.flush_ns = 300'000'000;
  r.settings.rotate_ns = 1'000'000'000;
  r.settings.reps = 1000;
  r.add(1);
  bool on_disk = false;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    // At 95 one waits; at 110 another comes, and the file is old.
    if (poll == 20 || poll == 95 || poll == 110) k.sockets.at(1).set(128, poll);
    if (poll == 2 || poll == 21 || poll == 96 || poll == 111) r.system.let_writer_rest();
    if (poll < 200 || poll > 230 || on_disk) return;
    r.system.let_writer_rest();
    for (const auto& entry : fs::recursive_directory_iterator(r.output))
      on_disk |= entry.path().filename().string() == name_of(1, 1) + ".part";
  };
  CHECK(r.collect() == exit_ok);
  CHECK(on_disk);
  CHECK(read_all(r.output).at(name_of(1, 1)).lines[0].poll == 110);
}

TEST_CASE("a file that alone cannot be written does not hold its connection's records") {
  run r;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 1000;
  r.add(1);
  r.system.append_errno = EACCES;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll % 50 == 0) r.system.let_writer_rest();
    if (poll != 500) return;
    CHECK(r.system.appends > 0);
    r.system.append_faults = 1;
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 2);
  CHECK(files.at(name_of(1, 0)).lines.size() + files.at(name_of(1, 1)).lines.size() == 1000);
}

TEST_CASE("a disk that is full for longer than a file's age is not tried with every record") {
  run r;
  r.settings.flush_ns = 100'000'000;
  r.settings.rotate_ns = 1'000'000'000;
  r.settings.reps = 1000;
  for (std::uint64_t cookie = 1; cookie <= 5; ++cookie) r.add(cookie);
  int before = 0;
  int tried = 0;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    for (auto& [cookie, socket] : k.sockets) socket.set(128, poll);
    if (poll % 20 == 0) r.system.let_writer_rest();
    if (poll == 50) r.system.append_faults = 1'000'000;
    if (poll == 100) before = r.system.appends;
    if (poll == 900) tried = r.system.appends - before;
    if (poll == 900) r.system.append_faults = 0;
  };
  CHECK(r.collect() == exit_ok);
  // 8 seconds, 5 connections, once a second each, and as often again for what is due and old at
  // once.
  CHECK(tried <= 2 * 5 * 9);
  std::size_t records = 0;
  for (const auto& [name, f] : read_all(r.output)) records += f.lines.size();
  CHECK(records == 5000);
}

TEST_CASE("an output directory that was made anew is locked anew") {
  run r;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 1000;
  r.add(1);
  std::unique_ptr<held_lock> other;
  const std::string lock_file = (r.output / ".tcpinfo-collect.lock").string();
  int refused = 0;
  bool taken = false;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll % 50 == 0) r.system.let_writer_rest();
    if (poll >= 500 && !taken) taken = fs::remove_all(r.output) > 2;
    // The lock comes before the first folder.
    if (taken && fs::exists(r.output / "2020") && !other && r.system.lock(lock_file, other))
      ++refused;
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(refused > 0);
  CHECK(other == nullptr);
}

TEST_CASE("connections whose end was dropped are found missing at the end, too") {
  run r;
  r.add(1);
  r.add(2);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 100) return;
    k.sockets.erase(1);
    k.overflows = 1;
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.kernel.queries == 1);
  CHECK(read_all(r.output).size() == 2);
}

TEST_CASE(
    "reloading: new exclusions end connections in the archive, a new prefix is for new ones") {
  run r;
  const fs::path file = r.scratch.path() / "exclude";
  std::ofstream(file) << "# nothing yet\n";
  r.settings.exclude_files = {file.string()};
  r.add(1).sport = 80;
  r.add(2).sport = 443;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    for (auto& [cookie, socket] : k.sockets) socket.set(128, poll);
    if (poll == 30) {
      std::ofstream(file) << "srcport 80 # the exporter\ndstip 192.0.2.0/24\n";
      std::ofstream(r.settings.uuid_prefix_file) << "other\n";
      r.operator_says.ask(request::reload);
    }
    if (poll == 40) r.add(3).sport = 80;
    if (poll == 50) r.add(4);
    if (poll == 60) {
      std::ofstream(file) << "what 80\n";
      r.operator_says.ask(request::reload);
    }
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 3);
  CHECK(files.at(name_of(1, 0)).lines.back().poll == 30);
  // An open connection keeps its UUID.
  CHECK(files.at(name_of(2, 0)).lines.back().poll == 100);
  CHECK(files.at("other_0000000000000004.00000.jsonl.zst").lines.front().poll == 50);
}

TEST_CASE("an excluded connection that is wanted again goes on in a file of its own") {
  run r;
  const fs::path file = r.scratch.path() / "exclude";
  std::ofstream(file) << "\n";
  r.settings.exclude_files = {file.string()};
  r.add(1).sport = 80;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll != 30 && poll != 60) return;
    std::ofstream(file) << (poll == 30 ? "srcport 80\n" : "");
    r.operator_says.ask(request::reload);
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 2);
  CHECK(files.at(name_of(1, 0)).lines.size() == 30);
  CHECK(files.at(name_of(1, 1)).lines.size() == 40);
}

TEST_CASE("an exclusion file's faults are told with their line") {
  scratch_directory scratch;
  const std::string path = (scratch.path() / "exclude").string();
  exclusion_lists lists;
  CHECK(read_exclusion_file(path, lists) == path + ": No such file or directory");
  std::ofstream(path) << " srcport\t80,443 \r\n\n# x\ndstip 192.0.2.1,2001:db8::/32";
  CHECK(read_exclusion_file(path, lists).empty());
  CHECK(lists.sports == std::vector<std::uint16_t>{80, 443});
  CHECK(lists.destinations.size() == 2);
  const exclusion_lists before = lists;
  std::ofstream(path) << "srcport 1\nsrcport 70000\n";
  CHECK(read_exclusion_file(path, lists) ==
        path + ":2: '70000' is no port from 1 to 65535 (or a range of them, as 8000-9000)");
  std::ofstream(path) << "dstip nowhere\n";
  CHECK(read_exclusion_file(path, lists) == path + ":1: 'nowhere' is no IPv4 or IPv6 address");
  std::ofstream(path) << "\nport 1\n";
  CHECK(read_exclusion_file(path, lists) == path + ":2: 'port' is neither srcport nor dstip");
  CHECK(lists == before);
}

TEST_CASE("anonymized archives keep the machine's own addresses and the network of others") {
  run r;
  r.settings.anonymize = anonymize_by::netblock;
  r.system.set_addresses({"10.1.2.3", "2001:db8:1:2:3:4:5:6", "192.0.2.7"});
  const auto ends = [&](std::uint64_t cookie, const char* src, const char* dst) {
    made_socket& s = r.add(cookie);
    s.src = src;
    s.dst = dst;
  };
  ends(1, "10.1.2.3", "203.0.113.99");
  ends(2, "2001:db8:1:2:3:4:5:6", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff");
  ends(3, "::ffff:10.1.2.3", "::ffff:203.0.113.99");
  ends(4, "10.1.2.3", "192.0.2.7");
  ends(5, "10.5.5.5", "203.0.113.98");  // an address that the machine gets later
  // 6to4: the IPv4 address of 203.0.113.99 and of 10.1.2.3 are in bytes 2 to 5.
  ends(6, "2001:db8:1:2:3:4:5:6", "2002:cb00:7163:1::5");
  ends(7, "2002:a01:203::1", "2003:cb00:7163:1::5");
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    for (auto& [cookie, socket] : k.sockets) socket.set(128, poll);
    // Until here the writer has taken everything.
    if (poll == 50 || poll == 75) r.system.let_writer_rest();
    if (poll == 50) r.system.set_addresses({"10.1.2.3", "10.5.5.5"});
    if (poll == 75) r.system.set_addresses({}, EIO);
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  const auto first = [&](std::uint64_t cookie) { return files.at(name_of(cookie, 0)).lines[0]; };
  const auto later = [&](std::uint64_t cookie) { return files.at(name_of(cookie, 0)).lines[60]; };
  const auto last = [&](std::uint64_t cookie) { return files.at(name_of(cookie, 0)).lines[99]; };
  CHECK(first(1).ends == "10.1.2.3 203.0.113.0");
  CHECK(first(2).ends == "2001:db8:1:2:3:4:5:6 2001:db8:aaaa::");
  CHECK(first(3).ends == "::ffff:10.1.2.3 ::ffff:203.0.113.0");
  CHECK(first(4).ends == "10.1.2.3 192.0.2.7");
  CHECK(first(5).ends == "10.5.5.0 203.0.113.0");
  CHECK(first(6).ends == "2001:db8:1:2:3:4:5:6 2002:cb00:7100::");
  CHECK(first(7).ends == "2002:a01:200:: 2003:cb00:7163::");
  CHECK(later(4).ends == "10.1.2.3 192.0.2.0");
  CHECK(later(5).ends == "10.5.5.5 203.0.113.0");
  // Where they cannot be read any more, too much is anonymized rather than too little.
  CHECK(last(1).ends == "10.1.2.0 203.0.113.0");
  // Nothing but addresses is touched, and changes are still found: each record has its counter.
  for (std::size_t i = 0; i < 100; ++i)
    CHECK(files.at(name_of(1, 0)).lines[i].bytes_received == i + 1);
}

TEST_CASE("no symbolic link below the output directory is followed") {
  scratch_directory scratch;
  const fs::path out = scratch.path() / "out";
  const fs::path elsewhere = scratch.path() / "elsewhere";
  const auto system = make_linux_os({out.string(), 0640});
  REQUIRE_FALSE(system->make_directories(out.string()));
  fs::create_directory(elsewhere);
  std::ofstream(elsewhere / "file") << "secret";
  fs::create_directory_symlink(elsewhere, out / "2026");
  const auto in_link = [&](const char* name) { return (out / "2026" / name).string(); };
  const auto byte = std::as_bytes(std::span("x", 1));
  CHECK(system->append(in_link("new"), byte, 0));
  CHECK(system->append(in_link("file"), byte, 6));
  CHECK(system->make_directories(in_link("11/23")));
  CHECK(system->remove(in_link("file")));
  CHECK(system->truncate(in_link("file"), 0));
  CHECK(system->rename_new(in_link("file"), in_link("other")));
  CHECK(system->replace(in_link("file"), in_link("other")));
  CHECK(system->sync(in_link("file")));
  bool there = true;
  CHECK(system->exists(in_link("file"), there));
  CHECK_FALSE(there);
  collect::descriptor file;
  CHECK(system->open_read(in_link("file"), file));
  int shown = 0;
  CHECK(system->list((out / "2026").string(), [&](const directory_entry&) { ++shown; }));
  CHECK(shown == 0);
  CHECK(system->make_directories((out / "../up").string()));
  CHECK_FALSE(fs::exists(scratch.path() / "up"));
  CHECK(bytes_of(elsewhere / "file") == "secret");
  CHECK(std::distance(fs::directory_iterator(elsewhere), {}) == 1);
  // The last component, too.
  fs::create_symlink(elsewhere / "file", out / "link");
  CHECK(system->append((out / "link").string(), byte, 6));
  CHECK(bytes_of(elsewhere / "file") == "secret");
}

TEST_CASE("what stands where a file should be is neither waited for nor overwritten") {
  scratch_directory scratch;
  const fs::path out = scratch.path() / "out";
  const auto system = make_linux_os({out.string(), 0640});
  REQUIRE_FALSE(system->make_directories(out.string()));
  const std::string fifo = (out / "fifo").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  collect::descriptor file;
  std::unique_ptr<held_lock> lock;
  CHECK(system->open_read(fifo, file));
  CHECK(system->append(fifo, std::as_bytes(std::span("x", 1)), 1));
  CHECK(system->truncate(fifo, 0));
  CHECK(system->sync(fifo));
  CHECK(system->lock(fifo, lock));
  std::string text;
  CHECK(read_small_file(fifo, 100, text) == std::errc::invalid_argument);
  CHECK(read_small_file(out.string(), 100, text) == std::errc::is_a_directory);
  CHECK(read_small_file("/dev/zero", 100, text) == std::errc::file_too_large);
  CHECK_FALSE(read_small_file("/dev/null", 100, text));
  // Another name of a file that is somebody else's.
  std::ofstream(scratch.path() / "victim") << "kept";
  fs::create_hard_link(scratch.path() / "victim", out / "lock");
  CHECK(system->lock((out / "lock").string(), lock) == std::errc::too_many_links);
  CHECK(bytes_of(scratch.path() / "victim") == "kept");
  // A lock whose file was replaced writes its note nowhere.
  REQUIRE_FALSE(system->lock((out / "own").string(), lock));
  CHECK(lock->in_place());
  CHECK_FALSE(lock->write_note("note"));
  fs::remove(out / "own");
  CHECK_FALSE(lock->in_place());
  std::ofstream(out / "own") << "other";
  CHECK_FALSE(lock->in_place());
  CHECK(lock->write_note("note"));
  CHECK(bytes_of(out / "own") == "other");
}

TEST_CASE("files and folders have the modes that were asked for") {
  scratch_directory scratch;
  const auto mode_of = [](const fs::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
  };
  const mode_t before = ::umask(0);
  struct {
    unsigned file;
    unsigned folder;
  } const cases[] = {{0640, 0750}, {0644, 0755}, {0600, 0700}, {0664, 0775}};
  for (const auto& c : cases) {
    const fs::path out = scratch.path() / std::to_string(c.file);
    const auto system = make_linux_os({out.string(), c.file});
    REQUIRE_FALSE(system->make_directories((out / "2026").string()));
    REQUIRE_FALSE(system->append((out / "2026/f").string(), std::as_bytes(std::span("x", 1)), 0));
    CHECK(mode_of(out / "2026/f") == c.file);
    CHECK(mode_of(out / "2026") == c.folder);
    CHECK(mode_of(out) == c.folder);
  }
  ::umask(before);
}

TEST_CASE("a UUID prefix made from the boot time outlives a stepped clock within one boot") {
  identity who;
  who.boot = "3c5f";
  who.host = "a host";
  who.uuid_prefix = "host_1600000000_unsafe";
  const std::string note = prefix_note(who);
  identity later = who;
  later.uuid_prefix = "host_1600003600_unsafe";
  adopt_prefix(note, later);
  CHECK(later.uuid_prefix == "host_1600000000_unsafe");
  for (const std::string& worthless :
       {std::string(), note.substr(0, note.size() - 1), std::string("3c5f a host a/b\n"),
        std::string("9999") + note.substr(4),
        std::string("3c5f other ") + who.uuid_prefix + "\n"}) {
    identity other = who;
    other.uuid_prefix = "mine";
    adopt_prefix(worthless, other);
    CHECK(other.uuid_prefix == "mine");
  }
}

TEST_CASE("a reason is said once, and later with the number of times it was not") {
  log_limit limit(1000);
  std::uint64_t held_back = 7;
  CHECK(limit.allow(5000, held_back));
  CHECK(held_back == 0);
  CHECK_FALSE(limit.allow(5500, held_back));
  CHECK_FALSE(limit.allow(5999, held_back));
  CHECK(limit.allow(6000, held_back));
  CHECK(held_back == 2);
}
