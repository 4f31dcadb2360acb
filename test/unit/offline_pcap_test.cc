// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string>
#include <vector>

#include "catch.h"
#include "offline/pcap.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

using bytes = std::vector<std::byte>;

std::uint32_t swapped(std::uint32_t v) {
  return v << 24U | (v & 0xff00U) << 8U | (v >> 8U & 0xff00U) | v >> 24U;
}

template <class T>
void append(bytes& to, T value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  to.insert(to.end(), from, from + sizeof value);
}

void append(bytes& to, const bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

std::uint16_t swapped(std::uint16_t v) { return static_cast<std::uint16_t>(v << 8U | v >> 8U); }

// Of a kernel of the other byte order where `foreign`.
bytes netlink(std::uint16_t type, std::uint16_t flags, std::size_t payload, bool foreign = false) {
  bytes b;
  const auto put = [&](auto v) { append(b, foreign ? swapped(v) : v); };
  put(static_cast<std::uint32_t>(16 + payload));
  put(type);
  put(flags);
  put(std::uint32_t{77});
  put(std::uint32_t{88});
  for (std::size_t i = 0; i < payload; ++i) b.push_back(static_cast<std::byte>(i));
  while (b.size() % 4 != 0) b.push_back(std::byte{0});
  return b;
}

struct file_maker {
  bool swap = false;
  std::uint32_t magic = 0xa1b2c3d4;
  std::uint32_t link = 253;
  bytes out;

  void u32(std::uint32_t v) { append(out, swap ? swapped(v) : v); }

  void begin() {
    u32(magic);
    u32(0x00040002);
    for (const std::uint32_t v : {0U, 0U, 65535U, link}) u32(v);
  }
  void packet(const bytes& datagram, std::uint8_t protocol = 4, std::uint32_t uncaptured = 0) {
    u32(1700000000);
    u32(123456);
    const auto size = static_cast<std::uint32_t>(16 + datagram.size());
    u32(size);
    u32(size + uncaptured);
    bytes cooked(16);
    cooked[1] = std::byte{4};
    cooked[2] = std::byte{3};
    cooked[3] = std::byte{0x38};
    cooked[15] = std::byte{protocol};
    append(out, cooked);
    append(out, datagram);
  }
};

std::vector<netlink_message> read_all(capture_reader& r) {
  std::vector<netlink_message> messages;
  netlink_message m;
  while (r.next(m)) messages.push_back(m);
  return messages;
}

}  // namespace

TEST_CASE("pcap files of either byte order and resolution are read") {
  for (const bool swap : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      file_maker f;
      f.swap = swap;
      f.magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
      f.begin();
      f.packet(netlink(20, 0x301, 56));
      bytes batch = netlink(20, 2, 72);
      append(batch, netlink(18, 2, 77));
      append(batch, netlink(3, 2, 4));
      f.packet(batch);
      f.packet(netlink(20, 2, 72), 0);  // rtnetlink has a type 20 too
      f.packet(netlink(2, 0, 20));
      capture_reader r;
      REQUIRE_FALSE(r.open(f.out));
      CHECK(r.is_pcap());
      const auto m = read_all(r);
      CHECK_FALSE(r.error());
      REQUIRE(m.size() == 5);
      CHECK(m[0].kind == message_kind::request);
      CHECK(m[1].kind == message_kind::response);
      CHECK(m[1].payload.size() == 72);
      CHECK(m[1].sequence == 77);
      CHECK(m[1].port == 88);
      CHECK(m[2].kind == message_kind::response);
      CHECK(m[2].type == 18);
      CHECK(m[2].payload.size() == 77);
      CHECK(m[3].kind == message_kind::done);
      CHECK(m[4].kind == message_kind::error);
      CHECK(m[0].has_time);
      CHECK(m[0].time_ns == 1'700'000'000'000'000'000 + (nanoseconds ? 123456 : 123456000));
      CHECK(r.packets() == 4);
      CHECK(r.other_packets() == 1);
      CHECK(r.faults() == 0);
      CHECK(m[0].offset == 24 + 16 + 16);
    }
  }
}

TEST_CASE("bare netlink messages are read") {
  bytes file = netlink(20, 2, 72);
  append(file, netlink(20, 2, 75));
  append(file, netlink(20, 2, 100));
  capture_reader r;
  REQUIRE_FALSE(r.open(file));
  CHECK_FALSE(r.is_pcap());
  const auto m = read_all(r);
  REQUIRE(m.size() == 3);
  CHECK(m[1].payload.size() == 75);
  CHECK(m[1].payload.data() == file.data() + 88 + 16);
  CHECK_FALSE(m[0].has_time);
  CHECK_FALSE(r.error());

  // Cut off: what is whole is read, and the cut is told.
  file.erase(file.end() - 10, file.end());
  REQUIRE_FALSE(r.open(file));
  CHECK(read_all(r).size() == 2);
  CHECK(r.error() == capture_errc::truncated_file);
  CHECK(r.error_offset() == 88 + 92);
  CHECK(r.faults() == 1);
}

TEST_CASE("messages of a kernel of the other byte order are read") {
  bytes all;
  for (const std::size_t payload : {72U, 240U, 77U}) append(all, netlink(20, 2, payload, true));
  append(all, netlink(3, 2, 4, true));
  file_maker f;
  f.swap = true;
  f.begin();
  f.packet(all);
  // 256 bytes are 65536 the other way round, for which there is room in a large file.
  bytes large = netlink(20, 2, 240, true);
  while (large.size() <= 65536) append(large, netlink(20, 2, 240, true));
  for (const bytes* given : {&all, &f.out, &large}) {
    const bytes& file = *given;
    capture_reader r;
    REQUIRE_FALSE(r.open(file));
    const auto m = read_all(r);
    CHECK_FALSE(r.error());
    REQUIRE(m.size() >= 4);
    for (const netlink_message& one : m) {
      CHECK(one.foreign);
      CHECK(one.sequence == 77);
      CHECK(one.port == 88);
      CHECK(one.flags == 2);
      CHECK(one.kind == (one.type == 20 ? message_kind::response : message_kind::done));
    }
    CHECK(m[1].payload.size() == 240);
    CHECK(m.size() == (given == &large ? large.size() / 256 : 4));
  }
  // Its own are not taken for others, though there is room as well.
  bytes ours = netlink(20, 2, 240);
  while (ours.size() <= 65536) append(ours, netlink(20, 2, 240));
  capture_reader r;
  REQUIRE_FALSE(r.open(ours));
  const auto m = read_all(r);
  CHECK(m.size() == ours.size() / 256);
  CHECK_FALSE(m[0].foreign);
}

TEST_CASE("what is no capture is refused with its reason") {
  capture_reader r;
  netlink_message m;
  CHECK(r.open({}) == capture_errc::empty);
  CHECK_FALSE(r.next(m));
  const auto open_text = [&r](const std::string& text) {
    bytes b(text.size());
    std::memcpy(b.data(), text.data(), text.size());
    return r.open(b);
  };
  CHECK(open_text("ab") == capture_errc::unknown_format);
  CHECK(open_text("{\"Timestamp\":\"2019\"}") == capture_errc::unknown_format);
  CHECK(open_text("\x0a\x0d\x0d\x0a\x1c") == capture_errc::pcapng);
  file_maker f;
  f.link = 1;
  f.begin();
  CHECK(r.open(f.out) == capture_errc::wrong_link_type);
  CHECK_FALSE(r.next(m));
  CHECK(r.open(bytes_view(f.out).first(20)) == capture_errc::truncated_file);
  for (int value = 1; value <= 8; ++value)
    CHECK(capture_category().message(value).rfind("unknown error", 0) != 0);
}

TEST_CASE("a bad packet does not hide the next") {
  file_maker f;
  f.begin();
  bytes bad = netlink(20, 2, 72);
  const std::uint32_t length = 15;
  std::memcpy(bad.data(), &length, 4);
  f.packet(bad);
  f.packet(netlink(20, 2, 71));  // an answer without a whole header
  bytes cut = netlink(20, 2, 72);
  append(cut, netlink(20, 2, 72));
  cut.erase(cut.end() - 8, cut.end());
  f.packet(cut, 4, 8);  // the snap length cut the second message
  f.packet(netlink(20, 2, 72));
  capture_reader r;
  REQUIRE_FALSE(r.open(f.out));
  CHECK(read_all(r).size() == 2);
  CHECK(r.error() == capture_errc::bad_message_length);
  CHECK(r.error_offset() == 24 + 16 + 16);
  CHECK(r.faults() == 4);
  CHECK(r.packets() == 4);
}

TEST_CASE("no cut and no changed byte of a capture makes the reader leave it") {
  file_maker f;
  f.begin();
  bytes batch = netlink(20, 2, 72);
  append(batch, netlink(20, 2, 76));
  f.packet(batch);
  f.packet(netlink(3, 2, 4));
  capture_reader r;
  for (std::size_t length = 0; length < f.out.size(); ++length) {
    const bytes cut(f.out.begin(), f.out.begin() + static_cast<std::ptrdiff_t>(length));
    if (r.open(cut)) continue;
    for (const netlink_message& m : read_all(r))
      CHECK(m.payload.data() + m.payload.size() <= cut.data() + cut.size());
    // Only a cut between packets is no fault.
    CHECK((r.faults() > 0) == (length != 24 && length != 24 + 32 + batch.size()));
  }
  for (std::size_t at = 0; at < f.out.size(); ++at) {
    for (const unsigned value : {0U, 1U, 0x7fU, 0xffU}) {
      bytes changed = f.out;
      changed[at] = static_cast<std::byte>(value);
      if (r.open(changed)) continue;
      for (const netlink_message& m : read_all(r))
        CHECK(m.payload.data() + m.payload.size() <= changed.data() + changed.size());
    }
  }
}
