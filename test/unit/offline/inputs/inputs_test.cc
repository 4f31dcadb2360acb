// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/inputs.h"

#include <algorithm>
#include <bit>
#include <filesystem>

#include "offline/inputs/captures/byte_order.h"
#include "unit/catch.h"
#include "unit/offline/files.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

struct seen {
  std::vector<std::string> records;  // "uuid#sequence line"
  std::vector<std::string> faults;
};

seen read_all(const std::vector<std::string>& paths, bool captures = true) {
  seen s;
  const auto on_fault = [&s](const input_fault& f) {
    s.faults.push_back(to_string(f));
    return true;
  };
  input_walk walk(paths, {.captures = captures}, on_fault);
  input_reader reader(on_fault, {.captures = captures});
  input_record r;
  std::string path;
  while (walk.next(path)) {
    for (bool any = reader.open(path); any; any = reader.open_next()) {
      while (reader.next(r)) {
        std::string text = std::string(r.uuid()) + "#";
        text += r.context->sequence ? std::to_string(*r.context->sequence) : "-";
        text += (r.is_metadata ? " metadata " : " line ") + std::to_string(r.line);
        s.records.push_back(text);
      }
    }
  }
  CHECK(reader.faults() == s.faults.size());
  return s;
}

std::string uuid_of(std::uint64_t cookie) {
  std::string out(64, '\0');
  out.resize(format_uuid("host_1_unsafe", cookie, out));
  return out;
}

template <class T>
std::string number_bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Of an archive in the other byte order.
std::string other_order_metadata_line(std::string_view uuid) {
  std::string line = metadata_line(uuid, 0);
  if (std::endian::native == std::endian::big)
    line.erase(line.find(",\"ByteOrder\""), std::strlen(",\"ByteOrder\":\"big\""));
  else
    line.insert(line.rfind("}}"), ",\"ByteOrder\":\"big\"");
  return line;
}

}  // namespace

TEST_CASE("directories are walked in name order and only archives are taken") {
  scratch dir;
  made_socket s;
  const std::string text = metadata_line("u", 0) + record_line(at_second(1), s.view(), 1);
  dir.file("2026/02/01/b.00000.jsonl.zst", zstd_frame(text));
  dir.file("2026/01/31/z.00000.jsonl", text);
  dir.file("2026/01/31/a.00000.jsonl.zst.part", zstd_frame(text));
  dir.file("2026/01/31/notes.txt", "not an archive");
  dir.file("a.00000.jsonl", text);
  std::filesystem::create_directory_symlink(dir.path(), dir.path() + "/2026/loop");

  std::vector<std::string> names;
  input_walk walk({dir.path()}, {}, [](const input_fault&) { return true; });
  for (std::string path; walk.next(path);) names.push_back(path.substr(dir.path().size() + 1));
  CHECK(names == std::vector<std::string>{"2026/01/31/a.00000.jsonl.zst.part",
                                          "2026/01/31/z.00000.jsonl",
                                          "2026/02/01/b.00000.jsonl.zst", "a.00000.jsonl"});
}

TEST_CASE("the UUID comes from metadata, else the name, else the cookie") {
  scratch dir;
  made_socket s;
  s.cookie = 0xabc;
  const std::string record = record_line(at_second(1), s.view());
  const auto one = [&](const std::string& name, const std::string& text) {
    const seen got = read_all({dir.file(name, text)});
    CHECK(got.faults.empty());
    return got.records.back();
  };
  CHECK(one("named_0000000000000ABC.00007.jsonl", metadata_line("said", 3) + record) ==
        "said#3 line 2");
  CHECK(one("named_0000000000000ABC.00007.jsonl", record) == "named_0000000000000ABC#7 line 1");
  CHECK(one("mine.jsonl", record) == "mine#- line 1");
  CHECK(one("mine.jsonl.zst", zstd_frame(record)) == "mine#- line 1");
  // What a name says of the content does not count, and neither does what it does not say.
  CHECK(one("wrong.jsonl.zst", record) == "wrong#- line 1");
  CHECK(one("wrong.jsonl", zstd_frame(record)) == "wrong#- line 1");
}

TEST_CASE("a later metadata record speaks for what follows it") {
  scratch dir;
  made_socket s;
  const std::string record = record_line(at_second(1), s.view());
  const seen got = read_all(
      {dir.file("x.jsonl", metadata_line("a", 1) + record + metadata_line("b", 2) + record)});
  CHECK(got.records ==
        std::vector<std::string>{"a#1 metadata 1", "a#1 line 2", "b#2 metadata 3", "b#2 line 4"});
}

TEST_CASE("every good record is delivered and each fault is one line with its place") {
  scratch dir;
  made_socket s;
  const std::string record = record_line(at_second(1), s.view());

  const seen middle = read_all(
      {dir.file("x.jsonl", record + "garbage\n\n" + record + "{\"Timestamp\":1}\r\n" + record)});
  CHECK(middle.records == std::vector<std::string>{"x#- line 1", "x#- line 4", "x#- line 6"});
  REQUIRE(middle.faults.size() == 2);
  CHECK(middle.faults[0].starts_with(dir.path() + "/x.jsonl:2: "));
  CHECK(middle.faults[1].starts_with(dir.path() + "/x.jsonl:5: "));

  const seen cut_line = read_all({dir.file("x.jsonl", record + record.substr(0, 100))});
  CHECK(cut_line.records.size() == 1);
  REQUIRE(cut_line.faults.size() == 1);
  CHECK(cut_line.faults[0].starts_with(dir.path() + "/x.jsonl:2: "));

  const std::string frames = zstd_frame(record) + zstd_frame(record);
  const seen cut_frame =
      read_all({dir.file("x.jsonl.zst", std::string_view(frames).substr(0, frames.size() - 9))});
  CHECK(!cut_frame.records.empty());
  CHECK(cut_frame.faults.size() == 1);

  const seen empty = read_all({dir.file("e.jsonl.zst", "")});
  CHECK(empty.records.empty());
  CHECK(empty.faults.size() == 1);

  const seen absent = read_all({dir.path() + "/none.jsonl"});
  CHECK(absent.faults ==
        std::vector<std::string>{dir.path() + "/none.jsonl: No such file or directory"});
}

TEST_CASE("a file may begin with a byte-order mark") {
  scratch dir;
  made_socket s;
  const std::string mark = "\xef\xbb\xbf";
  const std::string record = record_line(at_second(1), s.view());
  const std::string text = mark + metadata_line("a", 1) + record + mark + record + record;
  // Each file has a start of its own.
  const seen got = read_all({dir.file("x.jsonl", text), dir.file("x.jsonl.zst", zstd_frame(text))});
  CHECK(got.records == std::vector<std::string>{"a#1 metadata 1", "a#1 line 2", "a#1 line 4",
                                                "a#1 metadata 1", "a#1 line 2", "a#1 line 4"});
  REQUIRE(got.faults.size() == 2);
  CHECK(got.faults[0].starts_with(dir.path() + "/x.jsonl:3: "));
  CHECK(got.faults[1].starts_with(dir.path() + "/x.jsonl.zst:3: "));

  const seen nothing = read_all({dir.file("e.jsonl", mark)});
  CHECK(nothing.records.empty());
  CHECK(nothing.faults ==
        std::vector<std::string>{dir.path() + "/e.jsonl:1: empty: no record at all"});
}

TEST_CASE("a callback that says no ends the reading") {
  scratch dir;
  made_socket s;
  const std::string record = record_line(at_second(1), s.view());
  int faults = 0;
  input_reader reader([&faults](const input_fault&) {
    ++faults;
    return false;
  });
  REQUIRE(reader.open(dir.file("x.jsonl", record + "bad\n" + record + "bad\n")));
  input_record r;
  CHECK(reader.next(r));
  CHECK_FALSE(reader.next(r));
  CHECK(reader.stopped());
  CHECK(faults == 1);
  CHECK_FALSE(reader.open(dir.file("y.jsonl", record)));
}

TEST_CASE("bare netlink messages are told by their content, compressed or not") {
  scratch dir;
  std::string file;
  for (std::uint64_t cookie = 1; cookie < 4; ++cookie) {
    made_socket s;
    s.cookie = cookie;
    const message m = s.view();
    const auto length = static_cast<std::uint32_t>(16 + m.bytes.size());
    const std::uint16_t type = 20;
    char header[16] = {};
    std::memcpy(header, &length, 4);
    std::memcpy(header + 4, &type, 2);
    file.append(header, 16);
    file.append(reinterpret_cast<const char*>(m.bytes.data()), m.bytes.size());
  }
  const std::vector<std::string> expected = {
      "0000000000000001#- line 1", "0000000000000002#- line 2", "0000000000000003#- line 3"};
  CHECK(read_all({dir.file("messages", file)}).records == expected);
  CHECK(read_all({dir.file("messages.zst", zstd_frame(file))}).records == expected);
  const seen cut =
      read_all({dir.file("messages", std::string_view(file).substr(0, file.size() - 5))});
  CHECK(cut.records.size() == 2);
  CHECK(cut.faults.size() == 1);
}

TEST_CASE("the kernel's release in the metadata decides the layout") {
  scratch dir;
  made_socket s;
  input_reader reader([](const input_fault&) { return true; });
  REQUIRE(reader.open(
      dir.file("x.jsonl", metadata_line(uuid_of(1), 0) + record_line(at_second(1), s.view(), 9))));
  input_record r;
  REQUIRE(reader.next(r));
  CHECK(r.is_metadata);
  CHECK_FALSE(r.has_message);
  REQUIRE(reader.next(r));
  CHECK(r.context->layout == info_layout::a);
  CHECK(r.context->kernel == "6.18.1");
  CHECK(r.poll == 9);
  CHECK(r.time == at_second(1));
}

TEST_CASE("numbers are turned, ports and addresses are not, and bit fields change places") {
  made_socket s;
  s.cookie = 0x1122334455667788;
  s.src = "2001:db8::1";
  s.dst = "2001:db8::2";
  s.expires = 12345;
  for (std::size_t at = 8; at < 276; at += 4) s.set(at, static_cast<std::uint32_t>(at * 7919));
  std::vector<std::byte> there;
  std::vector<std::byte> back;
  const message m = s.view();
  const message other_order = turn_byte_order(m, info_layout::a, there);
  CHECK(other_order.expires_ms() == __builtin_bswap32(12345));
  CHECK(other_order.sport() == m.sport());
  CHECK(other_order.src() == m.src());
  // Without bit fields the way back is the way there.
  const message again = turn_byte_order(other_order, info_layout::a, back);
  CHECK(std::equal(again.bytes.begin(), again.bytes.end(), m.bytes.begin(), m.bytes.end()));

  // As the compilers of the other byte order lay them out: from the top bit down, or from the
  // lowest one up.
  constexpr bool big_here = std::endian::native == std::endian::big;
  s.set(6, std::uint8_t{big_here ? 0xa7 : 0x7a}).set(7, std::uint8_t{big_here ? 0x05 : 0xc0});
  constexpr std::uint8_t there_is_big[] = {0x9a, 0x12, 0x34, 0x56};
  constexpr std::uint8_t there_is_little[] = {0xa6, 0x56, 0x34, 0x12};
  for (std::size_t i = 0; i < 4; ++i)
    s.set(276 + i, big_here ? there_is_little[i] : there_is_big[i]);
  const message turned = turn_byte_order(s.view(), info_layout::b, back);
  const auto info = turned.find(attribute_type::info);
  REQUIRE(info);
  const auto value = [&](tcp_field f) { return tcp_value(*info, info_layout::b, f); };
  CHECK(value(tcp_field::snd_wscale) == 7);
  CHECK(value(tcp_field::rcv_wscale) == 10);
  CHECK(value(tcp_field::delivery_rate_app_limited) == 1);
  CHECK(value(tcp_field::fastopen_client_fail) == 2);
  CHECK(value(tcp_field::ecn_mode) == 2);
  CHECK(value(tcp_field::accecn_opt_seen) == 1);
  CHECK(value(tcp_field::accecn_fail_mode) == 0xa);
  CHECK(value(tcp_field::options2) == 0x123456);
  CHECK(value(tcp_field::accecn_word) == 0x123456a6);
}

TEST_CASE("turned there and back a message is what it was, bit for bit") {
  made_socket s;
  s.cookie = 0x1122334455667788;
  s.expires = 12345;
  for (std::size_t at = 0; at < 276; at += 4) s.set(at, static_cast<std::uint32_t>(at * 7919 + 1));
  s.set(7, std::uint8_t{0xb5});  // bits that have no name among them
  s.set(276, std::uint32_t{0xfedcba98});
  built_message inner;
  inner.add(1, number_bytes(std::uint32_t{0x01020304}));
  inner.add(4, number_bytes(std::uint64_t{0x0102030405060708}));
  inner.add(8, number_bytes(std::uint32_t{0x1c2}));
  built_message ulp;
  ulp.add(1, zero_ended("mptcp"));
  ulp.add(0x8003, inner.attributes);
  (void)s.view();
  s.built.add(19, ulp.attributes);
  s.built.add(22, std::string("\x96\x45", 2));
  s.built.add(15, std::string("\x01\x02", 2));  // half a mark
  s.built.add(77, std::string("\x01\x02\x03\x04", 4));
  const message m = s.built.view();
  std::vector<std::byte> there;
  std::vector<std::byte> back;
  for (const info_layout layout : {info_layout::unknown, info_layout::a, info_layout::b}) {
    const message other_order = turn_byte_order(m, layout, there, turn::to_theirs);
    CHECK(other_order.expires_ms() == __builtin_bswap32(12345));
    CHECK((*other_order.find(attribute_type::ulp_info))[0] ==
          (*m.find(attribute_type::ulp_info))[1]);
    const message again = turn_byte_order(other_order, layout, back, turn::to_ours);
    CHECK(std::equal(again.bytes.begin(), again.bytes.end(), m.bytes.begin(), m.bytes.end()));
  }
}

TEST_CASE("a capture of a machine of the other byte order reads like one of this machine") {
  scratch dir;
  made_socket s;
  s.cookie = 0x1122334455667788;
  s.expires = 12345;
  s.set(68, std::uint32_t{1234});
  const message m = s.view();
  std::vector<std::byte> bytes;
  (void)turn_byte_order(m, info_layout::unknown, bytes, turn::to_theirs);
  // As the kernel there has them, attribute headers included.
  for (const attribute& a : m.attributes()) {
    const auto at = static_cast<std::size_t>(a.payload.data() - m.bytes.data());
    std::swap(bytes[at - 4], bytes[at - 3]);
    std::swap(bytes[at - 2], bytes[at - 1]);
  }
  std::string file = number_bytes(__builtin_bswap32(static_cast<std::uint32_t>(16 + bytes.size())));
  file += number_bytes(__builtin_bswap16(std::uint16_t{20})) + std::string(10, '\0');
  file.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const std::string& content : {file, zstd_frame(file)}) {
    input_reader reader(
        [](const input_fault& f) {
          FAIL(to_string(f));
          return true;
        },
        {.captures = true});
    REQUIRE(reader.open(dir.file("messages", content)));
    input_record r;
    REQUIRE(reader.next(r));
    CHECK(std::equal(r.m.bytes.begin(), r.m.bytes.end(), m.bytes.begin(), m.bytes.end()));
    CHECK_FALSE(reader.next(r));
  }
}

TEST_CASE("an archive of the other byte order reads like one of this machine") {
  scratch dir;
  made_socket s;
  s.cookie = 0x1122334455667788;
  s.set(68, std::uint32_t{1234});
  std::vector<std::byte> other_order;
  const std::string record =
      record_line(at_second(1), turn_byte_order(s.view(), info_layout::a, other_order), 3);
  const std::string meta = other_order_metadata_line("other_order");
  input_reader reader([](const input_fault& f) {
    FAIL(to_string(f));
    return true;
  });
  REQUIRE(reader.open(dir.file("x.jsonl", meta + record)));
  input_record r;
  REQUIRE(reader.next(r));
  REQUIRE(reader.next(r));
  CHECK(r.m.cookie() == 0x1122334455667788);
  const message m = s.view();
  // The archive's attributes come in the order of their types: compared one by one.
  for (const attribute& a : m.attributes()) {
    const auto read = r.m.find(static_cast<attribute_type>(a.type));
    REQUIRE(read);
    CHECK(std::equal(read->begin(), read->end(), a.payload.begin(), a.payload.end()));
  }
}

TEST_CASE("after damage a record of the other byte order is known by its cookie") {
  scratch dir;
  made_socket s;
  s.cookie = 0xab;
  std::vector<std::byte> other_order;
  const std::string record = record_line(
      at_second(1), turn_byte_order(s.view(), info_layout::a, other_order, turn::to_theirs), 3);
  const std::string uuid = uuid_of(0xab);
  const seen got = read_all(
      {dir.file("x.jsonl", other_order_metadata_line(uuid) + record + "garbage\n" + record)});
  CHECK(got.records ==
        std::vector<std::string>{uuid + "#0 metadata 1", uuid + "#0 line 2", uuid + "#0 line 4"});
  CHECK(got.faults.size() == 1);
}
