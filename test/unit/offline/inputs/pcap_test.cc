// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "offline/inputs/captures/capture_reader.h"
#include "unit/catch.h"
#include "unit/collect/memory_source.h"

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

// Of a kernel of the other byte order where `other_order`.
bytes netlink(std::uint16_t type, std::uint16_t flags, std::size_t payload,
              bool other_order = false) {
  bytes b;
  const auto put = [&](auto v) { append(b, other_order ? swapped(v) : v); };
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
  static constexpr std::size_t any = std::numeric_limits<std::size_t>::max();  // pieces

  bool swap = false;
  std::uint32_t magic = 0xa1b2c3d4;
  std::uint32_t link = 253;
  bytes out;

  void u32(std::uint32_t v) { append(out, swap ? swapped(v) : v); }

  void begin() {
    u32(magic);
    u16(2);  // version 2.4
    u16(4);
    for (const std::uint32_t v : {0U, 0U, 65535U, link}) u32(v);
  }
  // As the kernel puts it before each datagram. Of a device of another type than netlink's where
  // `ethernet`.
  bytes cooked(std::uint8_t protocol, bool ethernet) const {
    bytes b(link == 276 ? 20 : 16);
    const std::size_t device = link == 276 ? 8 : 2;
    b[device] = std::byte{3};
    b[device + 1] = std::byte{0x38};
    if (ethernet) {
      b[device] = std::byte{0};
      b[device + 1] = std::byte{1};
    }
    b[link == 276 ? 1 : 15] = std::byte{protocol};
    return b;
  }
  void packet(const bytes& datagram, std::uint8_t protocol = 4, std::uint32_t uncaptured = 0,
              bool ethernet = false) {
    u32(1700000000);
    u32(123456);
    const bytes before = cooked(protocol, ethernet);
    const auto size = static_cast<std::uint32_t>(before.size() + datagram.size());
    u32(size);
    u32(size + uncaptured);
    append(out, before);
    append(out, datagram);
  }

  // The blocks of pcapng.
  void u16(std::uint16_t v) { append(out, swap ? swapped(v) : v); }
  void ng_begin() {
    for (const std::uint32_t v : {0x0a0d0d0aU, 28U, 0x1a2b3c4dU, 1U, ~0U, ~0U, 28U}) {
      if (v == 1U) {
        u16(1);  // major and minor version
        u16(0);
      } else {
        u32(v);
      }
    }
    ng_interface(link);
  }
  void ng_interface(std::uint32_t type) {
    u32(1);
    u32(20);
    u16(static_cast<std::uint16_t>(type));
    u16(0);
    u32(262144);
    u32(20);
  }
  void ng_packet(const bytes& datagram, std::uint64_t us = 1'700'000'000'123'456) {
    bytes all = cooked(4, false);
    append(all, datagram);
    const auto size = static_cast<std::uint32_t>(all.size());
    while (all.size() % 4 != 0) all.push_back(std::byte{0});
    const auto block = static_cast<std::uint32_t>(32 + all.size());
    for (const std::uint32_t v : {6U, block, 0U, static_cast<std::uint32_t>(us >> 32U),
                                  static_cast<std::uint32_t>(us), size, size})
      u32(v);
    append(out, all);
    u32(block);
  }
};

// What a reader gives, with copies of what it showed.
struct seen_in_capture {
  struct one : netlink_message {
    bytes copy;
  };
  std::vector<one> messages;
  std::vector<std::string> faults;
  std::string refused;
};

seen_in_capture read_capture(const bytes& file, bool bare = false,
                             std::size_t piece = file_maker::any, const std::string& why = {}) {
  seen_in_capture s;
  memory_source source(bytes_view(file), piece);
  source.why = why;
  capture_reader r;
  s.refused = r.open(source, bare);
  if (!s.refused.empty()) return s;
  netlink_message m;
  std::string what;
  for (;;) {
    switch (r.next(m, what)) {
      case capture_step::end:
        return s;
      case capture_step::fault:
        s.faults.push_back(what);
        break;
      case capture_step::message:
        s.messages.push_back({m, bytes(m.payload.begin(), m.payload.end())});
        break;
    }
  }
}

// Says so where this build has no libpcap.
bool can_read_pcap() {
  if (reads_pcap()) return true;
  WARN("skipped: this build lacks libpcap");
  return false;
}

}  // namespace

TEST_CASE("pcap files of either byte order and resolution are read") {
  if (!can_read_pcap()) return;
  for (const bool swap : {false, true}) {
    for (const bool nanoseconds : {false, true}) {
      for (const std::uint32_t link : {253U, 113U, 276U}) {
        file_maker f;
        f.swap = swap;
        f.magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
        f.link = link;
        f.begin();
        f.packet(netlink(20, 0x301, 56));
        bytes batch = netlink(20, 2, 72);
        append(batch, netlink(18, 2, 77));
        append(batch, netlink(3, 2, 4));
        f.packet(batch);
        f.packet(netlink(20, 2, 72), 0);                            // rtnetlink has a type 20 too
        if (link != 253) f.packet(netlink(20, 2, 72), 4, 0, true);  // so has IP, by chance
        f.packet(netlink(2, 0, 20));
        for (const std::size_t piece : {file_maker::any, std::size_t{1}, std::size_t{7}}) {
          const seen_in_capture s = read_capture(f.out, false, piece);
          CHECK(s.refused.empty());
          CHECK(s.faults.empty());
          const auto& m = s.messages;
          REQUIRE(m.size() == 5);
          CHECK(m[0].kind == message_kind::request);
          CHECK(m[1].kind == message_kind::response);
          CHECK(m[1].payload.size() == 72);
          CHECK(m[1].sequence == 77);
          CHECK(m[1].port == 88);
          CHECK(m[1].copy[71] == std::byte{71});
          CHECK(m[2].kind == message_kind::response);
          CHECK(m[2].type == 18);
          CHECK(m[2].payload.size() == 77);
          CHECK(m[3].kind == message_kind::done);
          CHECK(m[4].kind == message_kind::error);
          CHECK(m[0].has_time);
          CHECK(m[0].time_ns == 1'700'000'000'000'000'000 + (nanoseconds ? 123456 : 123456000));
        }
      }
    }
  }
}

TEST_CASE("pcapng is read up to a second link type") {
  if (!can_read_pcap()) return;
  for (const bool swap : {false, true}) {
    file_maker f;
    f.swap = swap;
    f.ng_begin();
    f.ng_packet(netlink(20, 2, 72));
    f.ng_interface(253);
    f.ng_packet(netlink(20, 2, 76));
    const seen_in_capture whole = read_capture(f.out);
    CHECK(whole.refused.empty());
    CHECK(whole.faults.empty());
    REQUIRE(whole.messages.size() == 2);
    CHECK(whole.messages[0].time_ns == 1'700'000'000'123'456'000);
    CHECK(whole.messages[1].payload.size() == 76);

    f.ng_interface(1);
    f.ng_packet(netlink(20, 2, 72));
    const seen_in_capture mixed = read_capture(f.out);
    CHECK(mixed.messages.size() == 2);
    REQUIRE(mixed.faults.size() == 1);
    CHECK(mixed.faults[0].find("several link types") != std::string::npos);
    CHECK(mixed.faults[0].find("editcap or tshark") != std::string::npos);
  }
}

TEST_CASE("bare netlink messages are read") {
  bytes file = netlink(20, 2, 72);
  append(file, netlink(20, 2, 75));
  append(file, netlink(20, 2, 100));
  for (const std::size_t piece : {file_maker::any, std::size_t{1}, std::size_t{13}}) {
    const seen_in_capture s = read_capture(file, true, piece);
    REQUIRE(s.messages.size() == 3);
    CHECK(s.messages[1].payload.size() == 75);
    CHECK(s.messages[2].copy[99] == std::byte{99});
    CHECK_FALSE(s.messages[0].has_time);
    CHECK(s.faults.empty());
  }

  // Cut off: what is whole is read, and the cut is told.
  file.erase(file.end() - 10, file.end());
  const seen_in_capture cut = read_capture(file, true);
  CHECK(cut.messages.size() == 2);
  CHECK(cut.faults == std::vector<std::string>{"at byte 180: ends inside a message"});
  // Where what it comes from was cut, that is told by others.
  CHECK(read_capture(file, true, 5, "gzip: cut").faults.empty());

  // A message that says it is longer than any can be takes no memory.
  bytes lying = netlink(20, 2, 72);
  append(lying, std::uint32_t{0xfffffff0});
  append(lying, std::uint32_t{20});
  append(lying, bytes(64));
  const seen_in_capture lied = read_capture(lying, true);
  CHECK(lied.messages.size() == 1);
  CHECK(lied.faults ==
        std::vector<std::string>{"at byte 88: netlink message length out of bounds"});
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
    if (given == &f.out && !can_read_pcap()) continue;
    const seen_in_capture s = read_capture(*given, given != &f.out);
    const auto& m = s.messages;
    CHECK(s.faults.empty());
    REQUIRE(m.size() >= 4);
    for (const netlink_message& one : m) {
      CHECK(one.other_order);
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
  const seen_in_capture s = read_capture(ours, true);
  CHECK(s.messages.size() == ours.size() / 256);
  CHECK_FALSE(s.messages[0].other_order);
}

TEST_CASE("a capture without netlink is refused with its reason") {
  if (!can_read_pcap()) return;
  file_maker f;
  f.link = 1;
  f.begin();
  CHECK(read_capture(f.out).refused.find("link type 1, EN10MB") != std::string::npos);
  f.out.resize(20);
  CHECK_FALSE(read_capture(f.out).refused.empty());

  // One that could have some, and has none of sockets.
  file_maker other;
  other.begin();
  for (int i = 0; i < 3; ++i) other.packet(netlink(20, 2, 72), 0);
  CHECK(read_capture(other.out).faults ==
        std::vector<std::string>{"none of its 3 packets is of sock_diag"});
}

TEST_CASE("a bad packet does not hide the next") {
  if (!can_read_pcap()) return;
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
  const seen_in_capture s = read_capture(f.out);
  CHECK(s.messages.size() == 2);
  CHECK(s.faults ==
        std::vector<std::string>{"packet 1: netlink message length out of bounds",
                                 "packet 2: sock_diag answer shorter than struct inet_diag_msg",
                                 "packet 3: captured in part (snap length too small)",
                                 "packet 3: netlink message length out of bounds"});
}

TEST_CASE("a packet whose time no clock can show is read without it") {
  if (!can_read_pcap()) return;
  file_maker f;
  f.ng_begin();
  f.ng_packet(netlink(20, 2, 72), ~std::uint64_t{0});
  f.ng_packet(netlink(20, 2, 76), 9'223'372'036'854'776);
  f.ng_packet(netlink(20, 2, 72), 9'223'372'036'854'775);
  const seen_in_capture s = read_capture(f.out);
  CHECK(s.faults ==
        std::vector<std::string>{"packet 1: its time is outside the years 1678 to 2261",
                                 "packet 2: its time is outside the years 1678 to 2261"});
  REQUIRE(s.messages.size() == 3);
  CHECK_FALSE(s.messages[0].has_time);
  CHECK_FALSE(s.messages[1].has_time);
  CHECK(s.messages[2].has_time);
  CHECK(s.messages[2].time_ns == 9'223'372'036'854'775'000);
}

TEST_CASE("no cut and no changed byte of a capture makes the reader leave it") {
  if (!can_read_pcap()) return;
  file_maker f;
  f.begin();
  bytes batch = netlink(20, 2, 72);
  append(batch, netlink(20, 2, 76));
  f.packet(batch);
  f.packet(netlink(3, 2, 4));
  file_maker ng;
  ng.ng_begin();
  ng.ng_packet(batch);
  for (const bytes* file : {&f.out, &ng.out, &batch}) {
    const bool bare = file == &batch;
    for (std::size_t length = 0; length < file->size(); ++length) {
      const bytes cut(file->begin(), file->begin() + static_cast<std::ptrdiff_t>(length));
      const seen_in_capture s = read_capture(cut, bare);
      // Only a cut between packets is no fault.
      if (file == &f.out)
        CHECK((s.faults.empty() && s.refused.empty()) ==
              (length == 24 || length == 24 + 32 + batch.size()));
    }
    for (std::size_t at = 0; at < file->size(); ++at) {
      for (const unsigned value : {0U, 1U, 0x7fU, 0xffU}) {
        bytes changed = *file;
        changed[at] = static_cast<std::byte>(value);
        CHECK(read_capture(changed, bare).messages.size() <= 3);
      }
    }
  }
}
