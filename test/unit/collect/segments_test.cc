// SPDX-License-Identifier: Apache-2.0
//
// The collector with --layout segments against a scripted kernel: what is recorded, when it is in
// the file, and what becomes of it where writing fails.
#include "unit/collect/segments.h"

#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <new>
#include <utility>

#include "collect/control/file_rate.h"
#include "collect/os/newest_cookie.h"
#include "collect/writing/segment_name.h"
#include "common/sequences.h"
#include "unit/allocations.h"
#include "unit/durations.h"
#include "unit/sanitized.h"

namespace {

// Changes all of a socket's tcp_info to what no compressor makes smaller.
void scramble(made_socket& socket, std::uint64_t& seed) {
  std::size_t at = 0;
  for (; at + sizeof seed <= socket.info.size(); at += sizeof seed) {
    seed ^= seed << 13U;
    seed ^= seed >> 7U;
    seed ^= seed << 17U;
    socket.set(at, seed);
  }
}

// All that can be read, whether what was before it is there or not.
std::uint64_t records_in(const fs::path& output) {
  std::uint64_t found = 0;
  for (const auto& path : segments_of(output)) {
    segment_reader reader;
    REQUIRE_FALSE(reader.open_path(path.string()));
    segment_record one;
    for (bool more = true;;) {
      REQUIRE_FALSE(reader.next(one, more));
      if (!more) break;
      ++found;
    }
  }
  return found;
}

archive_texts record_all_kinds(layout as, anonymize_by by) {
  run r;
  r.settings.layout = as;
  r.settings.anonymize = by;
  r.settings.reps = 1300;
  r.settings.flush_ns = 300'000'000;
  for (std::uint64_t cookie = 1; cookie <= 5; ++cookie) r.add(cookie);
  r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
    all_kinds(k, poll);
    if (poll % 20 == 0) r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  auto found = read_texts(r.output);
  CHECK(r.count("records") == lines_in(found));
  CHECK(r.count("files") == files_of(r.output, ".zst").size());
  return found;
}

}  // namespace

TEST_CASE("segments: the same archives as files of connections hold, line for line") {
  for (const auto by : {anonymize_by::none, anonymize_by::netblock}) {
    const auto expected = record_all_kinds(layout::connections, by);
    const auto found = record_all_kinds(layout::segments, by);
    CHECK(expected.size() == 10);
    REQUIRE(found.size() == expected.size());
    for (const auto& [path, text] : expected) {
      INFO(path);
      REQUIRE(found.contains(path));
      CHECK(found.at(path).about == text.about);
      CHECK(found.at(path).lines == text.lines);
    }
  }
}

TEST_CASE("segments: one file a writer, named after host, start, run and writer, with an index") {
  segment_run r;
  r.settings.writers = 3;
  for (std::uint64_t cookie = 1; cookie <= 30; ++cookie) r.add(cookie);
  CHECK(r.collect() == exit_ok);
  CHECK(read_texts(r.output).size() == 30);
  const auto files = segments_of(r.output);
  REQUIRE(files.size() == 3);
  for (std::size_t i = 0; i < files.size(); ++i) {
    CHECK(has_index(files[i]));
    const std::string name = files[i].filename();
    CHECK(name.find(".20200913T132640Z-0." + std::to_string(i) + ".00000.tcpseg.zst") !=
          std::string::npos);
    parsed_segment_name parsed;
    CHECK(parse_segment_name(name, parsed));
    CHECK(fs::relative(files[i], r.output).parent_path() == "2020/09/13");
  }
}

TEST_CASE("segments: records are in the file when they have the age of --flush") {
  segment_run r;
  r.settings.flush_ns = 100'000'000;
  r.add(1);
  std::size_t in_time = 0;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    r.system.let_writer_rest();
    // Ten polls of ten milliseconds ago.
    if (poll < 20) return;
    archive_texts now;
    for (const auto& part : files_of(r.output, ".part")) read_texts(part, r.output, now);
    if (lines_in(now) + 11 >= poll) ++in_time;
  };
  CHECK(r.collect() == exit_ok);
  CHECK(in_time == 81);
  const auto files = segments_of(r.output);
  REQUIRE(files.size() == 1);
  CHECK(blocks_of(files[0]) >= 8);
  const auto all = read_texts(r.output);
  REQUIRE(all.size() == 1);
  CHECK(all.begin()->second.lines.size() == 100);
  CHECK(all.begin()->second.stretches == static_cast<int>(blocks_of(files[0])));
}

TEST_CASE("segments: a block that is full is written before its time") {
  segment_run r;
  constexpr int polls = sanitized ? 5 : 20;
  r.settings.reps = polls;
  std::uint64_t seed = 1;
  for (std::uint64_t cookie = 1; cookie <= 40; ++cookie) r.add(cookie).info.resize(20'000);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t) {
    for (auto& [cookie, socket] : k.sockets) scramble(socket, seed);
    r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("losses") == 0);
  const auto files = segments_of(r.output);
  REQUIRE(files.size() == 1);
  CHECK(blocks_of(files[0]) >= polls / 4);
  CHECK(has_index(files[0]));
  CHECK(lines_in(read_texts(r.output)) == 40 * polls);
}

TEST_CASE("segments: the next one begins at the age of --rotate, on its own day") {
  segment_run r;
  r.settings.rotate_ns = second;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 350;
  // The clock of the tests begins an hour after the machine's start.
  r.system.realtime = std::int64_t{1'600'041'600} * second - r.system.monotonic_ns() - 2 * second;
  r.add(1);
  r.add(2);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  const auto files = segments_of(r.output);
  REQUIRE(files.size() == 4);
  std::set<std::string> days;
  for (const auto& file : files) {
    CHECK(has_index(file));
    days.insert(fs::relative(file, r.output).parent_path());
  }
  CHECK(days == std::set<std::string>{"2020/09/13", "2020/09/14"});
  // The archives are those of the day on which they began, and go on.
  const auto all = read_texts(r.output);
  REQUIRE(all.size() == 2);
  CHECK(all.at("2020/09/13/" + name_of(1, 0)).lines.size() == 350);
  CHECK(all.at("2020/09/13/" + name_of(1, 0)).stretches >= 4);
  CHECK(all.at("2020/09/13/" + name_of(2, 0)).lines.size() == 1);
  CHECK(all.at("2020/09/13/" + name_of(2, 0)).stretches == 1);
}

namespace {

// Runs from after midnight, by a clock that is stepped back to the day before, and forwards again;
// meanwhile so many writes fail.
archive_texts record_over_midnight(run& r, int append_faults) {
  constexpr std::int64_t midnight = std::int64_t{1'600'041'600} * second;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 300;
  r.system.realtime = midnight - r.system.monotonic_ns() + second / 2;
  r.add(1);
  r.add(2);
  r.add(3);
  r.kernel.before_poll = [&r, append_faults](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    if (poll < 10 || (poll > 75 && poll < 80)) k.sockets.at(2).set(128, poll);
    if (poll == 70) {
      r.system.realtime -= 10 * second;
      r.system.append_faults = append_faults;
    }
    if (poll == 73) k.sockets[4].cookie = 4;
    if (poll == 77) k.destroy(3);
    if (poll == 250) r.system.realtime += 10 * second;
    if (poll % 5 == 0) r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  return read_texts(r.output);
}

// Where its path says that its records begin.
std::string day_of(const std::string& path) {
  std::string day = path.substr(0, 10);
  std::replace(day.begin(), day.end(), '/', '-');
  return day;
}

}  // namespace

TEST_CASE("segments: no record is of a day before its folder's, where the clock is stepped back") {
  archive_texts found[2];
  for (const layout as : {layout::connections, layout::segments}) {
    for (const int faults : {0, 3}) {
      INFO((as == layout::segments) << " " << faults);
      run r;
      r.settings.layout = as;
      const auto texts = record_over_midnight(r, faults);
      CHECK(lines_in(texts) == 300 + 13 + 2 + 1);
      CHECK(lines_in(texts) == r.count("records"));
      for (const auto& [path, text] : texts)
        for (const std::string& line : text.lines) {
          INFO(path << " " << line);
          CHECK(line.substr(line.find("20"), 10) >= day_of(path));
        }
      std::set<std::string> days;
      for (const auto& file : files_of(r.output, ".zst")) {
        const std::string folder = fs::relative(file.parent_path(), r.output).string();
        days.insert(folder);
        record_reader reader;
        REQUIRE_FALSE(reader.open_path(file.string()));
        record one;
        for (bool more = true; more;) {
          REQUIRE_FALSE(reader.next(one, more));
          if (more && one.has_idm()) CHECK(to_string(one.time()).substr(0, 10) >= day_of(folder));
        }
        if (as == layout::segments && faults == 0) CHECK(has_index(file));
      }
      CHECK(days == std::set<std::string>{"2020/09/13", "2020/09/14"});
      if (faults == 0) found[static_cast<std::size_t>(as)] = texts;
    }
  }
  // Those that changed on both days have an archive of each.
  CHECK(found[0].size() == 3 + 1 + 3);
  REQUIRE(found[0].size() == found[1].size());
  for (const auto& [path, text] : found[0]) {
    INFO(path);
    REQUIRE(found[1].contains(path));
    CHECK(found[1].at(path).about == text.about);
    CHECK(found[1].at(path).lines == text.lines);
  }
}

TEST_CASE("segments: a segment is completed at its age though nothing more comes") {
  segment_run r;
  r.settings.rotate_ns = second;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 300;
  r.add(1);
  std::size_t complete = 0;
  r.kernel.before_poll = [&](scripted_kernel&, std::uint64_t poll) {
    r.system.let_writer_rest();
    if (poll == 250) complete = segments_of(r.output).size() + files_of(r.output, ".part").size();
    if (poll == 300) CHECK(files_of(r.output, ".part").size() <= 1);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(complete == 1);
  CHECK(segments_of(r.output).size() == 1);
}

TEST_CASE("segments: blocks wait where a file cannot be written, and all of them reach it") {
  for (const int fault : {ENOSPC, EIO, EMFILE}) {
    INFO(fault);
    segment_run r;
    r.settings.flush_ns = 100'000'000;
    r.settings.reps = 1000;
    r.system.append_errno = fault;
    r.add(1);
    r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
      k.sockets.at(1).set(128, poll);
      if (poll == 100) r.system.append_faults = 4;
      if (poll % 5 == 0) r.system.let_writer_rest();
    };
    CHECK(r.collect() == exit_ok);
    CHECK(r.count("write_errors") > 0);
    CHECK(r.lines_with("its records wait") == 1);
    CHECK(records_in(r.output) == 1000);
    // A device that fails for one file may do for another: that one is left as it is.
    CHECK(segments_of(r.output).size() == (fault == EIO ? 2 : 1));
  }
}

TEST_CASE("segments: a disk that stays full costs what memory cannot hold, counted and said") {
  segment_run r;
  r.settings.max_memory = std::uint64_t{64} << 20;
  r.settings.flush_ns = 50'000'000;
  r.settings.reps = 28;
  std::uint64_t seed = 1;
  std::uint64_t messages = 0;
  for (std::uint64_t cookie = 1; cookie <= 40; ++cookie) r.add(cookie).info.resize(20'000);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    for (auto& [cookie, socket] : k.sockets) {
      scramble(socket, seed);
      ++messages;
    }
    if (poll == 3) r.system.append_faults = 1'000'000;
    if (poll == 22) r.system.append_faults = 0;
    r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.count("lost_write") > 0);
  CHECK(r.count("lost_write") == r.count("losses"));
  CHECK(r.lines_with("are lost: they could not be written, and memory ended") >= 1);
  const std::uint64_t found = records_in(r.output);
  // Readers are told, too.
  std::uint64_t missing = 0;
  for (const auto& path : segments_of(r.output)) {
    segment_reader reader;
    REQUIRE_FALSE(reader.open_path(path.string()));
    segment_record one;
    for (bool more = true; more;) REQUIRE_FALSE(reader.next(one, more));
    missing += reader.missing_records();
  }
  CHECK(missing == r.count("lost_write"));
  CHECK(found == r.count("records"));
  CHECK(found + r.count("lost_write") == messages);
}

TEST_CASE(
    "segments: what cannot be written until the end is lost, counted, and the rest complete") {
  segment_run r;
  r.settings.flush_ns = 100'000'000;
  r.add(1);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    r.system.let_writer_rest();
    if (poll == 50) r.system.append_faults = 1'000'000;
  };
  CHECK(r.collect() == exit_trouble);
  const std::size_t found = lines_in(read_texts(r.output));
  CHECK(found >= 30);
  CHECK(found == r.count("records"));
  CHECK(found + r.count("lost_write") == 100);
  CHECK(r.lines_with("the run ended") >= 1);
}

TEST_CASE("segments: a file that is taken away is said, and what comes next goes into a new one") {
  segment_run r;
  r.settings.flush_ns = 100'000'000;
  r.add(1);
  std::size_t gone = 0;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    r.system.let_writer_rest();
    if (poll != 50) return;
    archive_texts now;
    for (const auto& part : files_of(r.output, ".part")) read_texts(part, r.output, now);
    gone = lines_in(now);
    fs::remove_all(r.output / "2020");
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(gone >= 30);
  CHECK(r.count("lost_files") == 1);
  CHECK(r.lines_with("was taken away while it was being written") == 1);
  const auto files = segments_of(r.output);
  REQUIRE(files.size() == 1);
  CHECK_FALSE(has_index(files[0]));
  segment_reader reader;
  REQUIRE_FALSE(reader.open_path(files[0].string()));
  segment_record one;
  std::size_t found = 0;
  for (bool more = true;;) {
    REQUIRE_FALSE(reader.next(one, more));
    if (!more) break;
    ++found;
    // Where it comes from is known all the same.
    CHECK(reader.archive().path == "2020/09/13/" + name_of(1, 0));
    CHECK(reader.archive().goes_on == 1);
  }
  CHECK(found + gone == 100);
}

TEST_CASE("segments: another collector that took the directory is waited for") {
  segment_run r;
  r.settings.flush_ns = 100'000'000;
  r.settings.reps = 500;
  r.add(1);
  std::unique_ptr<held_lock> other;
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    r.system.let_writer_rest();
    if (poll == 50) {
      fs::remove_all(r.output);
      fs::create_directories(r.output);
      REQUIRE_FALSE(r.system.lock((r.output / ".tcpinfo-collect.lock").string(), other));
    }
    if (poll == 200) other.reset();
  };
  CHECK(r.collect() == exit_trouble);
  CHECK(r.lines_with("another collector has the output directory") >= 1);
  CHECK(r.count("lost_files") == 1);
  CHECK(r.count("lost_write") == 0);
  CHECK(segments_of(r.output).size() == 1);
}

#if !defined(TCPINFO_TEST_SANITIZED)
TEST_CASE("segments: memory that ends on the writer's thread loses nothing that is not counted") {
  for (const long failing : {1L, 40L}) {
    for (long before = 0; before < 60; before += failing == 1 ? 2 : 13) {
      INFO(failing << " after " << before);
      segment_run r;
      r.settings.flush_ns = 100'000'000;
      r.add(1);
      bool armed = false;
      r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
        k.sockets.at(1).set(128, poll);
        made_socket s;
        s.cookie = 100 + poll;
        k.sockets[s.cookie] = s;
        k.destroy(s.cookie);
        if (poll % 5 == 0) r.system.let_writer_rest();
      };
      r.system.before_deed = [&](std::string_view deed, const std::string& path) {
        // On the writer's thread.
        if (deed == "append" && path.ends_with(".part") && !std::exchange(armed, true)) {
          test_allocations::before_failing = before;
          test_allocations::failing = failing;
        }
        return std::error_code{};
      };
      const int status = r.collect();
      CHECK(armed);
      CHECK(files_of(r.output, ".part").empty());
      CHECK(records_in(r.output) == r.count("records"));
      CHECK(r.count("records") + r.count("lost_write") == 200);
      CHECK(status == (r.count("losses") == 0 ? exit_ok : exit_trouble));
    }
  }
}
#endif

TEST_CASE("segments: memory that ends in a deed with a file costs another try, and nothing else") {
  for (int at = 0; at < 12; ++at) {
    INFO(at);
    segment_run r;
    r.settings.flush_ns = 100'000'000;
    r.settings.reps = 50;
    r.add(1);
    r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
      k.sockets.at(1).set(128, poll);
      r.system.let_writer_rest();
    };
    std::atomic<int> deeds{0};
    r.system.before_deed = [&](std::string_view, const std::string& path) -> std::error_code {
      if (path.find(".tcpseg.") != std::string::npos && deeds++ == at) throw std::bad_alloc();
      return {};
    };
    CHECK(r.collect() == exit_ok);
    r.system.before_deed = nullptr;
    CHECK(lines_in(read_texts(r.output)) == 50);
  }
}

namespace {

// The sequences of a connection in the output directory, however it was recorded.
std::vector<std::uint64_t> sequences_of(const fs::path& output, std::uint64_t cookie) {
  std::vector<std::uint64_t> found;
  for (const auto& [path, text] : read_texts(output)) {
    archive_name name;
    REQUIRE_FALSE(parse_archive_name(path, name));
    std::uint64_t its = 0;
    REQUIRE_FALSE(parse_uuid_cookie(name.uuid, its));
    if (its == cookie) found.push_back(name.sequence);
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

TEST_CASE(
    "segments: a connection goes on after a restart, in whichever layout, by a new sequence") {
  using enum layout;
  constexpr std::uint64_t runs = sequences_of_a_run;
  struct {
    std::vector<layout> layouts;
    std::vector<std::uint64_t> expected;
  } const cases[] = {
      {{segments, segments, segments}, {0, runs, 2 * runs}},
      {{segments, connections, connections}, {0, runs, runs + 1}},
      {{connections, segments, connections}, {0, 1, runs}},
      {{connections, connections, segments, segments}, {0, 1, 2, runs}},
      {{segments, connections, segments, connections}, {0, runs, runs + 1, 2 * runs}},
  };
  for (const bool knows_newest : {true, false}) {
    for (const auto& one : cases) {
      INFO(knows_newest << " " << (&one - cases));
      run r;
      r.system.knows_newest = knows_newest;
      r.settings.reps = 10;
      r.add(1);
      for (const layout as : one.layouts) {
        r.settings.layout = as;
        CHECK(r.collect() == exit_ok);
        // What the kernel gives from here on is higher.
        r.system.newest = 1;
      }
      CHECK(sequences_of(r.output, 1) == one.expected);
    }
  }
}

TEST_CASE(
    "segments: what another collector recorded before it gave the directory up has its number") {
  // Two connections that began when this run had begun and the other one was ending.
  segment_run r;
  r.settings.reps = 10;
  r.add(1);
  r.add(2);
  CHECK(r.collect() == exit_ok);
  r.system.given_meanwhile = 2;
  CHECK(r.collect() == exit_ok);
  for (const std::uint64_t cookie : {1U, 2U})
    CHECK(sequences_of(r.output, cookie) == std::vector<std::uint64_t>{0, sequences_of_a_run});
}

TEST_CASE("segments: one that was set aside counts for the number of the next run") {
  for (const char* const suffix : {".part.damaged", ".part.damaged.2"}) {
    segment_run r;
    r.settings.reps = 5;
    r.add(1);
    CHECK(r.collect() == exit_ok);
    const auto files = segments_of(r.output);
    REQUIRE(files.size() == 1);
    const fs::path aside = files[0].string() + suffix;
    fs::rename(files[0], aside);
    r.system.newest = 1;
    CHECK(r.collect() == exit_ok);
    CHECK(sequences_of(r.output, 1) == std::vector<std::uint64_t>{sequences_of_a_run});
    CHECK(fs::exists(aside));
  }
}

TEST_CASE(
    "segments: what began in this run has the sequences that it would have without a restart") {
  segment_run r;
  r.settings.reps = 20;
  r.add(1);
  CHECK(r.collect() == exit_ok);
  r.system.newest = 1;
  r.kernel.before_poll = [](scripted_kernel& k, std::uint64_t poll) {
    if (poll != 5) return;
    k.sockets[2].cookie = 2;
    // Closed between two polls.
    made_socket s;
    s.cookie = 3;
    k.sockets[3] = s;
    k.destroy(3);
    k.destroy(1);
  };
  CHECK(r.collect() == exit_ok);
  CHECK(sequences_of(r.output, 1) == std::vector<std::uint64_t>{0, sequences_of_a_run});
  CHECK(sequences_of(r.output, 2) == std::vector<std::uint64_t>{0});
  CHECK(sequences_of(r.output, 3) == std::vector<std::uint64_t>{0});
}

TEST_CASE("segments: packed ones of another name make way, too") {
  for (const bool on_top : {true, false}) {
    segment_run r;
    r.settings.reps = 5;
    r.add(1);
    CHECK(r.collect() == exit_ok);
    const auto files = segments_of(r.output);
    REQUIRE(files.size() == 1);
    const fs::path folder = on_top ? r.output : files[0].parent_path();
    fs::rename(files[0], folder / "packed.00000.tcpseg.zst");
    r.system.newest = 1;
    CHECK(r.collect() == exit_ok);
    const auto found = sequences_of(r.output, 1);
    REQUIRE(found.size() == 2);
    CHECK(found[0] == 0);
    CHECK(found[1] > 100'000 * sequences_of_a_run);
    CHECK(found[1] % sequences_of_a_run == 0);
    // Below what a double holds.
    CHECK(found[1] < std::uint64_t{1} << 53U);
  }
}

TEST_CASE("segments: what is left of a socket after a restart is no connection") {
  segment_run r;
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
  r.system.newest = 1;
  CHECK(r.collect() == exit_ok);
  CHECK(read_texts(r.output).size() == 1);
}

namespace {

// A run that left one segment, as a kill would leave it.
struct killed : segment_run {
  fs::path complete;
  fs::path part;
  fs::path damaged;
  std::string blocks;  // without the index
  std::size_t records = 0;
  std::size_t first_block = 0;  // its bytes

  killed() {
    settings.flush_ns = 100'000'000;
    add(1);
    kernel.before_poll = [this](scripted_kernel& k, std::uint64_t poll) {
      k.sockets.at(1).set(128, poll);
      system.let_writer_rest();
      const auto parts = files_of(output, ".part");
      if (!parts.empty() && first_block == 0) first_block = fs::file_size(parts[0]);
      if (!parts.empty()) blocks = bytes_of(parts[0]);
    };
    CHECK(collect() == exit_ok);
    complete = segments_of(output).at(0);
    part = complete.string() + ".part";
    damaged = complete.string() + ".part.damaged";
    kernel.sockets.clear();
    kernel.before_poll = nullptr;
    settings.reps = 1;
    records = restart(blocks);
  }
  // Starts a collector where only `content` was left behind. @return the records that are there.
  std::size_t restart(const std::string& content) {
    fs::remove(complete);
    fs::remove(damaged);
    std::ofstream(part, std::ios::binary) << content;
    CHECK(collect() == exit_ok);
    CHECK_FALSE(fs::exists(part));
    return fs::exists(complete) ? lines_in(read_texts(output)) : 0;
  }
};

}  // namespace

TEST_CASE("segments: a leftover is cut after its last whole block and completed") {
  killed r;
  CHECK(r.records >= 80);
  CHECK(bytes_of(r.complete) == r.blocks);
  for (std::size_t cut = r.first_block; cut < r.blocks.size(); cut += sanitized ? 131 : 41) {
    INFO(cut);
    const std::size_t found = r.restart(r.blocks.substr(0, cut));
    CHECK(found >= 5);
    CHECK(found <= r.records);
    CHECK_FALSE(fs::exists(r.damaged));
    CHECK(r.blocks.starts_with(bytes_of(r.complete)));
  }
}

TEST_CASE("segments: a leftover without one whole block is removed, and counts as none") {
  killed r;
  for (std::size_t cut = 0; cut < r.first_block; cut += 5) {
    INFO(cut);
    CHECK(r.restart(r.blocks.substr(0, cut)) == 0);
    CHECK_FALSE(fs::exists(r.complete));
    CHECK_FALSE(fs::exists(r.damaged));
  }
}

TEST_CASE("segments: a leftover whose first block is damaged in any bit keeps what is behind it") {
  killed r;
  for (std::size_t at = 0; at < 24; ++at)
    for (const char bit : {'\x01', '\x10', '\x80'}) {
      INFO(at << " " << int{bit});
      std::string bad = r.blocks;
      bad[at] = static_cast<char>(bad[at] ^ bit);
      fs::remove(r.complete);
      std::ofstream(r.part, std::ios::binary) << bad;
      (void)r.collect();
      // Completed, set aside with every byte, or left for another try (a window that is too large).
      std::size_t bytes = 0;
      for (const fs::path& left : {r.complete, r.damaged, r.part}) {
        if (fs::exists(left))
          bytes = std::max(bytes, static_cast<std::size_t>(fs::file_size(left)));
        fs::remove(left);
      }
      CHECK(bytes >= r.blocks.size());
    }
}

TEST_CASE("segments: a name with a run that none can have makes no sequences") {
  for (const char* const number : {"18446744073709551615", "20000000000", "9000000"}) {
    segment_run r;
    r.settings.reps = 5;
    r.add(1);
    CHECK(r.collect() == exit_ok);
    const auto files = segments_of(r.output);
    REQUIRE(files.size() == 1);
    std::ofstream(files[0].parent_path() /
                  ("h.20260131T120000Z-" + std::string(number) + ".0.00000.tcpseg.zst"));
    r.system.newest = 1;
    CHECK(r.collect() == exit_ok);
    INFO(number);
    const auto found = sequences_of(r.output, 1);
    CHECK(found.back() >= sequences_of_a_run);
    CHECK(found.back() < std::uint64_t{1} << 53U);
  }
}

TEST_CASE("segments: a leftover that is damaged keeps every byte, and its good part is published") {
  killed r;
  std::string holes = r.blocks;
  std::fill(holes.begin() + static_cast<std::ptrdiff_t>(r.first_block + 20),
            holes.begin() + static_cast<std::ptrdiff_t>(r.first_block + 60), '\0');
  CHECK(r.restart(holes) >= 5);
  CHECK(bytes_of(r.complete) == r.blocks.substr(0, r.first_block));
  CHECK(bytes_of(r.damaged) == holes);
}

TEST_CASE("segments: a file that was not synced is copied block by block, as it is") {
  segment_run r;
  r.settings.flush_ns = 100'000'000;
  r.system.sync_faults = 1;
  r.add(1);
  r.kernel.before_poll = [&](scripted_kernel& k, std::uint64_t poll) {
    k.sockets.at(1).set(128, poll);
    r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  const auto files = segments_of(r.output);
  REQUIRE(files.size() == 1);
  CHECK(has_index(files[0]));
  CHECK(blocks_of(files[0]) >= 8);
  CHECK(lines_in(read_texts(r.output)) == 100);
}

TEST_CASE("segments: a message that no block takes is kept as a line") {
  archive_texts found[2];
  for (const layout as : {layout::connections, layout::segments}) {
    run one;
    one.settings.layout = as;
    one.settings.reps = 3;
    // More than a block takes of one message.
    made_socket& large = one.add(1);
    large.info.resize(40'000);
    large.cong.resize(40'000, 'c');
    one.add(2);
    CHECK(one.collect() == exit_ok);
    found[as == layout::segments ? 1 : 0] = read_texts(one.output);
  }
  REQUIRE(found[0].size() == 2);
  for (const auto& [path, text] : found[0]) CHECK(found[1].at(path).lines == text.lines);
}

TEST_CASE("names of segments say host, start, run, writer and number, and only those are ours") {
  const std::int64_t start = std::int64_t{1'769'860'800} * second;
  CHECK(segment_name(segment_stem("web-1.example", start, 3), 2, 7) ==
        "web-1.example.20260131T120000Z-3.2.00007.tcpseg.zst");
  CHECK(segment_stem(".a/b\nc", start, 0) == "_.a_b_c.20260131T120000Z-0");
  CHECK(segment_stem("", start, 0) == "_.20260131T120000Z-0");
  const std::string long_name =
      segment_name(segment_stem(std::string(400, 'x'), start, ~std::uint64_t{0}), ~0U,
                   ~std::uint64_t{0}) +
      ".part.damaged.100";
  CHECK(long_name.size() < 256);
  parsed_segment_name parsed;
  REQUIRE(parse_segment_name("a.b-c.20260131T120000Z-3.2.00007.tcpseg.zst.part", parsed));
  CHECK(parsed.run == 3);
  CHECK(parsed.partial);
  REQUIRE(parse_segment_name("a.20260131T120000Z-12.2.7.tcpseg.zst", parsed));
  CHECK(parsed.run == 12);
  CHECK_FALSE(parsed.partial);
  for (const char* const other :
       {"", ".tcpseg.zst", "a.tcpseg.zst", "a.20260131T120000Z-12.2.7.tcpseg",
        "a.20260131T120000Z-12.2.7.jsonl.zst", ".20260131T120000Z-12.2.7.tcpseg.zst",
        "a.2026013T120000Z-12.2.7.tcpseg.zst", "a.20260131T120000Z-.2.7.tcpseg.zst",
        "a.20260131T120000Z-12..7.tcpseg.zst", "a.20260131T120000Z-12.2.x.tcpseg.zst",
        "a.20260131T120000Z-12.2.7.tcpseg.zst.part.damaged",
        "a.20260131T120000Z-99999999999999999999.2.7.tcpseg.zst"}) {
    INFO(other);
    CHECK_FALSE(parse_segment_name(other, parsed));
  }
  CHECK(is_segment_path("/x/packed.tcpseg.zst"));
  CHECK(is_segment_path("/x/packed.tcpseg.zst.part"));
  CHECK_FALSE(is_segment_path("/x/a.00000.jsonl.zst"));
}

TEST_CASE("the newest cookie is above all that were given and below all that will be") {
  const auto cookie = [] {
    const descriptor one(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::uint64_t its = 0;
    socklen_t size = sizeof its;
    REQUIRE(::getsockopt(one.get(), SOL_SOCKET, SO_COOKIE, &its, &size) == 0);
    return its;
  };
  const std::uint64_t before = cookie();
  std::uint64_t newest = 0;
  REQUIRE_FALSE(find_newest_cookie(newest));
  CHECK(before <= newest);
  // On the processor where its batch was taken; another one may have a batch of before.
  std::uint64_t highest = 0;
  for (int i = 0; i < 5000; ++i) highest = std::max(highest, cookie());
  CHECK(highest > newest);
}

TEST_CASE("that there are segments is said once, after a minute of many files") {
  const auto lines = [](std::uint64_t rate, int seconds, layout as) {
    config settings;
    settings.layout = as;
    statistics counts;
    captured_errors errors;
    file_rate files(settings, counts, 0);
    for (int s = 1; s <= seconds; ++s) {
      // In bursts, as files come.
      if (s % 3 == 0) counts.files_created.add(3 * rate);
      files.look(s * second);
    }
    const std::string said = errors.text();
    return std::count(said.begin(), said.end(), '\n');
  };
  CHECK(lines(400, 50, layout::connections) == 0);
  CHECK(lines(400, 300, layout::connections) == 1);
  CHECK(lines(50, 300, layout::connections) == 0);
  CHECK(lines(400, 300, layout::segments) == 0);
}
