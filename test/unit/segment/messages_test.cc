// SPDX-License-Identifier: Apache-2.0
//
// Messages of every shape come out of a segment as their lines have them.
#include <tcpinfo/segment.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "unit/archive/archive_messages.h"
#include "unit/catch.h"
#include "unit/made_socket.h"
#include "unit/segment/segment_files.h"

namespace {

using namespace segment_files;
using tcpinfo::attribute_type;

// Writes the messages as one archive, one block, and compares with their lines. The notes have to
// be those of the lines.
void check_messages(const std::vector<std::string>& messages) {
  blocks made;
  archive_part part;
  part.path = "2026/01/31/a.00000.jsonl.zst";
  part.about.emplace();
  const std::uint32_t number = made.begin(part);
  tcpinfo::encode_notes notes;
  tcpinfo::encode_notes line_notes;
  std::int64_t time = 0;
  for (const std::string& bytes : messages) {
    const entry e = record_entry(at_ns(time += 100'000), {bytes_of(bytes)});
    REQUIRE_FALSE(made.writer.add(number, e.time, e.view(), e.extras, &notes));
    part.entries.push_back(e);
    (void)line_of(e.time, e.view(), e.extras, &line_notes);
  }
  CHECK(made.writer.waiting() == messages.size());
  CHECK(made.writer.waiting_bytes() > 0);
  made.flush();
  made.finish();
  const read_result read = read_segment(made.all());
  CHECK(read.faults.empty());
  CHECK(read.missing == 0);
  CHECK(read.blocks == 1);
  CHECK(read.parts == expected({part}));
  CHECK(notes.duplicates == line_notes.duplicates);
  CHECK(notes.secrets == line_notes.secrets);
  CHECK(notes.unread_bytes == line_notes.unread_bytes);
}

std::string bytes_of_view(built_message& m) { return text_of(m.view().bytes); }

std::string header_of(std::uint8_t seed) {
  std::string header(tcpinfo::wire::inet_diag_msg_size, '\0');
  for (std::size_t i = 0; i < header.size(); ++i)
    header[i] = static_cast<char>(static_cast<std::uint8_t>(i * 7 + seed));
  return header;
}

}  // namespace

TEST_CASE("a message without attributes, and the same one again") {
  built_message m;
  check_messages({bytes_of_view(m)});
  check_messages({bytes_of_view(m), bytes_of_view(m), bytes_of_view(m)});
}

TEST_CASE("headers of any bytes") {
  std::vector<std::string> messages;
  for (unsigned seed = 0; seed < 256; ++seed)
    messages.push_back(header_of(static_cast<std::uint8_t>(seed)));
  messages.emplace_back(tcpinfo::wire::inet_diag_msg_size, '\xff');
  messages.emplace_back(tcpinfo::wire::inet_diag_msg_size, '\0');
  check_messages(messages);
}

TEST_CASE("every byte of a header changes alone, and back") {
  built_message m;
  std::vector<std::string> messages{bytes_of_view(m)};
  for (std::size_t i = 0; i < m.header.size(); ++i)
    for (const std::uint8_t value : std::initializer_list<std::uint8_t>{0x01, 0x80, 0xff, 0x00}) {
      m.header[i] = value;
      messages.push_back(bytes_of_view(m));
    }
  check_messages(messages);
}

TEST_CASE("attributes come and go, and change their length") {
  built_message m;
  std::vector<std::string> messages;
  for (const std::size_t size : {16U, 0U, 1U, 16U, 3U, 15U, 17U, 280U, 279U, 281U, 0U, 280U}) {
    m.reset().add(2, std::string(size, 'i'));
    messages.push_back(bytes_of_view(m));
    m.add(4, zero_ended("cubic"));
    messages.push_back(bytes_of_view(m));
    m.reset().add(4, zero_ended("bbr")).add(2, std::string(size, 'j')).add(8, "");
    messages.push_back(bytes_of_view(m));
    m.reset();
    messages.push_back(bytes_of_view(m));
  }
  check_messages(messages);
}

TEST_CASE("payloads of every length from none to some") {
  built_message m;
  std::vector<std::string> messages;
  for (std::size_t size = 0; size < 70; ++size) {
    std::string payload(size, '\0');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(size + 31 * i);
    m.reset().add(5, payload);
    messages.push_back(bytes_of_view(m));
    // Again with another last byte: what is behind the last whole word.
    if (size > 0) payload.back() = static_cast<char>(payload.back() ^ 0x80);
    m.reset().add(5, payload);
    messages.push_back(bytes_of_view(m));
  }
  check_messages(messages);
}

TEST_CASE("types up to the highest, in any order, with the flags of netlink") {
  built_message m;
  std::vector<std::string> messages;
  for (const unsigned type : {0U, 1U, 31U, 32U, 63U, 64U, 65U, 255U, 256U, 1000U, 16382U, 16383U}) {
    m.reset().add(static_cast<std::uint16_t>(type), "payload");
    messages.push_back(bytes_of_view(m));
    m.reset().add(static_cast<std::uint16_t>(type | 0x8000U), "nested!");
    messages.push_back(bytes_of_view(m));
    m.reset().add(static_cast<std::uint16_t>(type | 0x4000U), "ordered");
    messages.push_back(bytes_of_view(m));
  }
  m.reset();
  for (const unsigned type : {16383U, 2U, 64U, 1U, 900U, 0U, 63U})
    m.add(static_cast<std::uint16_t>(type), std::to_string(type));
  messages.push_back(bytes_of_view(m));
  check_messages(messages);
}

TEST_CASE("what a line leaves out is left out and noted alike") {
  built_message m;
  std::vector<std::string> messages;
  // Twice the same type: the first one counts, also where its payload is empty.
  m.add(2, "first").add(2, "second").add(2, "third");
  messages.push_back(bytes_of_view(m));
  m.reset().add(700, "").add(700, "second").add(2, "x");
  messages.push_back(bytes_of_view(m));
  // PAD says nothing where it is empty.
  m.reset().add(14, "").add(14, "").add(14, "not empty").add(1, "");
  messages.push_back(bytes_of_view(m));
  // Keys, any number of them.
  m.reset().add(18, "secret").add(2, "info").add(18, "secrets");
  messages.push_back(bytes_of_view(m));
  m.reset().add(18, "nothing but a secret");
  messages.push_back(bytes_of_view(m));
  m.reset().add(18 | 0x8000, "nested secret").add(4, "x");
  messages.push_back(bytes_of_view(m));
  check_messages(messages);
  const std::string segment = [&] {
    blocks made;
    archive_part part;
    for (const std::string& bytes : messages)
      part.entries.push_back(record_entry(at_ns(0), {bytes_of(bytes)}));
    made.put(part);
    made.flush();
    made.finish();
    return made.all();
  }();
  CHECK(content_of(segment).find("secret") == std::string::npos);
}

TEST_CASE("a malformed tail is left out, whatever it is") {
  built_message m;
  std::vector<std::string> messages;
  for (const std::string& tail :
       {std::string("\1"), std::string("\1\2\3"), std::string("\0\0\0\0", 4),
        std::string("\3\0\2\0", 4), std::string("\377\377\2\0", 4), std::string("\11\0\2\0more", 8),
        std::string(100, '\0'), std::string(100, '\377')}) {
    m.reset().tail = tail;
    messages.push_back(bytes_of_view(m));
    m.add(2, "before it").add(700, "too");
    m.tail = tail;
    messages.push_back(bytes_of_view(m));
  }
  // Padding that is missing at the end is no fault.
  m.reset().add(2, "12345");
  std::string cut = bytes_of_view(m);
  cut.resize(cut.size() - 3);
  messages.push_back(cut);
  // Padding of other bytes than zeros is not kept.
  m.reset().add(2, "12345").add(4, "x");
  std::string padded = bytes_of_view(m);
  padded[72 + 9] = padded[72 + 10] = '\xee';
  messages.push_back(padded);
  check_messages(messages);
}

TEST_CASE("sockets as the kernel reports them") {
  made_socket s;
  std::vector<std::string> messages;
  std::mt19937 random(1);
  for (unsigned i = 0; i < 300; ++i) {
    s.set(std::size_t{4} * (random() % 70), static_cast<std::uint32_t>(random()));
    if (i % 50 == 49) s.state = tcpinfo::tcp_state::close_wait;
    if (i % 70 == 0) s.cong = i % 140 == 0 ? "bbr" : "cubic";
    if (i % 30 == 0) s.has_info = !s.has_info;
    s.src = i % 100 < 50 ? "10.0.0.1" : "2001:db8::1";
    s.dst = i % 100 < 50 ? "10.0.0.2" : "2001:db8::2";
    messages.push_back(text_of(s.view().bytes));
  }
  check_messages(messages);
}

TEST_CASE("counters that fall, wrap and jump") {
  built_message m;
  std::vector<std::string> messages;
  std::array<std::uint32_t, 6> words{};
  const std::array<std::uint32_t, 9> values{
      0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x80000001, 0x00000002, 0xfffffffe, 0x7f};
  for (std::size_t i = 0; i < 200; ++i) {
    words[i % words.size()] = values[(i * i + i) % values.size()];
    std::string payload(sizeof words, '\0');
    std::memcpy(payload.data(), words.data(), sizeof words);
    m.reset().add(2, payload);
    messages.push_back(bytes_of_view(m));
  }
  check_messages(messages);
}

TEST_CASE("attributes as many and as large as are allowed, and not more") {
  built_message m;
  for (unsigned i = 0; i < 255; ++i)
    m.add(static_cast<std::uint16_t>(i < 18 ? i : i + 1), std::to_string(i));
  const std::string most = bytes_of_view(m);
  check_messages({most, most});
  blocks made;
  const std::uint32_t number = made.begin({});
  m.add(1000, "one more");
  CHECK(made.writer.add(number, at_ns(0), m.view(), {}) == errc::malformed_attribute);
  CHECK(made.writer.waiting() == 0);
  // More of a type that is there already are no more.
  m.reset();
  for (unsigned i = 0; i < 400; ++i) m.add(2, "x");
  check_messages({bytes_of_view(m)});

  m.reset().add(2, std::string(30'000, 'a')).add(3, std::string(30'000, 'b'));
  check_messages({bytes_of_view(m)});
  m.add(4, std::string(30'000, 'c'));
  CHECK(made.writer.add(number, at_ns(0), m.view(), {}) == errc::malformed_attribute);
  CHECK(made.writer.waiting() == 0);
  // What came before works as before.
  made.add(number, record_entry(at_ns(0), {bytes_of(most)}));
  made.flush();
  CHECK(read_segment(made.all()).lines() ==
        std::vector<std::string>{line_of(at_ns(0), {bytes_of(most)}, {})});
}

TEST_CASE("messages of two connections in turn, alike and not") {
  made_socket a;
  made_socket b;
  b.cookie = 2;
  b.has_cong = false;
  blocks made;
  std::vector<archive_part> parts(3);
  for (std::size_t i = 0; i < parts.size(); ++i) parts[i].path = "archive " + std::to_string(i);
  std::vector<std::uint32_t> numbers;
  for (const archive_part& part : parts) numbers.push_back(made.begin(part));
  for (std::uint32_t i = 0; i < 50; ++i) {
    a.set(100, i);
    b.set(104, i * i);
    const std::size_t which = i % 3;
    const entry e = record_entry(at_ns(i), which == 0 ? a.view() : b.view());
    made.add(numbers[which], e);
    parts[which].entries.push_back(e);
  }
  made.flush();
  auto read = read_segment(made.all()).parts;
  auto wanted = expected(parts);
  const auto by_path = [](const read_part& x, const read_part& y) { return x.path < y.path; };
  std::sort(read.begin(), read.end(), by_path);
  std::sort(wanted.begin(), wanted.end(), by_path);
  CHECK(read == wanted);
}
