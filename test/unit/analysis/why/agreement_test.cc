// SPDX-License-Identifier: Apache-2.0
//
// How much of the time of recorded connections has the same cause by the clock that goes with the
// records and by the examiner, which sees them all. TCPINFO_WHY_ARCHIVES names a folder of archives
// to be compared in place of those of the tests.
#include <tcpinfo/archive.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "analysis/seen_message.h"
#include "analysis/why/clock_runs.h"
#include "analysis/why/examiner.h"
#include "unit/catch.h"

namespace fs = std::filesystem;
namespace why = tcpinfo::analysis::why;
using tcpinfo::message;

namespace {

struct both {
  why::examiner examiner;
  why::clock_runs clock;
  tcpinfo::socket_id ends;
};

struct agreement {
  double seconds = 0;
  double alike = 0;
  int connections = 0;
  int same_verdict = 0;
  std::map<std::string, double> by_examiner;  // seconds
  std::map<std::string, double> by_clock;
};

void compare(const both& b, agreement& to) {
  const auto verdicts = b.examiner.verdicts();
  const auto clock = b.clock.whole();
  const auto told = clock.verdict();
  if (verdicts.empty() || !told) return;
  const auto times = clock.times();
  for (std::size_t i = 0; i < why::cause_count; ++i) {
    const auto ns = static_cast<double>(verdicts.front().times[i]);
    const auto live = static_cast<double>(times[i]);
    const std::string name{why::name_of(static_cast<why::cause>(i))};
    to.by_examiner[name] += ns / 1e9;
    to.by_clock[name] += live / 1e9;
    to.alike += std::min(ns, live) / 1e9;
  }
  to.seconds += static_cast<double>(clock.life_ns()) / 1e9;
  ++to.connections;
  if (told->main == verdicts.front().main) ++to.same_verdict;
}

void read(const fs::path& path, agreement& to) {
  tcpinfo::archive_reader reader;
  tcpinfo::record record;
  tcpinfo::snapshot decoded;
  tcpinfo::analysis::name_pool names;
  tcpinfo::analysis::message_eye eye(names);
  std::map<std::uint64_t, both> all;
  if (reader.open_path(path.string())) return;
  for (const auto& item : reader.items(record)) {
    if (!item || !item->has_idm()) continue;
    const message m = item->view();
    const auto time = item->ended().is_zero() ? item->time() : item->ended();
    const auto ns = time.unix_nanoseconds();
    if (!ns || decoded.decode(m, tcpinfo::info_layout::unknown)) continue;
    both& b = all[m.cookie()];
    (void)b.examiner.add(decoded, *ns);
    const auto seen = eye.see(m);
    if (seen.info.data() == nullptr) continue;
    b.clock.add(why::cause_point::of(m, seen.info, *ns, seen.bbr));
  }
  for (const auto& [cookie, b] : all) compare(b, to);
}

}  // namespace

TEST_CASE("a clock agrees with the examiner on recorded connections") {
  const char* golden = std::getenv("TCPINFO_GOLDEN");
  const char* other = std::getenv("TCPINFO_WHY_ARCHIVES");
  if (golden == nullptr && other == nullptr) {
    WARN("nothing was compared: TCPINFO_GOLDEN is not set");
    return;
  }
  const fs::path folder = other != nullptr ? fs::path(other) : fs::path(golden) / "own";
  agreement found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().string().find(".jsonl") != std::string::npos)
      read(entry.path(), found);
  std::string text;
  for (const auto& [name, seconds] : found.by_examiner)
    text +=
        name + " " + std::to_string(seconds) + " " + std::to_string(found.by_clock[name]) + "\n";
  text += std::to_string(found.connections) + " connections, " +
          std::to_string(found.same_verdict) + " with the same verdict, " +
          std::to_string(found.alike) + " of " + std::to_string(found.seconds) + " s\n";
  INFO(text);
  REQUIRE(found.connections > 0);
  // Of other archives the figures are what is wanted, whatever they are.
  if (other != nullptr)
    WARN(text);
  else
    CHECK(found.alike >= 0.75 * found.seconds);
}
