// SPDX-License-Identifier: Apache-2.0
//
// The format as docs/segment.md has it: the example there is what the writer makes, on machines of
// either byte order, and other blocks that a later version could write are read or passed over.
#include <tcpinfo/segment.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "segment/block_decoder.h"
#include "segment/format.h"
#include "unit/catch.h"
#include "unit/segment/example_page.h"
#include "unit/segment/segment_files.h"
#include "unit/segment/summary_files.h"

namespace {

using namespace segment_files;
namespace format = tcpinfo::segment_format;

// In bytes, so that it is the same on every machine. Attributes have their lengths in the order of
// the machine.
std::string message_of(char wqueue, char rtt, bool has_shutdown) {
  std::string bytes(72, '\0');
  const auto put = [&bytes](std::size_t at, std::string_view what) {
    bytes.replace(at, what.size(), what);
  };
  using namespace std::string_view_literals;
  put(0, "\x02\x01"sv);
  put(4, "\x01\xbb\xc3\x50"sv);
  put(8, "\x0a\x00\x00\x01"sv);
  put(24, "\x0a\x00\x00\x02"sv);
  bytes[44] = 7;
  bytes[60] = wqueue;
  const auto add = [&bytes](std::uint16_t type, std::string_view payload) {
    const auto length = static_cast<std::uint16_t>(payload.size() + 4);
    char head[4];
    std::memcpy(head, &length, 2);
    std::memcpy(head + 2, &type, 2);
    bytes.append(head, 4).append(payload);
    bytes.resize(tcpinfo::wire::align4(bytes.size()));
  };
  const char info[8] = {1, 0, 0, 0, rtt, 0, 0, 0};
  add(2, {info, sizeof info});
  if (has_shutdown) add(8, "\x01");
  return bytes;
}

entry numbered(std::uint64_t poll, std::int64_t milliseconds, std::string message) {
  tcpinfo::record_extras extras;
  extras.poll = poll;
  return {at_ns(milliseconds * 1'000'000), std::move(message), extras, {}};
}

std::vector<archive_part> example() {
  std::vector<archive_part> parts(2);
  parts[0].path = "2026/01/31/h_0000000000000007.00000.jsonl.zst";
  parts[0].about.emplace();
  parts[0].about->uuid = "h_0000000000000007";
  parts[0].about->host = "host";
  parts[0].about->kernel = "6.1.0";
  parts[0].entries = {numbered(5, 0, message_of(0, 100, false)),
                      numbered(6, 10, message_of(16, 98, false)),
                      numbered(7, 20, message_of(16, 110, true))};
  parts[1].path = "b";
  parts[1].entries = {text_entry("a line\n")};
  return parts;
}

// The content of its frame.
std::string example_block() {
  blocks made;
  for (const archive_part& part : example()) made.put(part);
  made.flush();
  return content_of(made.all());
}

// The example with one more stream in the list, and its bytes at the end.
std::string with_stream(char kind, const std::string& bytes) {
  std::string block = example_block();
  REQUIRE(block[format::head_size] == 12);
  block[format::head_size] = 13;
  block.insert(format::head_size + 1 + 2 * 12, {kind, static_cast<char>(bytes.size())});
  return block + bytes;
}

std::string mended(std::string block) {
  const auto at = std::as_writable_bytes(std::span(block));
  format::store_le(&at[format::size_at], static_cast<std::uint32_t>(block.size()));
  format::store_le(&at[format::checksum_at], format::checksum_of(at));
  return block;
}

}  // namespace

TEST_CASE("the writer makes the page's example, and the reader reads it") {
  const std::string block = example_block();
  static constexpr unsigned char wanted[] = {
      0x89, 0x54, 0x43, 0x50, 0x53, 0x45, 0x47, 0x0a, 0x01, 0x01, 0x00, 0x00, 0xcc, 0x00, 0x00,
      0x00, 0x1b, 0x05, 0x87, 0x27, 0x97, 0xd3, 0x48, 0xc7, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x01, 0x10, 0x02, 0x0a,
      0x03, 0x0c, 0x04, 0x05, 0x05, 0x06, 0x06, 0x04, 0x07, 0x15, 0x0a, 0x1d, 0x0c, 0x06, 0x0d,
      0x16, 0x0e, 0x01, 0x0f, 0x07, 0x04, 0x01, 0x04, 0x05, 0x01, 0x68, 0x68, 0x6f, 0x73, 0x74,
      0x36, 0x2e, 0x31, 0x2e, 0x30, 0x62, 0x01, 0x08, 0x01, 0x02, 0x03, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x02, 0x15, 0x08, 0x03, 0x01, 0x00, 0x0e, 0x00, 0x88, 0xc0, 0x02, 0x03, 0x03, 0x02,
      0x08, 0x08, 0x01, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02, 0x04, 0x04, 0x08, 0x00, 0x01, 0x03,
      0x80, 0xad, 0xe2, 0x04, 0x80, 0x80, 0x9c, 0xde, 0xa7, 0xc1, 0xe7, 0x8f, 0x31, 0x00, 0x02,
      0x02, 0x0c, 0x02, 0x02, 0x03, 0x02, 0x03, 0x05, 0x03, 0x04, 0x00, 0x00, 0x00, 0x03, 0x04,
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x01, 0x00, 0x00, 0x03, 0x01, 0x01,
      0x04, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01, 0x02, 0x01, 0x84, 0x04, 0x82, 0xec, 0x9d, 0x8c,
      0x0a, 0x94, 0x80, 0x80, 0x10, 0x94, 0x80, 0x80, 0x20, 0x20, 0x02, 0xc8, 0x01, 0x03, 0x18,
      0x02, 0x07, 0x61, 0x20, 0x6c, 0x69, 0x6e, 0x65, 0x0a};
  const std::string golden(std::begin(wanted), std::end(wanted));
  CHECK(block == golden);
  CHECK(read_segment(golden).parts == expected(example()));
  const char* const folder = std::getenv("TCPINFO_GOLDEN");
  if (folder == nullptr) {
    WARN("the page was not looked at: TCPINFO_GOLDEN is not set");
    return;
  }
  std::ifstream file(std::string(folder) + "/../../docs/segment.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  REQUIRE_FALSE(page.empty());
  CHECK(bytes_of_page(page, "\n## An example\n") == golden);
}

TEST_CASE("a later version, an unknown feature and an unknown kind cost their block") {
  const std::string block = example_block();
  for (const std::size_t at : {format::version_at, format::features_at, format::features_at + 1}) {
    std::string later = block;
    later[at] = static_cast<char>(later[at] + 2);
    const read_result read = read_segment(mended(later) + block);
    CHECK(read.parts == expected(example()));
    REQUIRE(read.faults.size() == 1);
    CHECK(read.faults[0] == errc::unknown_feature);
    CHECK(read.missing == 4);
    CHECK(read.blocks == 1);
    CHECK(read.unknown_blocks == 0);
  }
  // What is beside the records is passed over.
  std::string other = block;
  // Whatever it counts, they are no records.
  for (const char kind : {'\2', '\x09'}) {
    other[format::kind_at] = kind;
    const read_result read = read_segment(mended(other) + block);
    CHECK(read.parts == expected(example()));
    CHECK(read.faults.empty());
    CHECK(read.missing == 0);
    CHECK(read.blocks == 1);
    CHECK(read.unknown_blocks == (kind == '\2' ? 0 : 1));
  }
}

TEST_CASE("rows of a column that come round to rows before make a block a bad one") {
  archive_part part = example()[0];
  part.entries.clear();
  for (int i = 0; i < 100; ++i)
    part.entries.push_back(
        numbered(static_cast<std::uint64_t>(i), 10 * i,
                 message_of(static_cast<char>((i >= 5) + (i >= 7)), 100, false)));
  blocks made;
  made.put(part);
  made.flush();
  parted_block block(content_of(made.all()));
  const auto read_columns = [](const std::string& bytes) {
    tcpinfo::segment_reader reader;
    REQUIRE_FALSE(reader.open_memory(bytes_of(bytes)));
    const tcpinfo::segment_column queue = {tcpinfo::segment_head, 60, 4};
    REQUIRE_FALSE(reader.want_columns({&queue, 1}));
    tcpinfo::segment_columns columns;
    bool more = true;
    const auto ec = reader.next_columns(columns, more);
    return std::pair(ec, ec ? 0 : columns.values.size());
  };
  REQUIRE(read_columns(mended(block.whole())) == std::pair(std::error_code(), std::size_t{100}));
  // The second distance, from row 6, leads over 2^64 to row 2.
  std::string& rows = block['\x0b'];
  const std::size_t at = rows.find("\x05\x01");
  REQUIRE(at != rows.npos);
  rows.replace(at + 1, 1, "\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  const std::string bad = mended(block.whole());
  CHECK(read_columns(bad).first == errc::bad_block);
  const read_result read = read_segment(bad);
  CHECK(read.parts.empty());
  REQUIRE_FALSE(read.faults.empty());
  CHECK(read.faults[0] == errc::bad_block);
}

TEST_CASE("of archives with a message each those before a wrong number are read") {
  blocks made;
  for (int i = 0; i < 100; ++i) {
    archive_part part = example()[0];
    part.path = "archive " + std::to_string(i);
    part.entries = {numbered(static_cast<std::uint64_t>(i), 10 * i,
                             message_of(static_cast<char>(i % 50), 100, false))};
    made.put(part);
  }
  made.flush();
  parted_block block(content_of(made.all()));
  // It counts to 49, twice: behind the step down the last number has no end.
  std::string& deltas = block['\x0d'];
  const std::size_t down = deltas.find(std::string(49, '\2') + '\x61' + std::string(49, '\2'));
  REQUIRE(down != deltas.npos);
  deltas[down + 98] = '\x82';
  const std::string bad = mended(block.whole());
  const tcpinfo::segment_column queue = {tcpinfo::segment_head, 60, 4};
  tcpinfo::segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(bytes_of(bad)));
  REQUIRE_FALSE(reader.want_columns({&queue, 1}));
  std::size_t archives = 0;
  std::error_code ec;
  for (bool more = true;;) {
    tcpinfo::segment_columns columns;
    ec = reader.next_columns(columns, more);
    if (ec || !more) break;
    CHECK(columns.values.size() == 1);
    CHECK(columns.values[0] == archives % 50);
    ++archives;
  }
  CHECK(ec == errc::bad_block);
  CHECK(archives == 99);
  CHECK(read_segment(bad).parts.size() == 99);
}

TEST_CASE("how much was left out before records is a stream of its own") {
  const auto thinned_in = [](const std::string& stream) {
    const read_result read = read_segment(mended(with_stream('\x10', stream)));
    std::vector<std::string> parts;
    for (const auto& line : read.lines()) {
      const auto at = line.find(",\"Thinned\":");
      parts.push_back(at == line.npos ? "" : line.substr(at + 11, line.find('}', at) - at - 11));
    }
    CHECK((read.faults.empty() ? parts.size() == 4 : parts.empty()));
    return parts;
  };
  using namespace std::string_literals;
  using texts = std::vector<std::string>;
  CHECK(thinned_in("\x02\x09") == texts{"", "9", "", ""});
  CHECK(thinned_in("\1\1\1\2\1\xff\xff\xff\xff\x0f") == texts{"1", "2", "4294967295", ""});
  // Not there, twice, of a line, behind all records, none, and too many.
  for (const std::string& bad : {"\2"s, "\0\1"s, "\1\1\0\1"s, "\4\1"s, "\2\1\2\1"s, "\5\1"s,
                                 "\2\0"s, "\2\x80\x80\x80\x80\x10"s})
    CHECK(thinned_in(bad).empty());
}

TEST_CASE("a stream that is not known is passed over") {
  const read_result read = read_segment(mended(with_stream('\x63', "later")));
  CHECK(read.faults.empty());
  CHECK(read.parts == expected(example()));
}

TEST_CASE("a block with more or less than it says is a bad one") {
  const std::string block = example_block();
  for (const std::string& bytes :
       {block + 'x', block.substr(0, block.size() - 1), block.substr(0, format::head_size)}) {
    const read_result read = read_segment(mended(bytes) + block);
    CHECK(read.parts == expected(example()));
    REQUIRE(read.faults.size() == 1);
    CHECK(read.faults[0] == errc::bad_block);
  }
}

TEST_CASE("the index ends a segment as the page has it") {
  blocks made;
  for (const archive_part& part : example()) made.put(part);
  made.flush();
  made.finish();
  const std::string& index = made.last;
  REQUIRE(index.size() > 28);
  CHECK(index.substr(0, 4) == "\x5b\x2a\x4d\x18");
  CHECK(static_cast<unsigned char>(index[4]) == index.size() - 8);
  CHECK(static_cast<unsigned char>(index[index.size() - 12]) == index.size());
  CHECK(index.ends_with("\x89TCPIDX\n"));
  // Version, blocks, what is told of it, at once, and its frame's size.
  CHECK(index.substr(8, 4) == std::string("\1\1\7\0", 4));
}
