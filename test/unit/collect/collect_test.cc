// SPDX-License-Identifier: Apache-2.0
//
// The whole collector against a scripted kernel; what counts is what stands in the files.
#include <tcpinfo/archive.h>
#include <tcpinfo/zstd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>

#include "collect/telemetry/statistics.h"
#include "collect/writing/snapshot_queue.h"
#include "unit/collect/run.h"

TEST_CASE("every change makes a record with its poll, and the destroy event the last one") {
  run r;
  r.add(0xA);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 10) k.sockets.at(0xA).set(128, std::uint64_t{100});
    if (poll == 20) k.sockets.at(0xA).set(44, std::uint32_t{100});  // an age
    if (poll == 30) {
      k.sockets.at(0xA).set(128, std::uint64_t{201});
      k.destroy(0xA);
    }
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  const file& f = files.at(name_of(0xA, 0));
  REQUIRE(f.lines.size() == 3);
  CHECK(f.lines[0].poll == 1);
  CHECK(f.lines[1].poll == 10);
  CHECK(f.lines[1].bytes_received == 100);
  CHECK(f.lines[2].poll == no_poll);
  CHECK(f.lines[2].state == 7);
  CHECK(f.lines[2].bytes_received == 201);
  CHECK(f.start_time == f.lines[0].time);
}

TEST_CASE("a connection that lived between two polls has its file") {
  run r;
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 5) return;
    made_socket s;
    s.cookie = 0xB;
    k.sockets[0xB] = s;
    k.destroy(0xB);
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.contains(name_of(0xB, 0)));
  CHECK(files.at(name_of(0xB, 0)).lines.size() == 1);
}

TEST_CASE("listeners, sockets never connected and unwanted ones make no file, also by event") {
  run r;
  r.settings.exclude_sports = {8080};
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 5) return;
    made_socket s;
    s.cookie = 1;
    s.dst = "0.0.0.0";
    k.events.push_back(s);
    s.cookie = 2;
    s.src = "::";
    s.dst = "::";
    k.events.push_back(s);
    s.cookie = 3;
    s.src = s.dst = "127.0.0.1";
    k.events.push_back(s);
    s.cookie = 4;
    s.src = s.dst = "::ffff:127.0.0.1";
    k.events.push_back(s);
    s.cookie = 5;
    s.src = "10.0.0.1";
    s.dst = "10.0.0.2";
    s.sport = 8080;
    k.events.push_back(s);
    s.cookie = 6;  // a failed connect: no local address, no port, but a remote end
    s.src = "0.0.0.0";
    s.sport = 40000;
    s.dport = 0;
    k.events.push_back(s);
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.contains(name_of(6, 0)));
}

TEST_CASE("a failed poll closes nothing, however many sockets it did not show") {
  run r;
  for (std::uint64_t cookie = 1; cookie <= 10; ++cookie) r.add(cookie);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    k.dump_fault =
        poll > 10 && poll < 90 ? std::error_code(errc::dump_incomplete) : std::error_code{};
  };
  // What it did not show is a loss, and said.
  CHECK(r.collect() == exit_trouble);
  CHECK(r.count("failed_polls") == 79);
  CHECK(r.count("losses") == 79);
  CHECK(r.lines_with("poll 11 failed: dump incomplete") == 1);
  CHECK(r.lines_with("failed") == 2);  // the line, and the key of the summary
  const auto files = read_all(r.output);
  CHECK(files.size() == 10);
  for (const auto& [name, f] : files) CHECK(f.lines.size() == 1);
  CHECK(r.kernel.queries == 0);
}

TEST_CASE("without a destroy event a connection ends only after the kernel was asked") {
  run r;
  r.settings.reps = 1000;
  r.add(1);
  r.add(2);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 20) k.sockets.erase(1);
    if (poll == 800) {  // the same socket, connected again
      made_socket s;
      s.cookie = 1;
      s.dport = 99;
      k.sockets[1] = s;
    }
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.kernel.queries >= 1);
  const auto files = read_all(r.output);
  CHECK(files.size() == 3);
  CHECK(files.at(name_of(1, 0)).lines.size() == 1);
  CHECK(files.at(name_of(1, 1)).lines.size() == 1);
  CHECK(files.at(name_of(1, 1)).lines[0].poll == 800);
}

TEST_CASE("records wait where a file cannot be written, and all of them reach it") {
  run r;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 1000;
  r.system.append_faults = 3;
  r.add(1);
  r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll % 50 == 0) r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  const file& f = files.begin()->second;
  REQUIRE(f.lines.size() == 1000);
  for (std::size_t i = 0; i < f.lines.size(); ++i) CHECK(f.lines[i].bytes_received == i + 1);
}

TEST_CASE("a disk that stays full costs what memory cannot hold, counted, and nothing else") {
  run r;
  r.system.append_faults = 1'000'000;
  r.add(1);
  CHECK(r.collect() == exit_trouble);
  CHECK(read_all(r.output).empty());
}

TEST_CASE("what reached a file before the disk was full becomes a complete file") {
  run r;
  r.settings.flush_ns = 50'000'000;
  r.add(1);
  r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll >= 40 && poll <= 50) r.system.let_writer_rest();
    if (poll == 50) {
      r.system.append_faults = 1'000'000;
    }
  };
  CHECK(r.collect() == exit_trouble);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.begin()->second.lines.size() >= 20);
}

TEST_CASE("a restart goes on after earlier files and touches none of them") {
  run r;
  r.add(1);
  CHECK(r.collect() == exit_ok);
  const fs::path first = fs::path(read_all(r.output).at(name_of(1, 0)).path);
  const std::string before = bytes_of(first);
  const std::string start = read_file(first).start_time;
  // Later, also on another day.
  for (int i = 1; i <= 2; ++i) {
    r.system.realtime += 86'400'000'000'000;
    r.kernel.sockets.at(1).set(128, static_cast<std::uint64_t>(i));
    CHECK(r.collect() == exit_ok);
    const auto files = read_all(r.output);
    CHECK(files.size() == static_cast<std::size_t>(i) + 1);
    const file& next = files.at(name_of(1, i));
    CHECK(next.sequence == static_cast<std::uint64_t>(i));
    CHECK(next.start_time == start);
    CHECK(next.lines.size() == 1);
    CHECK(bytes_of(first) == before);
  }
}

TEST_CASE("a file old enough is followed by the next sequence at the next record") {
  run r;
  r.settings.rotate_ns = 1'000'000'000;
  r.settings.reps = 350;
  r.add(1);
  r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll % 20 == 0) r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  CHECK(files.size() >= 2);
  std::uint64_t expected = 1;
  for (const auto& [name, f] : files)
    for (const line& l : f.lines) CHECK(l.bytes_received == expected++);
  CHECK(expected == 351);
}

namespace {

std::size_t data_lines(const fs::path& path) { return read_file(path).lines.size(); }

// A run whose only connection left one whole file of 100 records.
struct crashed : run {
  fs::path original;
  fs::path part;
  fs::path damaged;
  std::string frame;

  crashed() {
    add(1);
    kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
      k.sockets.at(1).set(128, poll);
    };
    CHECK(collect() == exit_ok);
    original = read_all(output).begin()->second.path;
    part = original.string() + ".part";
    damaged = original.string() + ".part.damaged";
    frame = bytes_of(original);
    kernel.sockets.clear();
    kernel.before_poll = nullptr;
    settings.reps = 1;
  }
  // Starts a collector where only `content` was left behind.
  int restart(const std::string& content) {
    fs::remove(original);
    fs::remove(damaged);
    std::ofstream(part, std::ios::binary) << content;
    return collect();
  }
};

}  // namespace

TEST_CASE("a leftover is cut after its last whole frame and completed") {
  crashed r;
  for (std::size_t cut = 0; cut < r.frame.size(); cut += 7) {
    INFO(cut);
    CHECK(r.restart(r.frame + r.frame.substr(0, cut)) == exit_ok);
    CHECK_FALSE(fs::exists(r.part));
    CHECK_FALSE(fs::exists(r.damaged));
    CHECK(bytes_of(r.original) == r.frame);
  }
}

TEST_CASE("a leftover that is damaged keeps every byte, and its good part is published") {
  crashed r;
  std::string flipped = r.frame;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  struct damage {
    std::string content;
    std::size_t lines;
  };
  const damage cases[] = {
      {r.frame + "garbage", 100},
      {r.frame + std::string(4096, '\0'), 100},
      {r.frame + flipped + r.frame, 100},
      {flipped + r.frame, 0},
      {std::string(4, '\0') + r.frame.substr(4), 0},
      {"{\"Timestamp\":\"0001-01-01T00:00:00Z\"}\n", 0},
      {r.frame.substr(0, 5) + std::string(8192, 'x'), 0},
  };
  for (const auto& [content, lines] : cases) {
    INFO(content.size());
    CHECK(r.restart(content) == exit_ok);
    CHECK_FALSE(fs::exists(r.part));
    CHECK(bytes_of(r.damaged) == content);
    REQUIRE(fs::exists(r.original) == (lines > 0));
    if (lines > 0) CHECK(data_lines(r.original) == lines);
  }
}

TEST_CASE("only a leftover without one whole line is removed") {
  crashed r;
  for (const std::string& content : {std::string(), r.frame.substr(0, 5)}) {
    CHECK(r.restart(content) == exit_ok);
    CHECK_FALSE(fs::exists(r.part));
    CHECK_FALSE(fs::exists(r.damaged));
    CHECK_FALSE(fs::exists(r.original));
  }
}

TEST_CASE("a leftover without one whole line leaves no hole in its connection's sequence") {
  run r;
  r.add(1);
  CHECK(r.collect() == exit_ok);
  const fs::path first = read_all(r.output).begin()->second.path;
  std::ofstream(first.parent_path() / (name_of(1, 1) + ".part"));
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 2);
  CHECK(files.contains(name_of(1, 1)));
}

TEST_CASE("a leftover that cannot be read now stays as it is, and the next start completes it") {
  crashed r;
  r.system.read_errno = EIO;
  CHECK(r.restart(r.frame) == exit_trouble);
  CHECK(bytes_of(r.part) == r.frame);
  r.system.read_errno = 0;
  CHECK(r.collect() == exit_ok);
  CHECK(bytes_of(r.original) == r.frame);
}

TEST_CASE("a complete file of the leftover's name is never touched") {
  crashed r;
  const std::string other = r.frame + r.frame;
  std::ofstream(r.part, std::ios::binary) << other;
  CHECK(r.collect() == exit_trouble);
  CHECK(bytes_of(r.original) == r.frame);
  CHECK(bytes_of(r.damaged) == other);
  CHECK(r.collect() == exit_ok);
}

TEST_CASE("files of other programs below the output stay") {
  crashed r;
  const fs::path folder = r.original.parent_path();
  std::ofstream(folder / "notes.part.new") << "mine";
  std::ofstream(folder / "x.jsonl.zst.part") << "mine";
  fs::create_symlink("/dev/null", folder / "test_0000000000000002.00000.jsonl.zst.part");
  CHECK(r.collect() == exit_ok);
  CHECK(fs::exists(folder / "notes.part.new"));
  CHECK(fs::exists(folder / "x.jsonl.zst.part"));
  CHECK(fs::is_symlink(folder / "test_0000000000000002.00000.jsonl.zst.part"));
}

TEST_CASE("a file that cannot be synced now is completed by a later try") {
  run r;
  r.add(1);
  r.system.sync_faults = 1;
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 5) k.destroy(1);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(read_all(r.output).size() == 1);
}

TEST_CASE("an output directory may be a symbolic link") {
  run r;
  fs::create_directory(r.scratch.path() / "real");
  fs::create_directory_symlink(r.scratch.path() / "real", r.output);
  r.add(1);
  CHECK(r.collect() == exit_ok);
  CHECK(r.collect() == exit_ok);
  CHECK(read_all(r.scratch.path() / "real").size() == 2);
}

TEST_CASE("what is left of a socket after a restart is no connection") {
  run r;
  r.add(1);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 5) return;
    const made_socket last = k.sockets.at(1);
    k.destroy(1);
    made_socket mini = last;
    mini.state = tcp_state::fin_wait2;
    mini.timer = 3;
    mini.has_info = false;
    k.sockets[1] = mini;
  };
  CHECK(r.collect() == exit_ok);
  r.kernel.before_poll = nullptr;
  CHECK(r.collect() == exit_ok);
  CHECK(read_all(r.output).size() == 1);
}

TEST_CASE("a lost final record is a loss also when a mini socket came in between") {
  run r;
  r.settings.reps = 1000;
  r.add(1);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 5) k.sockets.at(1).has_info = false;
    if (poll == 10) {
      k.sockets.erase(1);
      k.overflows = 1;
    }
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.count("lost_finals") == 1);
}

TEST_CASE("a socket used again between two polls and closed has two files") {
  run r;
  r.add(1).set(128, std::uint64_t{500});
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 5) return;
    k.sockets.at(1).dport = 7;
    k.sockets.at(1).set(128, std::uint64_t{3});
    k.destroy(1);
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 2);
  CHECK(files.at(name_of(1, 1)).lines.at(0).bytes_received == 3);
}

TEST_CASE("files of many small frames are rewritten as few large ones with the same lines") {
  run r;
  r.settings.flush_ns = 50'000'000;
  r.settings.reps = 600;
  r.add(1);
  r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll % 10 == 0) r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.begin()->second.lines.size() == 600);
  stream_reader reader;
  REQUIRE_FALSE(reader.open_path(files.begin()->second.path));
  std::vector<std::byte> block(1 << 20);
  std::size_t n = 1;
  while (n > 0) REQUIRE_FALSE(reader.read(block, n));
  CHECK(reader.frames() <= 2);
}

TEST_CASE("a second collector on the same output is refused") {
  run r;
  const auto other = make_linux_os({});
  REQUIRE_FALSE(other->make_directories(r.output.string()));
  std::unique_ptr<held_lock> lock;
  REQUIRE_FALSE(other->lock((r.output / ".tcpinfo-collect.lock").string(), lock));
  CHECK(r.collect() == exit_trouble);
  lock.reset();
  CHECK(r.collect() == exit_ok);
}

TEST_CASE("events that the kernel dropped are said, and the connections found by polls") {
  run r;
  r.settings.reps = 1000;
  r.add(1);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 10) {
      k.sockets.erase(1);
      k.overflows = 1;
    }
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.count("lost_events") == 1);
  CHECK(r.count("lost_finals") == 1);
  CHECK(r.lines_with("the kernel dropped destroy events") == 1);
  CHECK(read_all(r.output).size() == 1);
}

TEST_CASE("a mini socket without tcp_info makes one record and ends without a loss") {
  run r;
  r.settings.reps = 1000;
  r.add(1);
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll == 1) {
      k.sockets.at(1).has_info = false;
      k.sockets.at(1).state = tcp_state::fin_wait2;
    }
    if (poll < 50) k.sockets.at(1).expires = 6000 - 10 * static_cast<std::uint32_t>(poll);
    if (poll == 50) k.sockets.erase(1);
  };
  CHECK(r.collect() == exit_ok);
  const auto files = read_all(r.output);
  REQUIRE(files.size() == 1);
  CHECK(files.begin()->second.lines.size() == 1);
}

TEST_CASE("a duration histogram tells quantiles to a few percent") {
  duration_histogram h;
  CHECK(h.quantile(0.5) == 0);
  for (std::int64_t us = 1; us <= 100'000; ++us) h.add(us * 1000);
  for (const double q : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    const double expected = q * 1e8;
    CHECK(std::abs(static_cast<double>(h.quantile(q)) - expected) <= 0.04 * expected + 1000);
  }
  CHECK(h.max() == 100'000'000);
  h.add(std::int64_t{10} * 3'600'000'000'000);
  CHECK(h.quantile(1.0) <= h.max());
}

TEST_CASE("the summary names losses only where there are some") {
  statistics s;
  duration_histogram h;
  s.polls.add(3);
  CHECK(summary_line(s, h).find("losses=0") != std::string::npos);
  CHECK(summary_line(s, h).find("lost_") == std::string::npos);
  s.lost_queue.add(2);
  s.lost_write.add(3);
  CHECK(summary_line(s, h).find("losses=5 lost_ring=2 lost_write=3") != std::string::npos);
}
