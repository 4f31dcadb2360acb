// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/parse.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "parse/change_mask.h"
#include "unit/catch.h"
#include "unit/count_allocations.h"

using namespace tcpinfo;

namespace {

using bytes = std::vector<std::byte>;

template <class T>
void append(bytes& to, T value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  // One by one: g++ 12 under TSan takes the range insert for an overflow.
  for (std::size_t i = 0; i < sizeof value; ++i) to.push_back(from[i]);
}

bytes header(std::uint8_t family = 2) {
  bytes h;
  for (const std::uint8_t b : {family, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}})
    append(h, b);
  for (const std::uint8_t b :
       {std::uint8_t{0x1f}, std::uint8_t{0x90}, std::uint8_t{0}, std::uint8_t{80}})
    append(h, b);  // 8080, 80 in network order
  for (std::uint8_t i = 0; i < 32; ++i) append(h, static_cast<std::uint8_t>(i + 1));
  append(h, std::uint32_t{7});           // interface
  append(h, std::uint32_t{0x89abcdef});  // cookie, low
  append(h, std::uint32_t{0x01234567});  // cookie, high
  for (const std::uint32_t v : {100U, 200U, 300U, 400U, 500U}) append(h, v);
  REQUIRE(h.size() == wire::inet_diag_msg_size);
  return h;
}

void attribute_of(bytes& to, unsigned type, const bytes& payload) {
  append(to, static_cast<std::uint16_t>(payload.size() + 4));
  append(to, static_cast<std::uint16_t>(type));
  to.insert(to.end(), payload.begin(), payload.end());
  while (to.size() % 4 != 0) to.push_back(std::byte{0xee});
}

bytes text_bytes(const std::string& text) {
  bytes b;
  for (const char c : text) b.push_back(static_cast<std::byte>(c));
  return b;
}

template <class... T>
bytes words(T... values) {
  bytes b;
  (append(b, values), ...);
  return b;
}

bytes counting(std::size_t size) {
  bytes b(size);
  for (std::size_t i = 0; i < size; ++i) b[i] = static_cast<std::byte>(i + 1);
  return b;
}

std::uint64_t mask(attribute_type type) { return std::uint64_t{1} << static_cast<unsigned>(type); }

// The snapshot and the bytes it looks at.
struct decoded {
  explicit decoded(bytes b, info_layout layout = info_layout::unknown) : storage(std::move(b)) {
    REQUIRE_FALSE(s.decode(message{storage}, layout));
  }
  bytes storage;
  snapshot s;
};

}  // namespace

TEST_CASE("every field of every group is described in full, under a name of its own") {
  std::set<std::string_view> csv_names;
  std::set<std::pair<field_group, std::string_view>> names;
  std::set<field_id> ids;
  std::set<field_group> groups;
  for (std::size_t i = 0; i < field_count(); ++i) {
    const field_descriptor f = field_at(i);
    CAPTURE(f.csv_name());
    REQUIRE(f.valid());
    CHECK(csv_names.insert(f.csv_name()).second);
    CHECK(names.insert({f.group(), f.name()}).second);
    CHECK(ids.insert(f.id()).second);
    groups.insert(f.group());
    CHECK_FALSE(group_name(f.group()).empty());
    CHECK_FALSE(f.meaning().empty());
    CHECK_FALSE(unit_name(f.unit()).empty());
    CHECK(f.first_kernel().find('.') != std::string_view::npos);
    CHECK(static_cast<int>(f.type()) >= 1);
    CHECK((f.type() == field_type::text) == (f.unit() == field_unit::text));
    CHECK((f.type() == field_type::address) == (f.unit() == field_unit::address));
    CHECK(static_cast<std::uint32_t>(f.id()) >> 24 == static_cast<std::uint32_t>(f.group()));
    CHECK(f.csv_name().find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
          std::string_view::npos);
    CHECK(describe(f.id()).csv_name() == f.csv_name());
    CHECK(find_field(f.csv_name()).id() == f.id());
    const std::string csv(f.csv_name());
    const auto ends_with = [&csv](const char* tail) {
      const std::string t(tail);
      return csv.size() >= t.size() && csv.compare(csv.size() - t.size(), t.size(), t) == 0;
    };
    if (f.unit() == field_unit::microseconds) CHECK(ends_with("_us"));
    if (f.unit() == field_unit::milliseconds) CHECK(ends_with("_ms"));
    if (f.unit() == field_unit::bytes_per_second) CHECK(ends_with("_bytes_per_s"));
    if (f.unit() == field_unit::per_256) CHECK(ends_with("_per_256"));
    if (f.unit() == field_unit::bytes) CHECK(csv.find("bytes") != std::string::npos);
  }
  CHECK(groups.size() == 18);
  // All of tcp_info is among them.
  for (std::size_t i = 0; i < tcp_field_count(); ++i) {
    const tcp_field_descriptor t = tcp_field_at(i);
    const field_descriptor f = describe(field(t.id()));
    REQUIRE(f.valid());
    CHECK(f.name() == t.name());
    CHECK(f.csv_name() == t.csv_name());
    CHECK(f.offset() == t.offset());
    CHECK(f.unit() == t.unit());
    CHECK(f.rule() == t.rule());
    CHECK(f.sentinel() == t.sentinel());
    CHECK(f.layout() == t.layout());
  }
  CHECK(field_count() == tcp_field_count() + 87);
  CHECK_FALSE(field_at(field_count()).valid());
  CHECK_FALSE(find_field("no_such_field").valid());
  CHECK_FALSE(describe(static_cast<field_id>(0xff000000)).valid());
  CHECK(group_name(static_cast<field_group>(12)).empty());
  // Values of ids are frozen.
  static_assert(static_cast<std::uint32_t>(field_id::cookie) == 352);
  static_assert(static_cast<std::uint32_t>(field_id::skmem_rcvbuf) == (7U << 24) + 32);
  static_assert(static_cast<std::uint32_t>(field(tcp_field::rtt)) == (2U << 24) + 544);
  static_assert(static_cast<std::uint32_t>(field_id::mptcp_mapvalid) == 0x13030808);
}

TEST_CASE("types follow widths") {
  CHECK(describe(field_id::sport).type() == field_type::u16);
  CHECK(describe(field_id::cookie).type() == field_type::u64);
  CHECK(describe(field_id::src).type() == field_type::address);
  CHECK(describe(field_id::cong).type() == field_type::text);
  CHECK(describe(field_id::sockopt_freebind).type() == field_type::boolean);
  CHECK(describe(field_id::tls_zc_ro_tx).type() == field_type::boolean);
  CHECK(describe(field(tcp_field::snd_wscale)).type() == field_type::u8);
  CHECK(describe(field(tcp_field::options2)).type() == field_type::u32);
}

TEST_CASE("the header is decoded") {
  const decoded d(header());
  CHECK(d.s.value(field_id::family) == 2U);
  CHECK(d.s.value(field_id::state) == 1U);
  CHECK(d.s.value(field_id::timer) == 2U);
  CHECK(d.s.value(field_id::retrans) == 3U);
  CHECK(d.s.value(field_id::sport) == 8080U);
  CHECK(d.s.value(field_id::dport) == 80U);
  CHECK(to_string(*d.s.address(field_id::src)) == "1.2.3.4");
  CHECK(to_string(*d.s.address(field_id::dst)) == "17.18.19.20");
  CHECK(d.s.value(field_id::interface) == 7U);
  CHECK(d.s.value(field_id::cookie) == 0x0123456789abcdefU);
  CHECK(d.s.value(field_id::expires) == 100U);
  CHECK(d.s.value(field_id::rqueue) == 200U);
  CHECK(d.s.value(field_id::wqueue) == 300U);
  CHECK(d.s.value(field_id::uid) == 400U);
  CHECK(d.s.value(field_id::inode) == 500U);
  CHECK(d.s.has(field_group::header));
  CHECK_FALSE(d.s.has(field_group::info));
  CHECK(d.s.faults() == 0);
  // A number is no text and no address, and the other way round.
  CHECK_FALSE(d.s.value(field_id::src));
  CHECK_FALSE(d.s.text(field_id::sport));
  CHECK_FALSE(d.s.address(field_id::sport));

  const decoded v6(header(10));
  CHECK(to_string(*v6.s.address(field_id::src)) == "102:304:506:708:90a:b0c:d0e:f10");
  // Without attributes every other field is absent: not zero.
  std::size_t present = 0;
  for (std::size_t i = 0; i < field_count(); ++i) {
    std::uint64_t number = 0;
    std::string_view text;
    ip_address address;
    const field_descriptor f = field_at(i);
    present += d.s.value(f, number) || d.s.text(f, text) || d.s.address(f, address) ? 1U : 0U;
  }
  CHECK(present == 15);
}

TEST_CASE("every known attribute is decoded") {
  bytes m = header();
  attribute_of(m, 8, {std::byte{2}});
  attribute_of(m, 5, {std::byte{0x48}});
  attribute_of(m, 6, {std::byte{0x20}});
  attribute_of(m, 15, words(0xabcd0123U));
  attribute_of(m, 17, words(0x10002U));
  attribute_of(m, 21, words(std::uint64_t{0x1122334455667788}));
  // Bit fields: a big-endian compiler begins at the top.
  constexpr bool little = std::endian::native == std::endian::little;
  attribute_of(
      m, 22,
      little ? bytes{std::byte{0x16}, std::byte{0x05}} : bytes{std::byte{0x68}, std::byte{0xa0}});
  attribute_of(m, 1, words(1U, 2U, 3U, 4U));
  attribute_of(m, 7, words(11U, 12U, 13U, 14U, 15U, 16U, 17U, 18U, 19U));
  attribute_of(m, 2, counting(280));
  attribute_of(m, 4, text_bytes(std::string("cubic\0", 6)));
  attribute_of(m, 16, words(5U, 1U, 900U, 739U, 512U));
  attribute_of(m, 3, words(1U, 9U, 80U, 0x7fffffffU));
  attribute_of(m, 9, words(std::uint16_t{1}, std::uint16_t{0}, 540U, 10U, 32768U));
  attribute_of(m, 10, {std::byte{6}});
  attribute_of(m, 11, {std::byte{1}});
  attribute_of(m, 14, {});
  const decoded d(m, info_layout::a);
  CHECK(d.s.faults() == 0);
  CHECK(d.s.unknown_count() == 0);
  CHECK(d.s.value(field_id::shutdown) == 2U);
  CHECK(d.s.value(field_id::tos) == 0x48U);
  CHECK(d.s.value(field_id::tclass) == 0x20U);
  CHECK(d.s.value(field_id::mark) == 0xabcd0123U);
  CHECK(d.s.value(field_id::class_id) == 0x10002U);
  CHECK(d.s.value(field_id::cgroup_id) == 0x1122334455667788U);
  CHECK(d.s.value(field_id::mem_rmem) == 1U);
  CHECK(d.s.value(field_id::mem_tmem) == 4U);
  CHECK(d.s.value(field_id::skmem_rmem_alloc) == 11U);
  CHECK(d.s.value(field_id::skmem_sndbuf) == 14U);
  CHECK(d.s.value(field_id::skmem_drops) == 19U);
  CHECK(d.s.text(field_id::cong) == "cubic");
  CHECK(d.s.value(field_id::bbr_bw) == 0x100000005U);
  CHECK(d.s.value(field_id::bbr_min_rtt) == 900U);
  CHECK(d.s.value(field_id::bbr_pacing_gain) == 739U);
  CHECK(d.s.value(field_id::bbr_cwnd_gain) == 512U);
  CHECK(d.s.value(field_id::vegas_rtt) == 80U);
  CHECK(d.s.value(field_id::vegas_minrtt) == describe(field_id::vegas_minrtt).sentinel());
  CHECK(d.s.value(field_id::dctcp_enabled) == 1U);
  CHECK(d.s.value(field_id::dctcp_ce_state) == 0U);
  CHECK(d.s.value(field_id::dctcp_alpha) == 540U);
  CHECK(d.s.value(field_id::dctcp_ab_tot) == 32768U);
  CHECK(d.s.value(field_id::protocol) == 6U);
  CHECK(d.s.value(field_id::skv6only) == 1U);
  CHECK(d.s.value(field_id::sockopt_recverr) == 0U);
  CHECK(d.s.value(field_id::sockopt_is_icsk) == 1U);
  CHECK(d.s.value(field_id::sockopt_freebind) == 1U);
  CHECK(d.s.value(field_id::sockopt_hdrincl) == 0U);
  CHECK(d.s.value(field_id::sockopt_mc_loop) == 1U);
  CHECK(d.s.value(field_id::sockopt_nodefrag) == 0U);
  CHECK(d.s.value(field_id::sockopt_bind_address_no_port) == 1U);
  CHECK(d.s.value(field_id::sockopt_recverr_rfc4884) == 0U);
  CHECK(d.s.value(field_id::sockopt_defer_connect) == 1U);
  // tcp_info reads as tcp.h reads it, layouts included.
  const bytes info = counting(280);
  for (std::size_t i = 0; i < tcp_field_count(); ++i) {
    const tcp_field f = tcp_field_at(i).id();
    CHECK(d.s.value(f) == tcp_value(info, info_layout::a, f));
  }
  CHECK(d.s.payload(attribute_type::info)->size() == 280);
  CHECK_FALSE(d.s.payload(attribute_type::pad));
  CHECK_FALSE(d.s.payload(attribute_type::locals));
  CHECK(d.s.layout() == info_layout::a);
  CHECK(d.s.source().bytes.data() == d.storage.data());
}

TEST_CASE("an older kernel's shorter payloads leave fields absent") {
  bytes m = header();
  attribute_of(m, 7, words(1U, 2U, 3U, 4U, 5U, 6U, 7U));
  attribute_of(m, 2, counting(232));
  const decoded d(m);
  CHECK(d.s.value(field_id::skmem_optmem) == 7U);
  CHECK_FALSE(d.s.value(field_id::skmem_backlog));
  CHECK_FALSE(d.s.value(field_id::skmem_drops));
  CHECK(d.s.value(tcp_field::snd_wnd));
  CHECK_FALSE(d.s.value(tcp_field::rcv_wnd));
  CHECK(d.s.faults() == static_cast<std::uint32_t>(snapshot_fault::short_attribute));
  CHECK(d.s.attributes_with(snapshot_fault::short_attribute) ==
        (mask(attribute_type::info) | mask(attribute_type::skmeminfo)));
}

TEST_CASE("a payload that ends inside a field is odd, and the field absent") {
  for (std::size_t length = 0; length <= 300; ++length) {
    CAPTURE(length);
    bytes m = header();
    attribute_of(m, 2, counting(length));
    const decoded d(m, info_layout::b);
    bool cut = false;
    bool whole_end = length == 0;
    for (std::size_t i = 0; i < tcp_field_count(); ++i) {
      const tcp_field_descriptor f = tcp_field_at(i);
      if (f.layout() != info_layout::unknown) continue;
      if (f.offset() < length && length < f.offset() + f.size()) cut = true;
      if (f.offset() + f.size() == length) whole_end = true;
    }
    CHECK(d.s.has(snapshot_fault::partial_field) == cut);
    if (length <= 280) CHECK(cut == !whole_end);
    CHECK(d.s.has(snapshot_fault::short_attribute) == (length < 280));
    CHECK(d.s.has(snapshot_fault::long_attribute) == (length > 280));
  }
  bytes m = header();
  attribute_of(m, 15, {std::byte{1}, std::byte{2}});
  attribute_of(m, 8, {});
  const decoded d(m);
  CHECK_FALSE(d.s.value(field_id::mark));
  CHECK_FALSE(d.s.value(field_id::shutdown));
  CHECK(d.s.has(field_group::mark));
  CHECK(d.s.has(field_group::shutdown));
  CHECK(d.s.attributes_with(snapshot_fault::partial_field) == mask(attribute_type::mark));
  CHECK(d.s.attributes_with(snapshot_fault::short_attribute) ==
        (mask(attribute_type::mark) | mask(attribute_type::shutdown)));
}

TEST_CASE("a newer kernel's longer payload keeps its tail in reach") {
  bytes m = header();
  attribute_of(m, 2, counting(296));
  attribute_of(m, 5, {std::byte{1}, std::byte{2}});
  const decoded d(m);
  CHECK(d.s.value(tcp_field::accecn_word));
  CHECK(d.s.payload(attribute_type::info)->size() == 296);
  CHECK(d.s.value(field_id::tos) == 1U);
  CHECK(d.s.attributes_with(snapshot_fault::long_attribute) ==
        (mask(attribute_type::info) | mask(attribute_type::tos)));
}

TEST_CASE("unknown attributes are kept, in order") {
  bytes m = header();
  attribute_of(m, 23, {std::byte{1}});
  attribute_of(m, 5, {std::byte{9}});
  attribute_of(m, 0x8000 | 40, {std::byte{2}, std::byte{3}});
  attribute_of(m, 0, {});
  attribute_of(m, 1000, {});
  const decoded d(m);
  REQUIRE(d.s.unknown_count() == 4);
  attribute a;
  REQUIRE(d.s.unknown_at(0, a));
  CHECK(a.type == 23);
  REQUIRE(d.s.unknown_at(1, a));
  CHECK(a.type == 40);
  CHECK(a.payload.size() == 2);
  REQUIRE(d.s.unknown_at(2, a));
  CHECK(a.type == 0);
  REQUIRE(d.s.unknown_at(3, a));
  CHECK(a.type == 1000);
  CHECK_FALSE(d.s.unknown_at(4, a));
  CHECK(d.s.faults() == static_cast<std::uint32_t>(snapshot_fault::unknown_attribute));
  CHECK(d.s.attributes_with(snapshot_fault::unknown_attribute) ==
        (std::uint64_t{1} << 23 | std::uint64_t{1} << 40 | 1));
  CHECK(d.s.value(field_id::tos) == 9U);
}

TEST_CASE("of an attribute sent twice the first counts") {
  bytes m = header();
  attribute_of(m, 5, {std::byte{1}});
  attribute_of(m, 5, {std::byte{2}});
  const decoded d(m);
  CHECK(d.s.value(field_id::tos) == 1U);
  CHECK(d.s.attributes_with(snapshot_fault::duplicate_attribute) == mask(attribute_type::tos));
}

TEST_CASE("keys are not shown") {
  bytes m = header();
  attribute_of(m, 18, counting(100));
  const decoded d(m);
  CHECK_FALSE(d.s.payload(attribute_type::md5sig));
  CHECK(d.s.attributes_with(snapshot_fault::secret_dropped) == mask(attribute_type::md5sig));
  attribute a;
  CHECK_FALSE(d.s.unknown_at(0, a));
}

TEST_CASE("what the kernel sends for other protocols stays raw") {
  bytes m = header();
  attribute_of(m, 12, counting(128));
  attribute_of(m, 13, counting(256));
  attribute_of(m, 20, counting(8));
  const decoded d(m);
  CHECK(d.s.payload(attribute_type::locals)->size() == 128);
  CHECK(d.s.payload(attribute_type::peers)->size() == 256);
  CHECK(d.s.payload(attribute_type::sk_bpf_storages)->size() == 8);
  CHECK(d.s.faults() == 0);
}

TEST_CASE("a malformed tail loses nothing before it") {
  const auto with_tail = [](const bytes& tail) {
    bytes m = header();
    attribute_of(m, 5, {std::byte{1}});
    m.insert(m.end(), tail.begin(), tail.end());
    return m;
  };
  const bytes tails[] = {
      {std::byte{1}},                                 // less than a header
      words(std::uint16_t{3}, std::uint16_t{6}),      // shorter than its own header
      words(std::uint16_t{0}, std::uint16_t{6}),      // no length
      words(std::uint16_t{9}, std::uint16_t{6}, 1U),  // longer than what is left
      words(std::uint16_t{0xffff}, std::uint16_t{6}, 1U),
  };
  for (const bytes& tail : tails) {
    const decoded d(with_tail(tail));
    CHECK(d.s.value(field_id::tos) == 1U);
    CHECK_FALSE(d.s.value(field_id::tclass));
    CHECK(d.s.faults() == static_cast<std::uint32_t>(snapshot_fault::malformed_tail));
  }
}

TEST_CASE("ULP_INFO is opened") {
  bytes tls;
  attribute_of(tls, 1, words(std::uint16_t{0x304}));
  attribute_of(tls, 2, words(std::uint16_t{52}));
  attribute_of(tls, 3, words(std::uint16_t{2}));
  attribute_of(tls, 4, words(std::uint16_t{3}));
  attribute_of(tls, 5, {});
  attribute_of(tls, 7, words(std::uint16_t{1024}));
  bytes ulp;
  attribute_of(ulp, 1, text_bytes(std::string("tls\0", 4)));
  attribute_of(ulp, 0x8000 | 2, tls);
  bytes m = header();
  attribute_of(m, 0x8000 | 19, ulp);
  decoded d(m);
  CHECK(d.s.faults() == 0);
  CHECK(d.s.text(field_id::ulp_name) == "tls");
  CHECK(d.s.value(field_id::tls_version) == 0x304U);
  CHECK(d.s.value(field_id::tls_cipher) == 52U);
  CHECK(d.s.value(field_id::tls_txconf) == 2U);
  CHECK(d.s.value(field_id::tls_rxconf) == 3U);
  CHECK(d.s.value(field_id::tls_zc_ro_tx) == 1U);
  CHECK_FALSE(d.s.value(field_id::tls_rx_no_pad));
  CHECK(d.s.value(field_id::tls_tx_max_payload_len) == 1024U);
  CHECK_FALSE(d.s.value(field_id::mptcp_token_rem));

  // Reused: nothing of the message before remains.
  const bytes plain = header();
  REQUIRE_FALSE(d.s.decode(message{plain}, info_layout::unknown));
  CHECK_FALSE(d.s.text(field_id::ulp_name));
  CHECK_FALSE(d.s.value(field_id::tls_version));

  bytes mptcp;
  attribute_of(mptcp, 1, words(1U));
  attribute_of(mptcp, 2, words(2U));
  attribute_of(mptcp, 3, words(3U));
  attribute_of(mptcp, 4, words(std::uint64_t{0x100000004}));
  attribute_of(mptcp, 5, words(5U));
  attribute_of(mptcp, 6, words(6U));
  attribute_of(mptcp, 7, words(std::uint16_t{7}));
  attribute_of(mptcp, 8, words(0x1c2U));
  attribute_of(mptcp, 9, {std::byte{9}});
  attribute_of(mptcp, 10, {std::byte{10}});
  attribute_of(mptcp, 11, {});
  bytes outer;
  attribute_of(outer, 1, text_bytes(std::string("mptcp\0", 6)));
  attribute_of(outer, 3, mptcp);
  bytes n = header();
  attribute_of(n, 19, outer);
  const decoded e(n);
  CHECK(e.s.faults() == 0);
  CHECK(e.s.text(field_id::ulp_name) == "mptcp");
  CHECK(e.s.value(field_id::mptcp_token_rem) == 1U);
  CHECK(e.s.value(field_id::mptcp_token_loc) == 2U);
  CHECK(e.s.value(field_id::mptcp_relwrite_seq) == 3U);
  CHECK(e.s.value(field_id::mptcp_map_seq) == 0x100000004U);
  CHECK(e.s.value(field_id::mptcp_map_sfseq) == 5U);
  CHECK(e.s.value(field_id::mptcp_ssn_offset) == 6U);
  CHECK(e.s.value(field_id::mptcp_map_datalen) == 7U);
  CHECK(e.s.value(field_id::mptcp_id_rem) == 9U);
  CHECK(e.s.value(field_id::mptcp_id_loc) == 10U);
  CHECK(e.s.value(field_id::mptcp_mcap_rem) == 0U);
  CHECK(e.s.value(field_id::mptcp_mcap_loc) == 1U);
  CHECK(e.s.value(field_id::mptcp_fully_established) == 1U);
  CHECK(e.s.value(field_id::mptcp_connected) == 1U);
  CHECK(e.s.value(field_id::mptcp_mapvalid) == 1U);
  CHECK(e.s.value(field_id::mptcp_bkup_loc) == 0U);
}

TEST_CASE("faults inside ULP_INFO are told") {
  bytes nest;
  attribute_of(nest, 1, {std::byte{3}});                              // half a number
  attribute_of(nest, 2, words(std::uint16_t{52}, std::uint16_t{0}));  // wider than known
  attribute_of(nest, 3, words(std::uint16_t{1}));
  attribute_of(nest, 3, words(std::uint16_t{2}));  // twice
  attribute_of(nest, 99, {});                      // unknown
  append(nest, std::uint16_t{2});                  // no attribute
  append(nest, std::uint16_t{4});
  bytes ulp;
  attribute_of(ulp, 2, nest);
  bytes m = header();
  attribute_of(m, 19, ulp);
  const decoded d(m);
  CHECK_FALSE(d.s.value(field_id::tls_version));
  CHECK(d.s.value(field_id::tls_cipher) == 52U);
  CHECK(d.s.value(field_id::tls_txconf) == 1U);
  CHECK_FALSE(d.s.value(field_id::tls_rxconf));
  for (const auto fault : {snapshot_fault::partial_field, snapshot_fault::short_attribute,
                           snapshot_fault::long_attribute, snapshot_fault::duplicate_attribute,
                           snapshot_fault::unknown_attribute, snapshot_fault::malformed_nest})
    CHECK(d.s.attributes_with(fault) == mask(attribute_type::ulp_info));
  CHECK_FALSE(d.s.has(snapshot_fault::malformed_tail));
  CHECK(d.s.unknown_count() == 0);
}

TEST_CASE("what no field of a known attribute tells is there as bytes") {
  const auto untold = [](const bytes& m, attribute_type type) {
    const decoded d(m);
    bytes_view view;
    if (!d.s.untold(type, view)) return std::string("none");
    std::string text;
    for (const std::byte b : view) text += std::to_string(static_cast<int>(b)) + " ";
    return text;
  };
  bytes m = header();
  CHECK(untold(m, attribute_type::info) == "none");
  attribute_of(m, 5, {std::byte{9}, std::byte{1}, std::byte{2}});
  attribute_of(m, 6, {std::byte{9}});
  attribute_of(m, 4, {std::byte{'a'}, std::byte{0}, std::byte{7}});
  attribute_of(m, 12, {std::byte{4}});
  attribute_of(m, 18, {std::byte{4}});
  CHECK(untold(m, attribute_type::tos) == "1 2 ");
  CHECK(untold(m, attribute_type::tclass) == "none");
  CHECK(untold(m, attribute_type::cong) == "none");
  CHECK(untold(m, attribute_type::locals) == "4 ");
  CHECK(untold(m, attribute_type::md5sig) == "none");
  bytes nest;
  attribute_of(nest, 1, {std::byte{4}, std::byte{3}});
  bytes ulp;
  attribute_of(ulp, 2, nest);
  bytes plain = header();
  attribute_of(plain, 19, ulp);
  CHECK(untold(plain, attribute_type::ulp_info) == "none");
  attribute_of(ulp, 9, {std::byte{1}});
  bytes odd = header();
  attribute_of(odd, 19, ulp);
  CHECK(untold(odd, attribute_type::ulp_info).size() > 20);
}

TEST_CASE("texts end at a NUL or with the payload") {
  for (const auto& [payload, expected] :
       {std::pair{std::string("bbr\0junk", 8), std::string("bbr")},
        std::pair{std::string("reno"), std::string("reno")},
        std::pair{std::string(), std::string()}}) {
    bytes m = header();
    attribute_of(m, 4, text_bytes(payload));
    const decoded d(m);
    CHECK(d.s.text(field_id::cong) == expected);
    CHECK_FALSE(d.s.value(field_id::cong));
  }
}

TEST_CASE("a snapshot moves, clears and refuses short messages") {
  bytes m = header();
  attribute_of(m, 5, {std::byte{1}});
  snapshot s;
  CHECK_FALSE(s.has(field_group::header));
  CHECK_FALSE(s.value(field_id::state));
  CHECK_FALSE(s.text(field_id::cong));
  CHECK_FALSE(s.address(field_id::src));
  CHECK(s.faults() == 0);
  CHECK(s.source().bytes.empty());
  REQUIRE_FALSE(s.decode(message{m}, info_layout::b));
  snapshot t(std::move(s));
  CHECK(t.value(field_id::tos) == 1U);
  s = std::move(t);
  CHECK(s.value(field_id::tos) == 1U);
  const bytes_view too_short = bytes_view(m).first(71);
  CHECK(s.decode(message{too_short}, info_layout::b) == errc::message_too_short);
  CHECK_FALSE(s.value(field_id::tos));
  CHECK_FALSE(s.value(field_id::state));
  REQUIRE_FALSE(s.decode(message{m}, info_layout::b));
  s.clear();
  CHECK_FALSE(s.value(field_id::state));
  CHECK(s.layout() == info_layout::unknown);
}

TEST_CASE("a snapshot in use does not allocate") {
  bytes m = header();
  attribute_of(m, 2, counting(280));
  attribute_of(m, 99, counting(8));
  bytes ulp;
  attribute_of(ulp, 1, text_bytes("tls"));
  attribute_of(m, 19, ulp);
  snapshot s;
  REQUIRE_FALSE(s.decode(message{m}, info_layout::b));
  const std::size_t before = allocations;
  std::uint64_t sum = 0;
  for (int round = 0; round < 100; ++round) {
    sum += s.decode(message{m}, info_layout::b) ? 1U : 0U;
    for (std::size_t i = 0; i < field_count(); ++i) {
      std::uint64_t number = 0;
      if (s.value(field_at(i), number)) sum += number;
    }
    attribute a;
    sum += s.unknown_at(0, a) ? a.type : 0U;
    s.clear();
  }
  const std::size_t after = allocations;
  CHECK(after == before);
  CHECK(before >= least_allocations);
  CHECK(sum != 0);
}

TEST_CASE("what a snapshot tells of a message does not depend on the message before") {
  std::vector<bytes> messages;
  const auto add = [&messages](auto&& build) {
    bytes m = header();
    build(m);
    messages.push_back(std::move(m));
  };
  const auto common = [](bytes& m, std::uint32_t value) {
    attribute_of(m, 15, words(value, value + 1));  // MARK, longer than is known
    attribute_of(m, 4, text_bytes("cubic"));
    attribute_of(m, 2, counting(248));
  };
  add([](bytes&) {});
  add([&](bytes& m) { common(m, 1); });
  add([&](bytes& m) { common(m, 0x01020304); });  // the same headers
  add([&](bytes& m) {                             // as long, in another order
    attribute_of(m, 4, text_bytes("cubic"));
    attribute_of(m, 15, words(1U, 2U));
    attribute_of(m, 2, counting(248));
  });
  add([&](bytes& m) { common(m, 1), attribute_of(m, 60, counting(8)); });
  add([&](bytes& m) { common(m, 2), attribute_of(m, 61, counting(8)); });
  add([&](bytes& m) { common(m, 1), attribute_of(m, 4, text_bytes("reno")); });  // a second one
  add([&](bytes& m) { common(m, 1), append(m, std::uint16_t{9}); });             // a tail
  add([&](bytes& m) { common(m, 1), append(m, std::uint16_t{7}); });
  for (const std::uint32_t token : {5U, 6U}) {
    add([&](bytes& m) {
      common(m, 1);
      bytes nest;
      attribute_of(nest, token, words(token));  // another header inside, none outside
      bytes ulp;
      attribute_of(ulp, 1, text_bytes("mptcp"));
      attribute_of(ulp, 3, nest);
      attribute_of(m, 16, ulp);
    });
  }
  for (const unsigned last : {70U, 71U})
    add([&](bytes& m) {  // more than are remembered
      for (unsigned i = 0; i < 40; ++i) attribute_of(m, 80 + i, {});
      attribute_of(m, last, counting(4));
    });

  const auto check_same = [](const snapshot& a, const snapshot& b) {
    CHECK(a.faults() == b.faults());
    CHECK(a.unknown_count() == b.unknown_count());
    for (std::size_t i = 0; i < field_count(); ++i) {
      const field_descriptor f = field_at(i);
      std::uint64_t of_a = 0;
      std::uint64_t of_b = 0;
      std::string_view text_a;
      std::string_view text_b;
      CHECK(a.value(f, of_a) == b.value(f, of_b));
      CHECK(of_a == of_b);
      CHECK(a.text(f, text_a) == b.text(f, text_b));
      CHECK(text_a == text_b);
    }
    for (std::uint16_t type = 0; type < 64; ++type) {
      bytes_view of_a;
      bytes_view of_b;
      CHECK(a.payload(static_cast<attribute_type>(type), of_a) ==
            b.payload(static_cast<attribute_type>(type), of_b));
      CHECK(of_a.data() == of_b.data());
      CHECK(of_a.size() == of_b.size());
    }
    for (std::uint32_t bit = 1; bit != 256; bit <<= 1U) {
      const auto fault = static_cast<snapshot_fault>(bit);
      CHECK(a.attributes_with(fault) == b.attributes_with(fault));
    }
  };
  for (std::size_t first = 0; first < messages.size(); ++first)
    for (std::size_t second = 0; second < messages.size(); ++second) {
      CAPTURE(first, second);
      snapshot used;
      REQUIRE_FALSE(used.decode(message{messages[first]}, info_layout::a));
      REQUIRE_FALSE(used.decode(message{messages[second]}, info_layout::b));
      snapshot fresh;
      REQUIRE_FALSE(fresh.decode(message{messages[second]}, info_layout::b));
      check_same(used, fresh);
      used.clear();
      REQUIRE_FALSE(used.decode(message{messages[second]}, info_layout::b));
      check_same(used, fresh);
    }
}

TEST_CASE("no cut or changed byte of a message makes the decoder read outside it") {
  bytes m = header();
  attribute_of(m, 8, {std::byte{0}});
  attribute_of(m, 22, {std::byte{0}, std::byte{0}});
  attribute_of(m, 2, counting(280));
  bytes ulp;
  attribute_of(ulp, 1, text_bytes("tls"));
  attribute_of(ulp, 2,
               words(std::uint16_t{6}, std::uint16_t{1}, std::uint16_t{0x303}, std::uint16_t{0}));
  attribute_of(m, 19, ulp);
  attribute_of(m, 4, text_bytes("cubic"));
  snapshot s;
  const auto read_all = [&s] {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < field_count(); ++i) {
      std::uint64_t number = 0;
      std::string_view text;
      ip_address address;
      if (s.value(field_at(i), number)) sum += number;
      if (s.text(field_at(i), text)) sum += text.size();
      if (s.address(field_at(i), address)) sum += address.bytes[0];
    }
    attribute a;
    for (std::size_t i = 0; i < s.unknown_count(); ++i) sum += s.unknown_at(i, a) ? a.type : 0U;
    return sum;
  };
  std::uint64_t sum = 0;
  for (std::size_t length = 72; length <= m.size(); ++length) {
    const bytes cut(m.begin(), m.begin() + static_cast<std::ptrdiff_t>(length));
    REQUIRE_FALSE(s.decode(message{cut}, info_layout::a));
    sum += read_all();
  }
  for (std::size_t at = 72; at < m.size(); ++at) {
    for (const unsigned value : {0U, 1U, 3U, 5U, 0x7fU, 0xffU}) {
      bytes changed = m;
      changed[at] = static_cast<std::byte>(value);
      REQUIRE_FALSE(s.decode(message{changed}, info_layout::b));
      sum += read_all();
    }
  }
  CHECK(sum != 0);
}

TEST_CASE("masks are made of the change rules") {
  for (std::size_t i = 0; i < wire::inet_diag_msg_size; ++i) {
    const bool expires = i >= wire::expires_at && i < wire::expires_at + 4;
    CHECK(header_changes_mask[i] == (expires ? std::byte{0} : std::byte{0xff}));
  }
  static_assert(info_changes_mask.size() == 280 && info_grows_mask.size() == 280);
  for (std::size_t i = 0; i < 280; ++i) {
    CAPTURE(i);
    const bool age = (i >= 44 && i < 48) || (i >= 52 && i < 60);
    const bool grows = (i >= 168 && i < 192) || (i >= 244 && i < 248);
    CHECK(info_changes_mask[i] == (age || grows ? std::byte{0} : std::byte{0xff}));
    CHECK(info_grows_mask[i] == (grows ? std::byte{0xff} : std::byte{0}));
  }
}

TEST_CASE("what was never measured is no measurement") {
  bytes info = counting(280);
  const auto set = [&](tcp_field f, std::uint32_t value) {
    std::memcpy(info.data() + describe(f).offset(), &value, sizeof value);
  };
  set(tcp_field::min_rtt, 0xffffffff);
  set(tcp_field::rtt, 1500);
  set(tcp_field::last_data_sent, 20);
  set(tcp_field::rcv_rtt, 0);
  bytes m = header();
  attribute_of(m, 2, info);
  const decoded d(m);
  CHECK(d.s.value(tcp_field::min_rtt) == describe(tcp_field::min_rtt).sentinel());
  CHECK_FALSE(d.s.measured(tcp_field::min_rtt));
  CHECK_FALSE(d.s.duration(tcp_field::min_rtt));
  CHECK(d.s.measured(tcp_field::rtt) == 1500U);
  CHECK(d.s.duration(tcp_field::rtt) == std::chrono::microseconds(1500));
  CHECK(d.s.duration(tcp_field::last_data_sent) == std::chrono::milliseconds(20));
  CHECK_FALSE(d.s.duration(tcp_field::snd_cwnd));
  CHECK(d.s.measured(tcp_field::snd_cwnd) == d.s.value(tcp_field::snd_cwnd));
  CHECK_FALSE(d.s.measured(field_id::bbr_min_rtt));  // absent
  std::uint64_t untouched = 42;
  CHECK_FALSE(d.s.measured(field(tcp_field::min_rtt), untouched));
  CHECK_FALSE(d.s.measured(field_descriptor(), untouched));
  CHECK(untouched == 42);
  // For each field with a sentinel, and no other, the two differ.
  for (std::size_t i = 0; i < field_count(); ++i) {
    const field_descriptor f = field_at(i);
    std::uint64_t value = 0;
    std::uint64_t measured = 0;
    const bool there = d.s.value(f, value);
    CHECK(d.s.measured(f, measured) == (there && f.sentinel() != value));
  }
}

TEST_CASE("a state is a state") {
  bytes m = header();
  m[wire::state_at] = std::byte{8};
  CHECK(decoded(m).s.state() == tcp_state::close_wait);
  m[wire::state_at] = std::byte{200};
  CHECK(decoded(m).s.state() == static_cast<tcp_state>(200));
  CHECK(snapshot().state() == tcp_state{});
}

TEST_CASE("numbers of enums that mean nothing are refused") {
  snapshot s;
  const bytes m = header();
  REQUIRE_FALSE(s.decode(message{m}, info_layout::b));
  CHECK(s.decode(message{m}, static_cast<info_layout>(3)) == errc::invalid_argument);
  CHECK(s.source().bytes.empty());
  std::array<char, 64> out;
  std::size_t written = 7;
  CHECK(format_text_cell(static_cast<row_format>(3), "x", out, written) == errc::invalid_argument);
  CHECK(written == 0);
}
