// SPDX-License-Identifier: Apache-2.0
//
// Blocks of summaries that a later version could write, and blocks that nobody should.
#include <tcpinfo/segment.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "segment/block_decoder.h"
#include "segment/format.h"
#include "segment/growing.h"
#include "unit/catch.h"
#include "unit/segment/example_page.h"
#include "unit/segment/segment_files.h"
#include "unit/segment/summary_files.h"

namespace {

using namespace segment_files;
using namespace std::string_literals;
namespace format = tcpinfo::segment_format;

// The page's.
std::vector<told_summary> example_summaries() {
  std::vector<told_summary> all(2);
  all[0].path = "2026/01/31/h_0000000000000007.00000.jsonl.zst";
  all[0].about.emplace();
  all[0].about->uuid = "h_0000000000000007";
  all[0].about->host = "host";
  all[0].about->kernel = "6.1.0";
  all[0].values = {{0, 0, 3}, {2, 0, 500}};
  all[0].rtts = {{98, 100, 2}, {110, 110, 1}};
  all[0].congestion_control = "cubic";
  all[1].path = "b";
  all[1].values = {{0, 0, 1}};
  return all;
}

std::string example_summary_block() {
  blocks made;
  put_summaries(made, example_summaries());
  return content_of(made.all());
}

std::string mended_summaries(std::string block) {
  auto* const at = reinterpret_cast<std::byte*>(block.data());
  format::store_le(at + format::size_at, static_cast<std::uint32_t>(block.size()));
  format::store_le(at + format::checksum_at, format::checksum_of(bytes_of(block)));
  return block;
}

// The summaries of the example with another stream; none where it is a bad block.
std::vector<read_summary> with_summary_stream(char kind, const std::string& bytes) {
  parted_block block(example_summary_block());
  block[kind] = bytes;
  const summaries_result read =
      read_summaries(mended_summaries(block.whole()) + example_summary_block());
  if (read.faults.empty()) {
    CHECK(read.all.size() == 4);
    return {read.all.begin(), read.all.begin() + 2};
  }
  // What is bad costs that block.
  CHECK(read.faults == std::vector<std::error_code>{errc::bad_block});
  CHECK((read.all == expected(example_summaries())));
  return {};
}

std::string varint(std::uint64_t n) {
  std::string out;
  for (; n >= 0x80; n >>= 7U) out += static_cast<char>(n | 0x80U);
  return out + static_cast<char>(n);
}

constexpr char archives = 3, bits = 12, fields = 17, values = 18, rtts = 19, controls = 20;

}  // namespace

TEST_CASE("the page's example of summaries is what the writer makes") {
  const std::string block = example_summary_block();
  CHECK((read_summaries(block).all == expected(example_summaries())));
  const char* const folder = std::getenv("TCPINFO_GOLDEN");
  if (folder == nullptr) {
    WARN("the page was not looked at: TCPINFO_GOLDEN is not set");
    return;
  }
  std::ifstream file(std::string(folder) + "/../../docs/segment.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  CHECK(bytes_of_page(page, "\n## An example of summaries\n") == block);
}

TEST_CASE("a later version and an unknown feature cost a block of summaries") {
  const std::string block = example_summary_block();
  for (const std::size_t at : {format::version_at, format::features_at, format::features_at + 1}) {
    std::string later = block;
    later[at] = static_cast<char>(later[at] + 2);
    const summaries_result read = read_summaries(mended_summaries(later) + block);
    CHECK((read.all == expected(example_summaries())));
    CHECK(read.faults == std::vector<std::error_code>{errc::unknown_feature});
    CHECK(read.missing == 0);
  }
  // Of a kind that nobody knows.
  std::string other = block;
  other[format::kind_at] = 9;
  const summaries_result read = read_summaries(mended_summaries(other) + block);
  CHECK((read.all == expected(example_summaries())));
  CHECK(read.faults.empty());
  CHECK(read.missing == 0);
  CHECK(read.unknown_blocks == 1);
  CHECK(read_summaries(block).unknown_blocks == 0);
}

TEST_CASE("streams that are not known, and what is behind known ones, are passed over") {
  CHECK((with_summary_stream(99, "later") == expected(example_summaries())));
  parted_block block(example_summary_block());
  for (const char kind : {archives, fields, rtts, controls, bits, values})
    CHECK((with_summary_stream(kind, block[kind] + "later") == expected(example_summaries())));
}

TEST_CASE("values of summaries are checked") {
  const auto one = [](const std::string& mode_and_size, const std::string& all) {
    parted_block block(example_summary_block());
    block[bits] = "";
    block[values] = all;
    block[fields] = "\1"s + "\5"s + mode_and_size;
    return read_summaries(mended_summaries(block.whole()));
  };
  // Each has one, and the second is two less.
  const summaries_result read = one("\1\2", "\x14\3");
  REQUIRE(read.all.size() == 2);
  CHECK(read.all[0].values == std::vector<tcpinfo::summary_value>{{5, 0, 10}});
  CHECK(read.all[1].values == std::vector<tcpinfo::summary_value>{{5, 0, 8}});
  // Modes that are none, be it modulo 256; too few bytes, bits that are not there.
  for (const std::string& bad :
       {"\0\2"s, "\2\2"s, "\4\2"s, varint(257) + "\2"s, "\1\3"s, "\1\1"s, "\3\2"s, "\1"s, ""s})
    CHECK(one(bad, "\x14\3").faults.size() == 1);
  CHECK(with_summary_stream(bits, "").empty());
  CHECK(with_summary_stream(bits, "\4").empty());  // of a third summary
  CHECK(with_summary_stream(values, "").empty());
  // Fields that are not ascending, too large, too many.
  const auto two = [](const std::string& first, const std::string& second) {
    parted_block block(example_summary_block());
    block[values] = "\1\2\3\4";
    block[fields] = "\2" + first + "\1\2" + second + "\1\2";
    return read_summaries(mended_summaries(block.whole())).faults.empty();
  };
  CHECK(two("\5", "\6"));
  CHECK_FALSE(two("\5", "\5"));
  CHECK_FALSE(two("\5", "\4"));
  CHECK(with_summary_stream(fields, "\1" + varint(std::uint64_t{1} << 32U) + "\1\2").empty());
  std::string many = varint(1025);
  for (unsigned i = 0; i < 1025; ++i) many += varint(i) + "\3"s + "\0"s;
  CHECK(with_summary_stream(fields, many).empty());
  // 256 of one summary.
  many = varint(256);
  for (unsigned i = 0; i < 256; ++i) many += varint(i) + "\1\2"s;
  parted_block block(example_summary_block());
  block[fields] = many;
  block[values] = std::string(512, '\0');
  CHECK(read_summaries(mended_summaries(block.whole())).faults.size() == 1);
  block[fields].replace(0, 2, varint(255));
  CHECK(read_summaries(mended_summaries(block.whole())).faults.empty());
}

TEST_CASE("round-trip times of summaries are checked") {
  CHECK_FALSE(with_summary_stream(rtts, "\0\1\5\0\1"s).empty());
  CHECK_FALSE(with_summary_stream(rtts, "\0\2\0\0\1\1\0\1"s).empty());
  // Empty, not ascending, too high, and not there.
  for (const std::string& bad :
       {"\0\1\5\0\0"s, "\0\2\5\0\1\0\0\1"s, "\0\1" + varint(0xffff'ffff) + "\1\1",
        "\0\1"s + varint(std::uint64_t{1} << 32U) + "\0\1"s, "\0\1\5\0"s, "\0"s, "\0\1"s})
    CHECK(with_summary_stream(rtts, bad).empty());
  CHECK(with_summary_stream(rtts, "\0"s + varint(4097) + std::string(3 * 4097, '\1')).empty());
  CHECK_FALSE(
      with_summary_stream(rtts, "\0"s + varint(4096) + std::string(3 * 4096, '\1')).empty());
}

TEST_CASE("congestion controls of summaries are checked") {
  CHECK_FALSE(with_summary_stream(controls, "\1\1c\0\1"s).empty());
  CHECK_FALSE(with_summary_stream(controls, "\0\0\0"s).empty());
  for (const std::string& bad : {"\1\1c\0\2"s, "\1\2c\0"s, "\1\1c\0"s, "\2\1c\0\1"s,
                                 "\1" + varint(4097) + std::string(4097, 'c') + "\0\1"s})
    CHECK(with_summary_stream(controls, bad).empty());
}

TEST_CASE("archives of summaries are checked") {
  const auto changed = [](std::size_t at, char to) {
    std::string stream = parted_block(example_summary_block())[archives];
    stream[at] = to;
    return with_summary_stream(archives, stream);
  };
  const std::string stream = parted_block(example_summary_block())[archives];
  // 2; their flags; one each.
  REQUIRE(stream.substr(0, 5) == "\2\x25\x08\1\1");
  CHECK(changed(3, 2).empty());
  // No record that it could start with.
  CHECK(
      with_summary_stream(archives, std::string(stream).replace(1, 1, "\x15").erase(8, 9)).empty());
  CHECK_FALSE(
      with_summary_stream(archives, std::string(stream).replace(1, 1, "\5").erase(8, 9)).empty());
  CHECK(changed(5, 1).empty());  // no such context
  // Two of one archive, none of the other.
  std::string twice = stream;
  twice[3] = 2;
  twice[4] = 0;
  const auto read = with_summary_stream(archives, twice);
  REQUIRE(read.size() == 2);
  CHECK(read[0].path == example_summaries()[0].path);
  CHECK(read[1].path == example_summaries()[0].path);
  CHECK(read[1].values == example_summaries()[1].values);
  // More summaries than there may be.
  std::string block = example_summary_block();
  block[format::records_at + 2] = 2;
  CHECK(read_summaries(mended_summaries(block)).faults.size() == 1);
}
