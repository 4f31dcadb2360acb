// SPDX-License-Identifier: Apache-2.0
//
// The layout of segments by itself: more connections than it remembers, and memory that ends.
#include "collect/writing/segments_layout.h"

#include <algorithm>
#include <new>
#include <random>
#include <set>
#include <string>

#include "collect/writing/ended_flows.h"
#include "common/sequences.h"
#include "unit/allocations.h"
#include "unit/collect/sampling/sampler_bench.h"
#include "unit/collect/segments.h"
#include "unit/sanitized.h"

namespace {

// Takes snapshots as a writer gives them.
struct layout_bench : bench {
  record_observer observer{seen};
  waiting_memory memory{std::size_t{64} << 20, 0, counts, 1};
  std::unique_ptr<segments_layout> records;
  std::int64_t now_ns = 0;

  /// @param is_asked whether there is a query socket
  explicit layout_bench(bool is_asked = false) {
    if (is_asked) r.settings.query_socket = "socket";
    writing->segment_stem = "h.20200913T132640Z-0";
    records = std::make_unique<segments_layout>(sink_context{*writing, observer, memory, 0});
    REQUIRE_FALSE(records->open());
    now_ns = r.system.monotonic_ns();
  }
  void take(std::uint64_t cookie, snapshot_kind kind) {
    made_socket s;
    s.cookie = cookie;
    s.info.resize(8);
    snapshot_header header;
    header.cookie = cookie;
    header.kind = kind;
    header.time_ns = r.system.realtime_ns();
    const bool has_message = kind != snapshot_kind::ended_without_event;
    records->take(header, has_message ? s.view().bytes : bytes_view(), now_ns);
  }
};

}  // namespace

TEST_CASE("segments: an answer has of blocks that cannot be written the latest, and no more") {
  layout_bench b(true);
  b.r.system.append_faults = 1'000'000;
  std::mt19937 random(1);
  std::string noise(60'000, '\0');
  recent_answer said;
  std::size_t before = 0;
  for (int i = 0; i < 30; ++i) {
    for (int k = 0; k < 8; ++k) {
      for (char& c : noise) c = static_cast<char>(random() & 0xffU);
      made_socket s;
      (void)s.view();
      s.built.add(60, noise);  // of a kernel to come
      snapshot_header header;
      header.cookie = 1;
      header.kind = snapshot_kind::data;
      header.time_ns = b.r.system.realtime_ns();
      b.records->take(header, s.built.view().bytes, b.now_ns);
    }
    before = said.frames.size();
    said = {};
    b.records->answer({.cookie = 1}, said, b.now_ns);
    REQUIRE(said.flows.size() == 1);
    CHECK(said.frames.size() <= segment_file::recent_bytes);
    // While there is room all of them are told.
    if (i < 4) CHECK(said.frames.size() > before + 400'000);
  }
  CHECK(said.frames.size() > segment_file::recent_bytes / 2);
  b.records->give_up();
}

TEST_CASE("an ended connection goes on after its sequence, also one of those that were forgotten") {
  ended_flows ended(3);
  const auto flow_of = [](std::uint64_t cookie, std::uint64_t sequence) {
    flow_archive flow;
    flow.cookie = cookie;
    flow.sequence = sequence;
    return flow;
  };
  // The next sequence of a connection whose cookie is seen again, where without more it had
  // `first`.
  const auto next = [&](std::uint64_t cookie, std::uint64_t first) {
    flow_archive flow = flow_of(cookie, first);
    snapshot_header header;
    header.cookie = cookie;
    if (!ended.resume(flow, header)) ended.pass_forgotten(flow);
    return flow.sequence;
  };
  CHECK(next(10, 0) == 0);
  ended.remember(flow_of(10, 7));
  ended.remember(flow_of(20, sequences_of_a_run + 4));
  ended.remember(flow_of(30, 2));
  CHECK(next(10, 0) == 7);
  ended.remember(flow_of(10, 8));
  for (std::uint64_t cookie = 40; cookie < 43; ++cookie) ended.remember(flow_of(cookie, 1));
  CHECK(next(42, 0) == 1);
  // 10, 20 and 30 are forgotten.
  CHECK(next(10, 0) == 8);
  CHECK(next(30, 0) >= 2);
  CHECK(next(20, sequences_of_a_run) == sequences_of_a_run + 4);
  // One that began later can be none of these.
  CHECK(next(31, 0) == 0);
  CHECK(next(21, sequences_of_a_run) == sequences_of_a_run);
}

TEST_CASE("segments: more connections come back than are remembered, and none has a path twice") {
  if (sanitized) {
    WARN("100,050 connections take a minute with sanitizers: not run");
    return;
  }
  layout_bench b;
  constexpr std::uint64_t more = 50;
  for (std::uint64_t cookie = 1; cookie <= ended_flows::most_remembered + more; ++cookie) {
    b.take(cookie, snapshot_kind::data);
    b.take(cookie, snapshot_kind::ended_without_event);
  }
  for (std::uint64_t cookie = 1; cookie <= 2 * more; ++cookie) b.take(cookie, snapshot_kind::data);
  b.records->finish();
  std::set<std::string> begun;
  std::size_t twice = 0;
  for (const auto& path : files_of(b.r.output, ".part")) {
    segment_reader reader;
    REQUIRE_FALSE(reader.open_path(path.string()));
    segment_record one;
    for (bool more_records = true;;) {
      REQUIRE_FALSE(reader.next(one, more_records));
      if (!more_records) break;
      if (one.first != 0 && reader.archive().goes_on == 0)
        twice += begun.emplace(reader.archive().path).second ? 0 : 1;
    }
  }
  CHECK(twice == 0);
  CHECK(begun.size() == ended_flows::most_remembered + 3 * more);
}

#if !defined(TCPINFO_TEST_SANITIZED)
TEST_CASE("segments: a block that finds no memory at the end is counted once") {
  layout_bench b;
  b.take(1, snapshot_kind::data);
  b.now_ns += std::int64_t{10} * 1'000'000'000;
  (void)b.records->write_portion(b.now_ns);
  CHECK(b.counts.records.get() == 1);
  for (std::uint64_t cookie = 2; cookie <= 4; ++cookie) b.take(cookie, snapshot_kind::data);
  test_allocations::before_failing = 0;
  test_allocations::failing = 1'000'000;
  bool failed = false;
  try {
    b.records->finish();
  } catch (const std::bad_alloc&) {
    failed = true;
    b.records->give_up();
  }
  test_allocations::failing = 0;
  CHECK(failed);
  CHECK(b.counts.records.get() + b.counts.lost_write.get() == 4);
}
#endif
