// SPDX-License-Identifier: Apache-2.0
//
// The summaries in a collector's segments say what the records there come to.
#include <map>
#include <string>

#include "analysis/archive_summary.h"
#include "unit/collect/segments.h"
#include "unit/durations.h"
#include "unit/sanitized.h"

using namespace tcpinfo::analysis;

namespace {

struct summarized {
  archive_summary of;
  timestamp start;
  bool goes_on = false;
  int times = 0;
};
using summaries = std::map<std::string, summarized>;  // by the archive's path

summaries said_in(const fs::path& path, name_pool& names) {
  summaries all;
  segment_reader reader;
  REQUIRE_FALSE(reader.open_path(path.string()));
  segment_summary s;
  for (bool more = true;;) {
    REQUIRE_FALSE(reader.next_summary(s, more));
    if (!more) return all;
    REQUIRE(reader.archive().about != nullptr);
    summarized& one = all[std::string(reader.archive().path)];
    one.start = reader.archive().about->start_time;
    one.goes_on = reader.archive().goes_on != 0;
    one.of.load(s, one.start, names);
    ++one.times;
  }
}

summaries made_of(const fs::path& path, name_pool& names) {
  summaries all;
  message_eye eye(names);
  segment_reader reader;
  REQUIRE_FALSE(reader.open_path(path.string()));
  segment_record r;
  for (bool more = true;;) {
    REQUIRE_FALSE(reader.next(r, more));
    if (!more) return all;
    summarized& one = all[std::string(reader.archive().path)];
    if (one.of.count() == 0) one.goes_on = reader.archive().goes_on != 0;
    REQUIRE(r.line.empty());
    one.of.add(eye.see(r.m, r.time, r.ended, r.carried), r.poll);
  }
}

void compare(const fs::path& path) {
  INFO(path);
  name_pool names;
  summaries said = said_in(path, names);
  summaries made = made_of(path, names);
  CHECK(said.size() == made.size());
  for (auto& [archive, one] : made) {
    INFO(archive);
    REQUIRE(said.contains(archive));
    summarized& other = said.at(archive);
    CHECK(other.times == 1);
    CHECK(other.goes_on == one.goes_on);
    summary_room a;
    summary_room b;
    const segment_summary of_records = one.of.save(other.start, a, names);
    const segment_summary of_summary = other.of.save(other.start, b, names);
    CHECK(a.values == b.values);
    CHECK(a.rtts == b.rtts);
    CHECK(of_records.congestion_control == of_summary.congestion_control);
  }
  const auto contents = contents_of(path);
  REQUIRE(contents);
  CHECK(contents->summarized == contents->records);
}

}  // namespace

TEST_CASE("segments: summaries say what the records of each archive come to, in each segment") {
  for (const auto by : {anonymize_by::none, anonymize_by::netblock}) {
    segment_run r;
    r.settings.anonymize = by;
    r.settings.reps = 1300;
    r.settings.flush_ns = 300'000'000;
    r.settings.rotate_ns = 2 * second;
    for (std::uint64_t cookie = 1; cookie <= 5; ++cookie) r.add(cookie);
    r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
      all_kinds(k, poll);
      for (auto& [cookie, socket] : k.sockets)
        socket.set(68, static_cast<std::uint32_t>(100 + poll * cookie % 97));
      if (poll % 20 == 0) r.system.let_writer_rest();
    };
    CHECK(r.collect() == exit_ok);
    const auto files = segments_of(r.output);
    CHECK(files.size() >= 4);
    for (const fs::path& path : files) compare(path);
  }
}

TEST_CASE("segments: of a leftover no summary is made, and its records are kept") {
  segment_run r;
  r.settings.reps = 10;
  for (std::uint64_t cookie = 1; cookie <= 5; ++cookie) r.add(cookie);
  CHECK(r.collect() == exit_ok);
  auto files = segments_of(r.output);
  REQUIRE(files.size() == 1);
  const auto before = contents_of(files[0]);
  REQUIRE(before);
  CHECK(before->summaries == 5);
  // As a kill leaves it: with the blocks of records alone.
  const std::string bytes = bytes_of(files[0]);
  segment_selection wanted;
  std::vector<file_range> blocks(16);
  std::size_t count = 0;
  {
    const descriptor file(::open(files[0].c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE_FALSE(select_blocks(file.get(), wanted, blocks, count));
  }
  REQUIRE(count == 1);
  fs::remove(files[0]);
  std::ofstream(files[0].string() + ".part", std::ios::binary)
      << bytes.substr(0, blocks[0].offset + blocks[0].size);
  segment_run again;
  again.settings.output = r.settings.output;
  again.settings.reps = 2;
  again.add(9);
  CHECK(again.collect() == exit_ok);
  files = segments_of(r.output);
  REQUIRE(files.size() == 2);
  CHECK_FALSE(contents_of(files[0]));
  compare(files[1]);
}

TEST_CASE("segments: where a rotation fails, what comes behind it has a summary of its own") {
  segment_run r;
  r.settings.reps = 600;
  r.settings.flush_ns = 100'000'000;
  r.settings.rotate_ns = 2 * second;
  r.add(1);
  r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
    // Nothing is to be written when the file is old enough but the summaries.
    const bool quiet = poll > 150 && poll < 220;
    if (!quiet) k.sockets.at(1).set(68, static_cast<std::uint32_t>(100 + poll));
    if (poll == 190) r.system.append_faults = 1;
    if (poll % 5 == 0) r.system.let_writer_rest();
  };
  CHECK(r.collect() == exit_ok);
  CHECK(r.count("write_errors") == 1);
  const auto files = segments_of(r.output);
  REQUIRE(files.size() >= 2);
  name_pool names;
  summaries made = made_of(files[0], names);
  REQUIRE(made.size() == 1);
  segment_reader reader;
  REQUIRE_FALSE(reader.open_path(files[0].string()));
  archive_summary all;
  timestamp start;
  std::vector<bool> go_on;
  segment_summary s;
  for (bool more = true;;) {
    REQUIRE_FALSE(reader.next_summary(s, more));
    if (!more) break;
    const segment_archive& archive = reader.archive();
    REQUIRE(archive.about != nullptr);
    CHECK(archive.path == made.begin()->first);
    start = archive.about->start_time;
    go_on.push_back(archive.goes_on != 0);
    archive_summary one;
    one.load(s, start, names);
    all.merge(std::move(one));
  }
  CHECK(go_on == std::vector{false, true});
  summary_room a;
  summary_room b;
  (void)made.begin()->second.of.save(start, a, names);
  (void)all.save(start, b, names);
  CHECK(a.values == b.values);
  CHECK(a.rtts == b.rtts);
  const auto contents = contents_of(files[0]);
  REQUIRE(contents);
  CHECK(contents->summaries == 2);
  CHECK(contents->summarized == contents->records);
}

TEST_CASE("segments: summaries for which there is no memory are left out and counted") {
  for (const bool small : {false, true}) {
    INFO(small);
    segment_run r;
    r.settings.writers = 1;
    // Of enough memory a fifth tells as much.
    const std::uint64_t polls = sanitized && !small ? 30 : 150;
    r.settings.reps = polls;
    if (small) r.settings.max_memory = std::uint64_t{64} << 20;
    constexpr std::uint64_t connections = 400;
    for (std::uint64_t cookie = 1; cookie <= connections; ++cookie) r.add(cookie);
    // Round-trip times of all sizes take some 7 KiB of each.
    r.kernel.before_poll = [&r](scripted_kernel& k, std::uint64_t poll) {
      for (auto& [cookie, socket] : k.sockets)
        socket.set(68, (static_cast<std::uint32_t>(poll) << (poll % 24)) + 1);
      if (poll % 5 == 0) r.system.let_writer_rest();
    };
    CHECK(r.collect() == exit_ok);
    CHECK(r.count("losses") == 0);
    CHECK(r.count("records") == connections * polls);
    const std::uint64_t left_out = r.count("summaries_left_out");
    CHECK((left_out > 0) == small);
    const auto files = segments_of(r.output);
    REQUIRE(files.size() == 1);
    const auto contents = contents_of(files[0]);
    REQUIRE(contents);
    CHECK(contents->records == connections * polls);
    CHECK(contents->summaries == connections - left_out);
    CHECK((contents->summarized == contents->records) == !small);
    if (!small) compare(files[0]);
  }
}
