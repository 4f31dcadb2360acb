// SPDX-License-Identifier: Apache-2.0
//
// Any allocation may fail: each call works or says that it did not, and nothing is lost or half
// done. (Under sanitizers, which have allocators of their own, none fails, and the first round is
// the only one.)
#include <tcpinfo/segment.h>

#include <functional>
#include <string>
#include <vector>

#include "segment/block_tables.h"
#include "segment/format.h"
#include "segment/varint.h"
#include "unit/allocations.h"
#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/sanitized.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;

std::vector<archive_part> some_parts() {
  std::vector<archive_part> parts(12);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    archive_part& part = parts[i];
    part.path = "archive " + std::to_string(i);
    if (i % 2 == 0) {
      part.about.emplace();
      part.about->uuid = "host_" + std::to_string(i);
      part.about->host = "host " + std::to_string(i % 3);
    }
    for (unsigned k = 0; k < 6; ++k) {
      made_socket s;
      s.cookie = i;
      s.has_cong = k != 4;
      s.info.resize(240 + 8 * (i % 3));
      s.set(100, k * 77);
      tcpinfo::record_extras extras;
      extras.poll = k;
      if (k == 5) extras.ended = at_ns(1);
      part.entries.push_back(
          record_entry(at_ns(k * 10'000'000 + static_cast<std::int64_t>(i)), s.view(), extras));
      if (k == 3) part.entries.push_back(text_entry(std::string(100 * i + 1, 'x') + '\n'));
    }
  }
  return parts;
}

// Has the allocation with that number fail, and so many after it, while it does `step`; then all
// work again. What failed for want of memory is done again.
class forgetful {
 public:
  forgetful(long before, long failing) : before_(before), failing_(failing) {}

  void operator()(const std::function<std::error_code()>& step) {
    test_allocations::before_failing = before_;
    test_allocations::failing = failing_;
    std::error_code ec = step();
    // Where one has failed, those that were to fail have become fewer.
    before_ = test_allocations::failing == failing_ ? test_allocations::before_failing : -1;
    test_allocations::before_failing = -1;
    if (ec == errc::out_of_memory) {
      ++failed_;
      ec = step();
    }
    if (ec) throw std::runtime_error("a step fails: " + ec.message());
  }
  /// Whether no allocation was left to fail.
  [[nodiscard]] bool through() const { return before_ >= 0; }
  [[nodiscard]] std::size_t failed() const { return failed_; }

 private:
  long before_;
  long failing_;
  std::size_t failed_ = 0;
};

struct outcome {
  std::string bytes;
  tcpinfo::encode_notes notes;
};

// Two blocks, the second with what goes on.
outcome write(const std::vector<archive_part>& parts, forgetful& each) {
  outcome out;
  tcpinfo::segment_writer writer;
  each([&] { return writer.create({}); });
  for (int block = 0; block < 2; ++block) {
    std::vector<std::uint32_t> numbers(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      tcpinfo::segment_archive archive;
      tcpinfo::metadata about;
      if (parts[i].about) {
        about = parts[i].about->view();
        archive.about = &about;
      }
      archive.path = parts[i].path;
      archive.goes_on = static_cast<std::uint32_t>(block);
      each([&] { return writer.begin(archive, numbers[i]); });
    }
    std::uint32_t waiting = 0;
    for (std::size_t k = 0; k < parts[0].entries.size(); ++k)
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const entry& e = parts[i].entries[k];
        each([&] {
          const std::error_code ec =
              e.message.empty() ? writer.add_line(numbers[i], e.text)
                                : writer.add(numbers[i], e.time, e.view(), e.extras, &out.notes);
          const std::uint32_t now = writer.waiting();
          if (now != waiting + (ec ? 0 : 1)) return std::make_error_code(std::errc::protocol_error);
          waiting = now;
          return ec;
        });
      }
    bytes_view frame;
    each([&] { return writer.flush(frame); });
    out.bytes += text_of(frame);
  }
  bytes_view index;
  each([&] { return writer.finish(index); });
  out.bytes += text_of(index);
  return out;
}

}  // namespace

TEST_CASE("a writer whose allocations fail writes the same when it is asked again") {
  const std::vector<archive_part> parts = some_parts();
  forgetful never(-1, 0);
  const outcome whole = write(parts, never);
  const auto wanted = read_segment(whole.bytes);
  REQUIRE(wanted.faults.empty());
  REQUIRE(wanted.records == 2 * 7 * parts.size());
  std::size_t failed = 0;
  for (const long failing : {1L, 1'000'000L})
    for (long before = 0;; ++before) {
      INFO(failing << " after " << before);
      forgetful each(before, failing);
      const outcome again = write(parts, each);
      const read_result read = read_segment(again.bytes);
      if (read.parts != wanted.parts || !read.faults.empty() || read.missing != 0)
        FAIL_CHECK("another segment came of it");
      failed += each.failed();
      if (each.through()) break;
    }
  if (!sanitized) CHECK(failed > 50);
}

TEST_CASE("a reader whose allocations fail says so, and gives nothing wrong") {
  const std::vector<archive_part> parts = some_parts();
  forgetful never(-1, 0);
  const std::string bytes = write(parts, never).bytes;
  const std::vector<std::string> wanted = read_segment(bytes).lines();
  std::size_t failed = 0;
  for (const long failing : {1L, 1'000'000L})
    for (long before = 0;; ++before) {
      INFO(failing << " after " << before);
      forgetful each(before, failing);
      tcpinfo::segment_reader reader;
      each([&] { return reader.open_memory(bytes_of(bytes)); });
      std::vector<std::string> lines;
      std::size_t faults = 0;
      for (bool more = true; more;) {
        tcpinfo::segment_record r;
        std::error_code ec;
        each([&] {
          ec = reader.next(r, more);
          // Not again: what follows is another record.
          return std::error_code();
        });
        if (ec) {
          CHECK(ec == errc::out_of_memory);
          REQUIRE(more);
          ++faults;
          REQUIRE(faults < 10);
          continue;
        }
        if (!more) break;
        tcpinfo::record_extras extras;
        extras.poll = r.poll;
        extras.ended = r.ended;
        extras.carried = r.carried;
        extras.thinned = r.thinned;
        lines.push_back(r.m.bytes.empty() ? std::string(r.line) : line_of(r.time, r.m, extras));
      }
      failed += faults;
      if (faults == 0) {
        if (lines != wanted) FAIL_CHECK("other records came");
      } else {
        // A block may be lost, none of its records may be wrong.
        std::size_t at = 0;
        for (const std::string& line : lines) {
          while (at < wanted.size() && wanted[at] != line) ++at;
          if (at == wanted.size()) FAIL_CHECK("a record came that was not there");
        }
      }
      // Opened again it reads all.
      REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
      if (drain(reader).lines() != wanted) FAIL_CHECK("opened again, it reads something else");
      if (each.through()) break;
    }
  if (!sanitized) CHECK(failed > 5);
}

// A block of another kind. Of two thirds of what a block may have no buffer has room for it before
// it is met.
std::string large_block(const std::string& like,
                        std::size_t size = tcpinfo::segment_format::max_block / 3 * 2) {
  namespace format = tcpinfo::segment_format;
  std::string block = content_of(like).substr(0, format::head_size);
  block.resize(size, 'x');
  auto* const at = reinterpret_cast<std::byte*>(block.data());
  block[format::kind_at] = 77;
  format::store_le(at + format::size_at, static_cast<std::uint32_t>(block.size()));
  format::store_le(at + format::records_at, std::uint32_t{0});
  format::store_le(at + format::checksum_at, format::checksum_of(bytes_of(block)));
  return block;
}

TEST_CASE("a reader without memory for a large block says so, and goes on at the next block") {
  const std::vector<archive_part> parts = some_parts();
  const std::string last = segment_of({parts});
  const std::string bytes = large_block(last) + content_of(last);
  const std::vector<std::string> wanted = read_segment(last).lines();
  REQUIRE(read_segment(bytes).lines() == wanted);
  if (sanitized) return;
  tcpinfo::segment_reader reader;
  std::error_code ec;
  bool more = false;
  for (long before = 0; before < 20; ++before) {
    REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
    test_allocations::before_failing = before;
    test_allocations::failing = 1;
    tcpinfo::segment_record r;
    ec = reader.next(r, more);
    test_allocations::before_failing = -1;
    if (ec) break;
  }
  REQUIRE(ec == errc::out_of_memory);
  CHECK(more);
  const read_result rest = drain(reader);
  CHECK(rest.faults.empty());
  CHECK(rest.lines() == wanted);
}

TEST_CASE("a reader without memory for a frame says so, and goes on at the next frame") {
  const std::vector<archive_part> parts = some_parts();
  const std::string last = segment_of({parts});
  // More than is decoded into the reader's own buffer, and not so much that it comes in parts.
  const std::string bytes = frame_of(large_block(last, std::size_t{3} << 19U)) + last;
  const std::vector<std::string> wanted = read_segment(last).lines();
  REQUIRE(read_segment(bytes).lines() == wanted);
  if (sanitized) return;
  std::error_code ec;
  for (long before = 0; before < 20 && !ec; ++before) {
    // A new one has no memory yet.
    tcpinfo::segment_reader reader;
    REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
    bool more = false;
    test_allocations::before_failing = before;
    test_allocations::failing = 1;
    tcpinfo::segment_record r;
    ec = reader.next(r, more);
    test_allocations::before_failing = -1;
    if (!ec) continue;
    CHECK(ec == errc::out_of_memory);
    CHECK(more);
    const read_result rest = drain(reader);
    CHECK(rest.faults.empty());
    CHECK(rest.lines() == wanted);
    CHECK(reader.unknown_blocks() == 0);
  }
  CHECK(ec);
}

TEST_CASE("a record_reader whose allocations fail says so, and gives nothing wrong") {
  const std::vector<archive_part> parts = some_parts();
  forgetful never(-1, 0);
  const std::string bytes = write(parts, never).bytes;
  const std::vector<read_record> whole = read_records(bytes);
  for (const long failing : {1L, 1'000'000L})
    for (long before = 0;; ++before) {
      INFO(failing << " after " << before);
      forgetful each(before, failing);
      tcpinfo::record_reader reader;
      each([&] { return reader.open_memory(bytes_of(bytes)); });
      std::size_t faults = 0;
      std::size_t at = 0;
      tcpinfo::record r;
      for (bool more = true; more;) {
        std::error_code ec;
        each([&] {
          ec = reader.next(r, more);
          return std::error_code();
        });
        if (ec == errc::out_of_memory) {
          REQUIRE(++faults < 10);
        } else if (!ec && more) {
          const std::string line = line_of(r);
          while (at < whole.size() && whole[at].line != line) ++at;
          if (at == whole.size()) FAIL_CHECK("a record came that was not there");
        }
      }
      if (each.through()) {
        CHECK(faults == 0);
        break;
      }
    }
}

TEST_CASE("a record_reader without memory for a long line says so, and goes on at the next line") {
  const std::string line =
      "{\"Timestamp\":\"2020-01-02T03:04:05Z\",\"RawIDM\":\"" + std::string(96, 'A') + "\"}";
  // More than there is room for before it comes.
  const std::string end = "x\"}";
  for (const std::string& last : {line + '\n', std::string()}) {
    const std::string bytes = line + "\n{\"Timestamp\":\"2020-01-02T03:04:05Z\",\"Unknown\":\"" +
                              std::string(std::size_t{3} << 17U, 'x') + end + '\n' + last;
    const std::size_t lines = last.empty() ? 2 : 3;
    REQUIRE(read_records(bytes).size() == lines);
    if (sanitized) return;
    std::size_t failed = 0;
    for (long before = 0; before < 6; ++before) {
      INFO(before);
      tcpinfo::record_reader reader;
      REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
      tcpinfo::record r;
      bool more = false;
      REQUIRE_FALSE(reader.next(r, more));
      test_allocations::before_failing = before;
      test_allocations::failing = 1;
      const std::error_code ec = reader.next(r, more);
      test_allocations::before_failing = -1;
      CHECK(more);
      CHECK(reader.line_number() == 2);
      if (ec) CHECK(ec == errc::out_of_memory);
      failed += ec ? 1 : 0;
      CHECK(drain(reader).size() == lines - 2);
      CHECK(reader.line_number() == lines);
    }
    CHECK(failed > 1);
  }
}
