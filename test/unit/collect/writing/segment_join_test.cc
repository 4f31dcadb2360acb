// SPDX-License-Identifier: Apache-2.0
//
// Small blocks of a segment are joined when it is finished: nothing of it is lost or changes, at
// whatever moment that is interrupted, and what cannot be joined stays as it is.
#include "collect/writing/segment_join.h"

#include <algorithm>

#include "segment/block_tables.h"
#include "segment/format.h"
#include "segment/varint.h"
#include "unit/collect/writing/finalizer_bench.h"
#include "unit/durations.h"
#include "unit/made_socket.h"
#include "unit/sanitized.h"

namespace {

constexpr std::int64_t start_ns = 1'769'860'800 * second;

// What a segment holds: by archive (path and first line) its records as lines. Between stretches
// nothing is said but whether it goes on.
struct content {
  std::map<std::string, std::vector<std::string>> archives;
  std::uint64_t records = 0;
  std::uint64_t missing = 0;
  std::uint64_t blocks = 0;
  std::uint64_t begun = 0;  // archives of which no record is before
  std::uint64_t faults = 0;
  std::vector<std::string> summaries;  // with their archives, sorted
};

std::string name_of(const segment_archive& a) {
  std::string name = std::string(a.path) + "\n";
  if (a.about == nullptr) return name;
  std::string line(max_metadata_size(*a.about), '\0');
  std::size_t n = 0;
  REQUIRE_FALSE(encode_metadata(line, n, *a.about));
  return name.append(line, 0, n);
}

std::vector<std::string> summaries_of(const std::string& path) {
  std::vector<std::string> found;
  segment_reader reader;
  REQUIRE_FALSE(reader.open_path(path));
  for (;;) {
    segment_summary one;
    bool more = true;
    if (reader.next_summary(one, more)) continue;
    if (!more) break;
    std::string text = name_of(reader.archive()) + std::to_string(reader.archive().goes_on) + " " +
                       std::string(one.congestion_control);
    for (const summary_value& v : one.values)
      text += " " + std::to_string(v.field) + "=" + std::to_string(v.value);
    for (const summary_bucket& b : one.rtts)
      text += " " + std::to_string(b.lowest) + "-" + std::to_string(b.highest) + ":" +
              std::to_string(b.count);
    found.push_back(std::move(text));
  }
  std::sort(found.begin(), found.end());
  return found;
}

content content_of_segment(const std::string& path) {
  content found;
  segment_reader reader;
  REQUIRE_FALSE(reader.open_path(path));
  std::string archive;
  for (;;) {
    segment_record one;
    bool more = true;
    if (reader.next(one, more)) {
      ++found.faults;
      continue;
    }
    if (!more) break;
    ++found.records;
    const segment_archive& a = reader.archive();
    if (one.first != 0) {
      archive = name_of(a);
      found.begun += a.goes_on == 0 ? 1 : 0;
    }
    std::string line(one.line);
    if (!one.m.bytes.empty()) {
      record_extras extras;
      extras.poll = one.poll;
      extras.ended = one.ended;
      extras.carried = one.carried;
      extras.thinned = one.thinned;
      line.resize(max_record_size(one.m));
      std::size_t n = 0;
      if (encode_record(line, n, one.time, one.m, extras)) FAIL(found.records);
      line.resize(n);
    }
    found.archives[archive].push_back(line);
  }
  found.missing = reader.missing_records();
  found.blocks = reader.blocks();
  found.summaries = summaries_of(path);
  return found;
}

// Whether the index is right: it leads to all of the file's blocks.
bool has_right_index(const std::string& path) {
  descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(file);
  std::vector<file_range> found(1000);
  std::size_t n = 0;
  if (select_blocks(file.get(), {}, found, n)) return false;
  return n > 0 && found[0].offset == 0;
}

// What a writer makes: blocks of few records of many connections.
struct made_segment {
  std::vector<std::string> blocks;
  std::string index;

  [[nodiscard]] std::string bytes(bool with_index = true) const {
    std::string all;
    for (const std::string& block : blocks) all += block;
    return with_index ? all + index : all;
  }
};

struct load {
  std::size_t blocks = 120;
  std::uint64_t connections = 20;
  std::uint64_t changes = 3;  // of each connection in each block
  std::size_t info_size = 280;
  bool summaries = false;  // of each archive with each third block
};

std::string as_string(bytes_view bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

made_segment make_segment(const load& how) {
  segment_writer writer;
  REQUIRE_FALSE(writer.create({}));
  made_segment made;
  std::vector<made_socket> sockets(how.connections);
  std::uint64_t noise = 1;
  for (std::size_t block = 0; block < how.blocks; ++block) {
    for (std::uint64_t c = 0; c < how.connections; ++c) {
      made_socket& s = sockets[c];
      s.cookie = c + 1;
      s.sport = static_cast<std::uint16_t>(10'000 + c);
      s.info.resize(how.info_size);
      // One that opens in the middle, and one that is quiet most of the time.
      if (c == 1 && block < 7) continue;
      if (c == 2 && block % 10 != 0) continue;
      char uuid[max_uuid_size];
      metadata about;
      about.uuid = {uuid, format_uuid("test", s.cookie, uuid)};
      about.sequence = c % 3;
      about.start_time = timestamp::from_unix_nanoseconds(start_ns + static_cast<std::int64_t>(c));
      about.host = "host";
      about.kernel = "6.1.0";
      about.run = "0123456789abcdef";
      if (c % 4 == 0) about.policy = "thin=1s";
      char path[max_archive_path_size];
      segment_archive archive;
      archive.about = &about;
      archive.path = {
          path, format_archive_path(about.start_time, about.uuid, about.sequence, path, nullptr)};
      // Of the first of them there are records in a segment before.
      archive.goes_on = c == 0 || (c == 1 ? block > 7 : block > 0) ? 1 : 0;
      std::uint32_t number = 0;
      REQUIRE_FALSE(writer.begin(archive, number));
      for (std::uint64_t i = 0; i < how.changes; ++i) {
        const std::uint64_t n = block * how.changes + i;
        s.set(128, n * 1448 * (c + 1) + (noise >> 50U));
        // Times that no compressor foresees.
        noise = noise * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
        s.set(68, static_cast<std::uint32_t>(20'000 + (noise >> 52U)));
        s.set(72, static_cast<std::uint32_t>(3'000 + (noise >> 54U)));
        record_extras extras;
        extras.poll = n;
        if (n % 50 == 49) extras.thinned = static_cast<std::uint32_t>(n);
        const auto at = start_ns + static_cast<std::int64_t>(n) * second;
        if (n % 70 == 69) {
          extras.poll = no_poll;
          extras.ended = timestamp::from_unix_nanoseconds(at - 1234);
          extras.carried = 5;
        }
        if (writer.add(number, timestamp::from_unix_nanoseconds(at), s.view(), extras, nullptr))
          FAIL(n);
      }
      if (how.summaries && block % 3 == 2) {
        const summary_value values[] = {{summary_records, 0, 3 * how.changes}, {7, 0, noise}};
        const summary_bucket rtts[] = {{100, 120, block + 1}, {200, 200, c + 1}};
        segment_summary summary;
        summary.values = values;
        summary.rtts = rtts;
        summary.congestion_control = "cubic";
        REQUIRE_FALSE(writer.add_summary(archive, summary));
      }
      if (c == 3) REQUIRE_FALSE(writer.add_line(number, "a line " + std::to_string(block) + "\n"));
    }
    bytes_view frame;
    REQUIRE_FALSE(writer.flush(frame));
    made.blocks.push_back(as_string(frame));
    REQUIRE_FALSE(writer.flush_summaries(frame));
    if (!frame.empty()) made.blocks.push_back(as_string(frame));
  }
  bytes_view index;
  REQUIRE_FALSE(writer.finish(index));
  made.index = as_string(index);
  return made;
}

struct join_bench : finalizer_bench {
  std::string complete = (folder / "h.20260131T120000Z-0.0.00000.tcpseg.zst").string();
  std::string part = complete + ".part";
  std::string copy = complete + ".part.new";

  [[nodiscard]] part_file write(const std::string& bytes, std::size_t frames) const {
    put(part, bytes);
    return {.path = part, .size = bytes.size(), .frames = frames};
  }
  [[nodiscard]] part_file write(const made_segment& made) const {
    return write(made.bytes(), made.blocks.size());
  }
  // Complete, and nothing else is left.
  [[nodiscard]] bool is_done() const { return files().size() == 1 && fs::exists(complete); }
};

}  // namespace

TEST_CASE("small blocks of a segment are joined: the same records in their order, and an index") {
  join_bench b;
  const made_segment made = make_segment({});
  const auto job = b.write(made);
  const content before = content_of_segment(b.part);
  REQUIRE(before.blocks == 120);
  statistics counts;
  b.finalize_all(counts, {job});
  REQUIRE(b.is_done());
  const content after = content_of_segment(b.complete);
  CHECK(after.archives == before.archives);
  CHECK(after.records == before.records);
  CHECK(after.begun == before.begun);
  CHECK(after.missing + after.faults == 0);
  CHECK(after.blocks == 1);
  CHECK(has_right_index(b.complete));
  CHECK(counts.files_finalized.get() == 1);
  CHECK(counts.not_rewritten.get() == 0);
  // Ten minutes of a low load.
  CHECK(fs::file_size(b.complete) < job.size / 2);
}

TEST_CASE("a joined segment of more than a block has several, each complete") {
  join_bench b;
  const load how{.blocks = sanitized ? 50U : 100U, .connections = 200, .changes = 5};
  const auto job = b.write(make_segment(how));
  REQUIRE(pays_to_join(job));
  const content before = content_of_segment(b.part);
  statistics counts;
  b.finalize_all(counts, {job});
  REQUIRE(b.is_done());
  const content after = content_of_segment(b.complete);
  CHECK(after.archives == before.archives);
  CHECK(after.begun == before.begun);
  CHECK(after.missing + after.faults == 0);
  CHECK(after.blocks > 1);
  CHECK(after.blocks < before.blocks / 4);
  CHECK(has_right_index(b.complete));
}

TEST_CASE("summaries are passed on as they are when blocks are joined") {
  join_bench b;
  const auto job = b.write(make_segment({.summaries = true}));
  const content before = content_of_segment(b.part);
  REQUIRE(before.summaries.size() == 40 * 19 - 2 + 4);
  statistics counts;
  b.finalize_all(counts, {job});
  REQUIRE(b.is_done());
  const content after = content_of_segment(b.complete);
  CHECK(after.archives == before.archives);
  CHECK(after.summaries == before.summaries);
  CHECK(after.blocks == 1);
  segment_contents index;
  const descriptor file(::open(b.complete.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE_FALSE(read_index(file.get(), index));
  CHECK(index.records == before.records);
  CHECK(index.summaries == before.summaries.size());
  CHECK(index.summarized == 3 * 3 * before.summaries.size());
}

TEST_CASE("a segment is not joined that would gain little by it") {
  join_bench b;
  // Within one block of the disk; one block alone; blocks that are large.
  const made_segment tiny = make_segment({.blocks = 3, .connections = 1, .changes = 1});
  REQUIRE(tiny.bytes().size() < 4096);
  const made_segment single = make_segment({.blocks = 1, .connections = 500, .changes = 3});
  REQUIRE(single.bytes().size() > 4096);
  for (const made_segment* made : {&tiny, &single}) {
    statistics counts;
    const auto job = b.write(*made);
    CHECK_FALSE(pays_to_join(job));
    b.finalize_all(counts, {job});
    REQUIRE(b.is_done());
    CHECK(bytes_of(b.complete) == made->bytes());
    fs::remove(b.complete);
  }
  CHECK_FALSE(pays_to_join({.path = b.part, .size = 10 << 20, .frames = 20}));
  CHECK(pays_to_join({.path = b.part, .size = 100 << 10, .frames = 20}));
  // Records that cost some bytes are mostly beginnings.
  const std::uint64_t size = 20 * (40 << 10);
  CHECK(pays_to_join({.path = b.part, .size = size, .frames = 20, .records = size / 5}));
  CHECK_FALSE(pays_to_join({.path = b.part, .size = size, .frames = 20, .records = size}));
  CHECK_FALSE(pays_to_join({.path = b.part, .size = 2 * size, .frames = 20, .records = size / 5}));
  CHECK_FALSE(pays_to_join({.path = "a.jsonl.zst.part", .size = 100 << 10, .frames = 20}));
}

TEST_CASE("a kill at any moment of a join leaves the old file or the new one") {
  join_bench b;
  const made_segment made = make_segment({.blocks = 12});
  const content before = content_of_segment(b.write(made).path);
  const fs::path then = b.scratch.path() / "then";
  for (const bool torn : {false, true}) {
    for (int at = 0;; ++at) {
      INFO(at << " " << torn);
      fs::remove(b.complete);
      fs::remove_all(then);
      const auto job = b.write(made);
      int deeds = 0;
      b.system.before_deed = [&](std::string_view, const std::string&) {
        // What a kill at this moment would leave.
        if (deeds++ == at) fs::copy(b.folder, then);
        return ok;
      };
      statistics counts;
      b.finalize_all(counts, {job});
      b.system.before_deed = nullptr;
      if (deeds <= at) {
        CHECK(at > 5);
        break;
      }
      fs::remove_all(b.folder);
      fs::copy(then, b.folder);
      const std::size_t whole = (fs::exists(b.part) ? 1 : 0) + (fs::exists(b.complete) ? 1 : 0);
      CHECK(whole == 1);
      if (torn && fs::exists(b.copy)) fs::resize_file(b.copy, fs::file_size(b.copy) / 2);
      statistics later;
      b.start_again(later);
      REQUIRE(b.is_done());
      const content after = content_of_segment(b.complete);
      CHECK(after.archives == before.archives);
      CHECK(after.missing + after.faults == 0);
      CHECK(later.lost_files.get() == 0);
    }
  }
}

TEST_CASE("any deed of a join may fail: it is tried again, or the blocks stay as they are") {
  join_bench b;
  const made_segment made = make_segment({.blocks = 12});
  const content before = content_of_segment(b.write(made).path);
  for (int at = 0;; ++at) {
    INFO(at);
    fs::remove(b.complete);
    const auto job = b.write(made);
    int deeds = 0;
    b.system.before_deed = [&](std::string_view, const std::string&) {
      return deeds++ == at ? broken : ok;
    };
    statistics counts;
    b.finalize_all(counts, {job});
    b.system.before_deed = nullptr;
    if (deeds <= at) break;
    REQUIRE(b.is_done());
    CHECK(content_of_segment(b.complete).archives == before.archives);
    CHECK(counts.lost_files.get() == 0);
  }
  // A disk that is full has no room for the copy, and needs none.
  fs::remove(b.complete);
  const auto job = b.write(made);
  b.system.append_faults = 1'000'000;
  statistics counts;
  const said log(b.scratch);
  b.finalize_all(counts, {job});
  REQUIRE(b.is_done());
  CHECK(bytes_of(b.complete) == made.bytes());
  CHECK(counts.not_rewritten.get() == 1);
  CHECK(log.with("in large blocks").size() == 1);
}

TEST_CASE("a segment with a damaged or a missing block stays as it is, counted and said") {
  join_bench b;
  const made_segment made = make_segment({.blocks = 12});
  made_segment damaged = made;
  // In a frame that is whole: the block was damaged before it became one.
  std::string block = content_of((put(b.part, made.blocks[5]), b.part));
  damaged.blocks[5] = frame(flipped(block, block.size() / 2));
  made_segment gap = made;
  gap.blocks.erase(gap.blocks.begin() + 5);
  for (const made_segment* one : {&damaged, &gap}) {
    for (const bool doubtful : {false, true}) {
      INFO((one == &gap) << " " << doubtful);
      fs::remove(b.complete);
      auto job = b.write(*one);
      job.doubtful = doubtful;
      const content before = content_of_segment(b.part);
      CHECK(before.missing > 0);
      statistics counts;
      const said log(b.scratch);
      b.finalize_all(counts, {job});
      REQUIRE(b.is_done());
      CHECK(bytes_of(b.complete) == one->bytes());
      CHECK(content_of_segment(b.complete).missing == before.missing);
      CHECK(counts.not_rewritten.get() == (doubtful ? 0 : 1));
      CHECK(log.with("in large blocks").size() == (doubtful ? 0 : 1));
    }
  }
}

TEST_CASE("a segment with a block of a kind that is not known stays as it is, counted and said") {
  namespace format = segment_format;
  join_bench b;
  made_segment made = make_segment({.blocks = 12});
  std::string block = content_of((put(b.part, made.blocks[0]), b.part));
  auto* const at = reinterpret_cast<std::byte*>(block.data());
  block[format::kind_at] = 77;
  format::store_le(at + format::records_at, std::uint32_t{0});
  format::store_le(at + format::checksum_at,
                   format::checksum_of(std::as_bytes(std::span(std::as_const(block)))));
  made.blocks.insert(made.blocks.begin(), frame(block));
  const auto job = b.write(made);
  const content before = content_of_segment(b.part);
  REQUIRE(before.missing + before.faults == 0);
  statistics counts;
  const said log(b.scratch);
  b.finalize_all(counts, {job});
  REQUIRE(b.is_done());
  CHECK(bytes_of(b.complete) == made.bytes());
  CHECK(counts.not_rewritten.get() == 1);
  CHECK(log.with("in large blocks").size() == 1);
}

TEST_CASE("the copy of a segment that could not be synced is joined, too") {
  join_bench b;
  const made_segment made = make_segment({.blocks = 12});
  const content before = content_of_segment(b.write(made).path);
  b.system.sync_faults = 1;
  statistics counts;
  b.finalize_all(counts, {b.write(made)});
  REQUIRE(b.is_done());
  CHECK(content_of_segment(b.complete).archives == before.archives);
  CHECK(content_of_segment(b.complete).blocks == 1);
}

TEST_CASE("what a killed run left is joined behind its last whole block, and has an index then") {
  join_bench b;
  const made_segment made = make_segment({.blocks = 12});
  put(b.part, made.bytes(false));
  const content before = content_of_segment(b.part);
  put(b.part, made.bytes(false) + made.blocks[0].substr(0, 50));
  statistics counts;
  b.start_again(counts);
  REQUIRE(b.is_done());
  CHECK(counts.leftovers_finalized.get() == 1);
  const content after = content_of_segment(b.complete);
  CHECK(after.archives == before.archives);
  CHECK(after.blocks == 1);
  CHECK(has_right_index(b.complete));
}

TEST_CASE("archives of one path and different metadata stay apart in a joined segment") {
  join_bench b;
  segment_writer writer;
  REQUIRE_FALSE(writer.create({}));
  std::string bytes;
  made_socket s;
  s.info.resize(200);
  for (int block = 0; block < 60; ++block) {
    for (const std::string_view host : {"one", "two", ""}) {
      metadata about;
      about.uuid = "odd";
      about.host = host;
      segment_archive archive;
      archive.about = host.empty() ? nullptr : &about;
      archive.path = "a/b";
      archive.goes_on = block > 0 ? 1 : 0;
      std::uint32_t number = 0;
      REQUIRE_FALSE(writer.begin(archive, number));
      s.set(128, static_cast<std::uint64_t>(block) + host.size());
      REQUIRE_FALSE(writer.add(number, timestamp::from_unix_nanoseconds(start_ns + block * second),
                               s.view(), {}, nullptr));
      // An archive without a record of its own.
      if (block == 0 && host.empty()) REQUIRE_FALSE(writer.add_line(number, ""));
    }
    bytes_view frame;
    REQUIRE_FALSE(writer.flush(frame));
    bytes += as_string(frame);
  }
  const auto job = b.write(bytes, 60);
  const content before = content_of_segment(b.part);
  REQUIRE(before.archives.size() == 3);
  statistics counts;
  b.finalize_all(counts, {job});
  REQUIRE(b.is_done());
  const content after = content_of_segment(b.complete);
  CHECK(after.archives == before.archives);
  CHECK(after.blocks == 1);
  CHECK(after.begun == before.begun);
}
