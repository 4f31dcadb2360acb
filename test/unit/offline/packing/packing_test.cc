// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <tcpinfo/segment.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "offline/inputs/window_limit.h"
#include "offline/packing/archive_lines.h"
#include "offline/packing/archive_packer.h"
#include "offline/packing/folders.h"
#include "offline/packing/pack_inputs.h"
#include "offline/packing/path_key.h"
#include "offline/packing/same_text.h"
#include "offline/packing/segment_file.h"
#include "unit/catch.h"
#include "unit/offline/files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

struct told_lines {
  std::vector<std::string> lines;
  std::vector<std::string> faults;
  bool damaged = false;
};

told_lines read_lines(const std::string& path) {
  told_lines out;
  archive_lines from(usual_window_log);
  const bool good =
      from.open(path, [&](std::uint64_t, std::string_view what) { out.faults.emplace_back(what); });
  out.damaged = from.damaged();
  std::string_view line;
  while (good && from.next(line)) out.lines.emplace_back(line);
  REQUIRE(out.lines.size() == from.lines());
  return out;
}

}  // namespace

TEST_CASE("packing: keys are SipHash-2-4 with 128 bits") {
  // The first two of its authors' test vectors.
  const path_keys keys(0x0706050403020100, 0x0f0e0d0c0b0a0908);
  CHECK(keys("") == path_key{0xe6a825ba047f81a3, 0x930255c71472f66d});
  CHECK(keys(std::string_view("\0", 1)) == path_key{0x44af996bd8c187da, 0x45fc229b11597634});
  CHECK(path_keys()("a") != path_keys()("a"));
}

TEST_CASE("packing: paths that lead to files below a folder") {
  for (const std::string_view good : {"a", "a/b", "2023/11/14/x.jsonl.zst", "..a", "a/...", ".b/c"})
    CHECK(is_safe_path(good));
  for (const std::string_view bad :
       {std::string_view(), std::string_view("/"), std::string_view("/a"), std::string_view("a/"),
        std::string_view(".."), std::string_view("."), std::string_view("a/../b"),
        std::string_view("a//b"), std::string_view("./a"), std::string_view("a/."),
        std::string_view("a\0b", 3)})
    CHECK_FALSE(is_safe_path(bad));
  CHECK(is_safe_path(std::string(255, 'a')));
  CHECK_FALSE(is_safe_path(std::string(256, 'a')));
  std::string deep = "a";
  for (std::size_t n = 1; n < most_names; ++n) deep += "/a";
  CHECK(is_safe_path(deep));
  CHECK_FALSE(is_safe_path(deep + "/a"));
}

TEST_CASE("packing: names of segments") {
  CHECK(packed_name(0) == "packed.00000.tcpseg.zst");
  CHECK(packed_name(123456) == "packed.123456.tcpseg.zst");
  bool partial = false;
  CHECK(packed_number("packed.00017.tcpseg.zst", partial) == 17);
  CHECK_FALSE(partial);
  CHECK(packed_number("packed.123456.tcpseg.zst.part", partial) == 123456);
  CHECK(partial);
  for (const std::string_view other :
       {"packed.17.tcpseg.zst", "packed.000017.tcpseg.zst", "packed..tcpseg.zst",
        "packed.00017.tcpseg.zst.part.part", "host.00017.tcpseg.zst", "packed.0001a.tcpseg.zst",
        "packed.00017.tcpseg", "packed.tcpseg.zst", ""})
    CHECK_FALSE(packed_number(other, partial));
}

TEST_CASE("packing: paths in segments are relative to what was named") {
  CHECK(pack_inputs::inner_path("/in", "/in/a/b") == "a/b");
  CHECK(pack_inputs::inner_path("/in/", "/in/a/b") == "a/b");
  CHECK(pack_inputs::inner_path("/", "/a") == "a");
  CHECK(pack_inputs::inner_path(".", "./a") == "a");
  CHECK(pack_inputs::inner_path("dir/x.jsonl", "dir/x.jsonl") == "x.jsonl");
  CHECK(pack_inputs::inner_path("x.jsonl.part", "x.jsonl") == "x.jsonl");
}

TEST_CASE("packing: lines come as they stand") {
  const scratch folder;
  // Lines of every length around the size of a buffer, and none at the end.
  std::string text;
  std::vector<std::string> expected;
  for (std::size_t n = 0; n < 40; ++n) {
    expected.push_back(std::string((n * 7919) % 300'000, 'x') + (n % 3 == 0 ? "\r\n" : "\n"));
    text += expected.back();
  }
  expected.emplace_back("the last one");
  text += expected.back();
  for (const std::string& path :
       {folder.file("plain.jsonl", text), folder.file("zstd.jsonl.zst", zstd_frame(text))}) {
    const told_lines got = read_lines(path);
    CHECK(got.lines == expected);
    CHECK(got.faults.empty());
    CHECK_FALSE(got.damaged);
  }
  const std::string most(max_segment_line - 1, 'x');
  CHECK(read_lines(folder.file("most.jsonl", most + '\n')).lines.size() == 1);
  CHECK(read_lines(folder.file("more.jsonl", most + "x\n")).faults ==
        std::vector<std::string>{"line too long for a segment: the archive stays as it is"});
  CHECK(read_lines(folder.file("none.jsonl", "")).lines.empty());
}

TEST_CASE("packing: what a segment would say otherwise is text") {
  segment_writer writer;
  REQUIRE_FALSE(writer.create({}));
  std::string blocks;
  const auto flush = [&]() -> std::error_code {
    bytes_view block;
    const std::error_code ec = writer.flush(block);
    for (const std::byte b : block) blocks += static_cast<char>(b);
    return ec;
  };
  archive_packer packer(writer, flush, [] { return std::error_code(); });
  made_socket socket;
  const std::string first = metadata_line("a_0000000000000001", 0);
  const std::string good = record_line(at_second(1), socket.view(), 7);
  std::string spaced = good;
  spaced.insert(1, " ");
  packer.begin("a", 4, 0);
  for (const std::string& line : {first, good, spaced, first}) REQUIRE_FALSE(packer.add(line));
  CHECK(packer.records() == 1);
  CHECK(packer.text_lines() == 2);
  packer.begin("b", 1, 0);
  REQUIRE_FALSE(packer.add(first));
  CHECK(packer.text_lines() == 3);
  REQUIRE_FALSE(flush());

  segment_reader reader;
  REQUIRE_FALSE(reader.open_memory(std::as_bytes(std::span(blocks))));
  segment_record r;
  std::string seen;
  for (bool more = true; !reader.next(r, more) && more;) {
    if (r.first != 0) {
      seen += reader.archive().path;
      seen += reader.archive().about != nullptr ? "+" : "-";
    }
    seen += r.line.empty() ? 'r' : 't';
  }
  CHECK(seen == "a+rttb-t");
}

TEST_CASE("packing: the same text, however it is stored") {
  const scratch folder;
  const auto same = [](const std::string& a, const std::string& b) {
    const descriptor one(open(a.c_str(), O_RDONLY | O_CLOEXEC));
    const descriptor other(open(b.c_str(), O_RDONLY | O_CLOEXEC));
    return have_same_text(one.get(), other.get());
  };
  std::string text;
  for (int n = 0; n < 50'000; ++n) text += std::to_string(n) + '\n';
  const std::string plain = folder.file("a", text);
  CHECK(same(plain, folder.file("b", zstd_frame(text))));
  CHECK(same(plain,
             folder.file("c", zstd_frame(text.substr(0, 777)) + zstd_frame(text.substr(777)))));
  CHECK_FALSE(same(plain, folder.file("d", text + '\n')));
  CHECK_FALSE(same(plain, folder.file("e", text.substr(0, text.size() - 1))));
  CHECK_FALSE(
      same(plain, folder.file("f", zstd_frame(text).substr(0, zstd_frame(text).size() - 1))));
  CHECK(same(folder.file("g", ""), folder.file("h", zstd_frame(""))));
}

TEST_CASE("packing: a rename replaces nothing, and a tree goes") {
  const scratch folder;
  const descriptor at(open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  folder.file("a", "1");
  folder.file("b", "2");
  CHECK(rename_to_new(at.get(), "a", at.get(), "b") == EEXIST);
  CHECK(rename_to_new(at.get(), "a", at.get(), "c") == 0);
  CHECK(rename_to_new(at.get(), "a", at.get(), "d") == ENOENT);
  REQUIRE(open_folder(at.get(), "x/y/z", true));
  folder.file("x/y/f", "1");
  REQUIRE(symlinkat("b", at.get(), "x/link") == 0);
  CHECK_FALSE(open_folder(at.get(), "x/link", false));
  CHECK(remove_tree(at.get(), "x") == 0);
  CHECK(remove_tree(at.get(), "x") == 0);
  std::vector<std::string> names;
  CHECK(list_folder(at.get(), names) == 0);
  CHECK(names == std::vector<std::string>{"b", "c"});
}
