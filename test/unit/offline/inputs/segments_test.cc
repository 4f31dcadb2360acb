// SPDX-License-Identifier: Apache-2.0
//
// Segments as inputs: their archives' contexts, what comes once, and what is told of damage.
#include <algorithm>
#include <bit>
#include <filesystem>

#include "offline/inputs/captures/byte_order.h"
#include "offline/inputs/file_names.h"
#include "offline/inputs/inputs.h"
#include "offline/inputs/parts.h"
#include "offline/inputs/remembered_contexts.h"
#include "offline/inputs/segment_damage.h"
#include "offline/inputs/sniffing/content_kind.h"
#include "offline/inputs/sources/memory_source.h"
#include "unit/catch.h"
#include "unit/offline/files.h"
#include "unit/offline/made_segment.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

using texts = std::vector<std::string>;

struct seen_in_segment {
  texts records;  // "uuid#sequence kernel", what else there is to say, and the number
  texts faults;   // without the file's name
};

seen_in_segment read_file(const std::string& path) {
  seen_in_segment s;
  input_reader reader([&](const input_fault& f) {
    const std::string text = to_string(f);
    s.faults.push_back(text.substr(std::min(text.size(), path.size())));
    return true;
  });
  input_record r;
  for (bool any = reader.open(path); any; any = reader.open_next()) {
    while (reader.next(r)) {
      std::string text = std::string(r.uuid()) + "#";
      text += r.context->sequence ? std::to_string(*r.context->sequence) : "-";
      text += " " + r.context->kernel;
      if (r.begins_archive) text += r.goes_on ? " goes on" : " begins";
      if (r.is_metadata) text += " metadata";
      s.records.push_back(text + " " + std::to_string(r.line));
    }
  }
  return s;
}

seen_in_segment read_text(const std::string& name, std::string_view text) {
  const scratch dir;
  return read_file(dir.file(name, text));
}

metadata about(std::string_view uuid, std::uint64_t sequence = 0) {
  metadata m;
  m.uuid = uuid;
  m.sequence = sequence;
  m.kernel = "6.18.1";
  m.start_time = at_second(0);
  return m;
}

}  // namespace

TEST_CASE("names of segments are known") {
  for (const std::string_view name : {"a.tcpseg", "a.tcpseg.zst", "a.tcpseg.zst.part"}) {
    CHECK(is_archive_name(name));
    CHECK(take_apart(name).segment);
    CHECK(take_apart(name).may_be_ours());
    CHECK(take_apart(name).stem == "a");
  }
  CHECK(take_apart("A.TCPSEG.GZ").segment);
  CHECK_FALSE(take_apart("a.tcpseg.zst.damaged").segment);
  CHECK_FALSE(is_archive_name("a.tcpseg.zst.damaged"));
  CHECK_FALSE(is_archive_name("tcpseg"));
  CHECK_FALSE(take_apart("a.tcpseg.jsonl").segment);
  std::string_view what;
  const std::string magic = "\x89TCPSEG\n";
  const auto kind = [&](std::size_t n) {
    return kind_of_content(std::as_bytes(std::span(magic)).first(n), false, what);
  };
  CHECK(kind(8) == content_kind::segment);
  for (std::size_t n = 0; n < 8; ++n) CHECK(kind(n) == content_kind::undecided);
}

TEST_CASE("a fault of a segment tells the record's number in words") {
  CHECK(to_string({.file = "s", .line = 7, .what = "bad", .of_record = true}) ==
        "s: record 7: bad");
  CHECK(to_string({.file = "s", .line = 0, .what = "bad", .of_record = true}) == "s: bad");
  CHECK(to_string({.file = "s", .line = 7, .what = "bad"}) == "s:7: bad");
}

TEST_CASE("each archive of a segment has a context of its own, in every block") {
  made_socket s;
  made_segment made;
  made.about("2023/11/14/a.00003.jsonl.zst", about("a", 3));
  for (int i = 0; i < 2; ++i) {
    made.add("2023/11/14/a.00003.jsonl.zst", at_second(i), s.view());
    made.add("named_00000000000000AB.00002.jsonl", at_second(i), s.view());
    made.add("", at_second(i), s.view());
    made.block();
  }
  const seen_in_segment got = read_text("s.tcpseg.zst", made.text());
  CHECK(got.faults == texts{});
  CHECK(got.records == texts{"a#3 6.18.1 begins metadata 1", "a#3 6.18.1 1",
                             "named_00000000000000AB#2  begins 2", "0000000000000001#-  begins 3",
                             "a#3 6.18.1 goes on 4", "named_00000000000000AB#2  goes on 5",
                             "0000000000000001#-  goes on 6"});
}

TEST_CASE("what a line kept as text said of its archive holds in the next block, too") {
  made_socket s;
  made_segment made;
  const std::string first = metadata_line("a", 3);
  made.line("x.00003.jsonl", first).add("x.00003.jsonl", at_second(0), s.view());
  made.line("y.jsonl", metadata_line("b", 1)).line("y.jsonl", "no JSON\n");
  made.block();
  made.add("y.jsonl", at_second(1), s.view()).add("x.00003.jsonl", at_second(1), s.view());
  const seen_in_segment got = read_text("s.tcpseg.zst", made.text());
  CHECK(got.faults == texts{": record 4: not a JSON record"});
  // Behind a line that was lost, the UUID holds as it does in a file.
  CHECK(got.records == texts{"a#3 6.18.1 begins metadata 1", "a#3 6.18.1 2",
                             "b#1 6.18.1 begins metadata 3", "b#1 6.18.1 goes on 5",
                             "a#3 6.18.1 goes on 6"});
}

TEST_CASE("contexts are remembered of the latest thousands of archives") {
  remembered_contexts remembered;
  std::vector<context_pointer> all;
  for (int i = 0; i < 10'000; ++i) {
    all.push_back(context_without_uuid("f"));
    remembered.keep(std::to_string(i), all.back());
  }
  CHECK(remembered.find("9999") == all[9999]);
  CHECK(remembered.find("6000") == all[6000]);
  CHECK(remembered.find("0") == nullptr);
  remembered.keep("9999", all[0]);
  CHECK(remembered.find("9999") == all[0]);
  remembered.clear();
  CHECK(remembered.find("9999") == nullptr);
}

TEST_CASE("records of the other byte order are turned in every block") {
  made_socket s;
  s.cookie = 0x1122334455667788;
  s.set(68, std::uint32_t{1234});  // rtt
  const bool big = std::endian::native == std::endian::big;
  std::vector<std::byte> other;
  const message m = turn_byte_order(s.view(), info_layout::a, other, turn::to_theirs);
  metadata a = about("a");
  a.byte_order = big ? "" : "big";
  std::string line = metadata_line("b", 0);
  line.insert(line.rfind("}}"), big ? "" : ",\"ByteOrder\":\"big\"");
  if (big) line.erase(line.find(",\"ByteOrder\""), std::string(",\"ByteOrder\":\"big\"").size());
  made_segment made;
  made.about("a", a).line("b", line);
  for (int i = 0; i < 2; ++i)
    made.add("a", at_second(i), m)
        .add("b", at_second(i), m)
        .add("c", at_second(i), s.view())
        .block();
  const scratch dir;
  input_reader reader([](const input_fault& f) {
    FAIL(to_string(f));
    return true;
  });
  REQUIRE(reader.open(dir.file("s.tcpseg.zst", made.text())));
  int messages = 0;
  for (input_record r; reader.next(r);) {
    if (!r.has_message) continue;
    ++messages;
    CHECK(r.m.cookie() == s.cookie);
    CHECK(r.m.dport() == s.dport);
  }
  CHECK(messages == 6);
}

TEST_CASE("damage is told once, with the number of records that are missing") {
  made_socket s;
  made_segment made;
  for (int i = 0; i < 4; ++i)
    made.add("a", at_second(i), s.view()).add("a", at_second(i, 1), s.view()).block();
  const auto blocks = made.blocks();
  const auto without = [&](std::initializer_list<std::size_t> gone,
                           std::string_view in_place = "") {
    std::string text;
    for (std::size_t i = 0; i < blocks.size(); ++i)
      text +=
          std::find(gone.begin(), gone.end(), i) == gone.end() ? blocks[i] : std::string(in_place);
    return read_text("s.tcpseg.zst", text).faults;
  };
  CHECK(without({}) == texts{});
  CHECK(without({0}) == texts{": at its beginning: 2 records are missing"});
  CHECK(without({1, 2}) == texts{": behind record 2: 4 records are missing"});
  CHECK(without({1}, zstd_frame("nothing")) ==
        texts{": behind record 2: damaged block: 2 records are missing"});
  CHECK(without({0, 2}, zstd_frame("nothing")) ==
        texts{": at its beginning: damaged block: 2 records are missing",
              ": behind record 4: damaged block: 2 records are missing"});
  // Nothing behind it tells how many.
  CHECK(without({3}) == texts{});
  CHECK(without({3}, zstd_frame("nothing")) ==
        texts{": behind record 6: damaged block: its records are lost"});
  CHECK(without({1}, blocks[1].substr(0, 40)) ==
        texts{": behind record 2: corrupt zstd frame: 2 records are missing"});
  CHECK(without({3}, blocks[3].substr(0, 40)) ==
        texts{": behind record 6: input ends inside a zstd frame"});

  // One record is one.
  made_segment single;
  single.add("a", at_second(0), s.view()).block().add("a", at_second(1), s.view());
  CHECK(read_text("s.tcpseg.zst", single.blocks()[1]).faults ==
        texts{": at its beginning: 1 record is missing"});
}

TEST_CASE("of a portion of a segment, records before it are not missing") {
  made_socket s;
  made_segment made;
  for (int i = 0; i < 3; ++i) made.add("a", at_second(i), s.view()).block();
  const std::vector<std::string> blocks = made.blocks();
  const auto faults = [](const std::string& text) {
    texts told;
    input_reader reader([&told](const input_fault& f) {
      told.push_back(to_string(f));
      return true;
    });
    tcpinfo::offline::memory_source source({}, std::as_bytes(std::span(text)));
    if (reader.open(source, "s.tcpseg.zst.part", true))
      for (input_record r; reader.next(r);) {
      }
    return told;
  };
  CHECK(faults(blocks[1] + blocks[2]) == texts{});
  CHECK(faults(blocks[2]) == texts{});
  CHECK(faults(zstd_frame("nothing") + blocks[1]).size() == 1);
  CHECK(faults(blocks[0] + blocks[2]) ==
        texts{"s.tcpseg.zst.part: behind record 1: 1 record is missing"});
}

TEST_CASE("of a segment that is being written, what is not whole is not there yet") {
  made_socket s;
  made_segment made;
  made.add("a", at_second(0), s.view()).block().add("a", at_second(1), s.view()).block();
  const std::string whole = made.blocks()[0];
  const std::string next = made.blocks()[1];
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{9}, next.size() - 1}) {
    CHECK(read_text("s.tcpseg.zst.part", whole + next.substr(0, n)).faults == texts{});
    CHECK(read_text("s.tcpseg.zst.part", whole.substr(0, std::min(n, whole.size() - 1))).faults ==
          texts{});
    CHECK(read_text("s.tcpseg.zst", whole.substr(0, std::min(n, whole.size() - 1))).faults.size() ==
          1);
    CHECK(read_text("s.tcpseg.zst", whole + next.substr(0, n)).faults.size() == (n == 0 ? 0 : 1));
  }
  CHECK(read_text("s.tcpseg.zst.part", whole.substr(0, 40) + next).faults.size() == 1);
}

TEST_CASE("an archive and segments behind each other are read as what they are") {
  made_socket s;
  made_segment made;
  made.about("b", about("b")).add("b", at_second(0), s.view());
  const std::string segment = made.text();
  const seen_in_segment got =
      read_text("x.zst", zstd_frame(metadata_line("a", 0) + record_line(at_second(0), s.view())) +
                             segment + segment);
  CHECK(got.faults == texts{});
  CHECK(got.records == texts{"a#0 6.18.1 metadata 1", "a#0 6.18.1 2",
                             "b#0 6.18.1 begins metadata 1", "b#0 6.18.1 1",
                             "b#0 6.18.1 begins metadata 2", "b#0 6.18.1 2"});
}

TEST_CASE("all parts of a segment are read of the file that was divided") {
  const scratch dir;
  // The same archive under two hosts' names; of another length, so that no block stands where one
  // of the other file does.
  const auto text_of = [](const std::string& uuid, int records) {
    made_segment made;
    made_socket s;
    made.about("a", about(uuid));
    for (int block = 0; block < 4; ++block) {
      for (int n = 0; n < records; ++n) made.add("a", at_second(10 * block + n), s.view());
      made.block();
    }
    return made.text();
  };
  const std::string path = dir.file("a.tcpseg.zst", text_of("h_1_0000000000000001", 2));
  const std::string other = dir.file("b", text_of("another_h_1_0000000000000001", 9));
  for (const bool by_time : {false, true}) {
    INFO(by_time);
    texts faults;
    const fault_callback fault = [&](const input_fault& f) {
      faults.push_back(to_string(f));
      return true;
    };
    input_walk files({path}, {}, fault);
    part_options options;
    options.most_bytes = by_time ? 0 : 1;
    if (by_time) options.wanted.until = at_second(35);
    part_walk parts(files, options);
    input_reader reader(fault, {});
    std::size_t count = 0;
    std::size_t records = 0;
    for (input_part part; parts.next(part); ++count) {
      // Meanwhile another file comes to its place.
      if (count == 0) std::filesystem::rename(other, path);
      REQUIRE(reader.open(part));
      input_record r;
      while (reader.next(r))
        if (r.has_message) ++records;
    }
    CHECK(faults.empty());
    CHECK(count == (by_time ? 1 : 4));
    CHECK(records == 8);
    (void)dir.file("a.tcpseg.zst", text_of("h_1_0000000000000001", 2));
    (void)dir.file("b", text_of("another_h_1_0000000000000001", 9));
  }
}
