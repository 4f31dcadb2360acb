// SPDX-License-Identifier: Apache-2.0
#include <tcpinfo/tcp.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tcp/field_entry.h"
#include "tcp/layout.h"
#include "unit/catch.h"

using namespace tcpinfo;

namespace {

std::vector<tcp_field_descriptor> all_fields() {
  std::vector<tcp_field_descriptor> fields;
  for (std::size_t i = 0; i < tcp_field_count(); ++i) fields.push_back(tcp_field_at(i));
  return fields;
}

// Bytes no two of which in a row are alike, so that a wrong offset shows.
std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 3);
  return bytes;
}

template <class T>
void put_host(std::vector<std::byte>& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

// A number or bit field by single bytes and shifts, as this machine's kernel lays it out: the slow,
// obvious way.
std::uint64_t slow_number(const std::vector<std::byte>& bytes, tcp_field_descriptor f) {
  constexpr bool little = std::endian::native == std::endian::little;
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < f.size(); ++i) {
    const std::size_t at = little ? f.size() - 1 - i : i;
    word = word << 8 | static_cast<std::uint8_t>(bytes[f.offset() + at]);
  }
  const std::size_t above = f.size() * 8 - f.bits() - f.bit_shift();
  word >>= little ? std::size_t{f.bit_shift()} : above;
  return f.bits() < 64 ? word & ((std::uint64_t{1} << f.bits()) - 1) : word;
}

std::uint64_t slowly(const std::vector<std::byte>& bytes, info_layout layout,
                     tcp_field_descriptor f) {
  if (f.id() != tcp_field::accecn_word || layout == info_layout::unknown)
    return slow_number(bytes, f);
  const auto part = [&bytes](tcp_field one) { return slow_number(bytes, describe(one)); };
  if (layout == info_layout::a)
    return part(tcp_field::accecn_opt_seen_a) << 16 | part(tcp_field::accecn_fail_mode_a);
  return part(tcp_field::options2) << 8 | part(tcp_field::accecn_fail_mode) << 4 |
         part(tcp_field::accecn_opt_seen) << 2 | part(tcp_field::ecn_mode);
}

}  // namespace

TEST_CASE("states have the kernel's names and those of ss") {
  CHECK(state_name(1) == "ESTABLISHED");
  CHECK(state_name(8) == "CLOSE_WAIT");
  CHECK(state_name(12) == "NEW_SYN_RECV");
  CHECK(state_name(13) == "BOUND_INACTIVE");
  CHECK(state_ss_name(1) == "ESTAB");
  CHECK(state_ss_name(4) == "FIN-WAIT-1");
  CHECK(state_ss_name(7) == "UNCONN");
  CHECK(state_ss_name(8) == "CLOSE-WAIT");
  std::set<std::string_view> names;
  for (unsigned s = 1; s <= 13; ++s) {
    CHECK_FALSE(state_ss_name(static_cast<std::uint8_t>(s)).empty());
    names.insert(state_name(static_cast<std::uint8_t>(s)));
  }
  CHECK(names.size() == 13);
  for (const unsigned s : {0U, 14U, 255U}) {
    CHECK(state_name(static_cast<std::uint8_t>(s)).empty());
    CHECK(state_ss_name(static_cast<std::uint8_t>(s)).empty());
  }
  CHECK(ca_state_name(0) == "Open");
  CHECK(ca_state_name(4) == "Loss");
  CHECK(ca_state_name(5).empty());
  static_assert(state_bit(tcp_state::established) == 2);
  static_assert(state_bit(tcp_state::bound_inactive) == 1U << 13);
}

TEST_CASE("every field of tcp_info is described in full, under a name of its own") {
  std::set<std::string_view> names;
  std::set<std::string_view> csv_names;
  std::set<tcp_field> ids;
  for (const tcp_field_descriptor f : all_fields()) {
    CAPTURE(f.name());
    REQUIRE(f.valid());
    CHECK(names.insert(f.name()).second);
    CHECK(csv_names.insert(f.csv_name()).second);
    CHECK(ids.insert(f.id()).second);
    CHECK_FALSE(f.meaning().empty());
    CHECK_FALSE(unit_name(f.unit()).empty());
    CHECK(f.first_kernel().find('.') != std::string_view::npos);
    CHECK(f.bits() > 0);
    CHECK(f.offset() + f.size() <= tcp_info_known_size);
    CHECK(static_cast<std::uint32_t>(f.id()) ==
          f.offset() * 8 + f.bit_shift() + (static_cast<std::uint32_t>(f.layout()) << 16));
    CHECK(describe(f.id()).name() == f.name());
    CHECK(f.csv_name().find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
          std::string_view::npos);
    const std::string csv(f.csv_name());
    const auto ends_with = [&csv](const char* tail) {
      const std::string t(tail);
      return csv.size() >= t.size() && csv.compare(csv.size() - t.size(), t.size(), t) == 0;
    };
    if (f.unit() == field_unit::microseconds) CHECK(ends_with("_us"));
    if (f.unit() == field_unit::milliseconds) CHECK(ends_with("_ms"));
    if (f.unit() == field_unit::bytes_per_second) CHECK(ends_with("_bytes_per_s"));
    if (f.unit() == field_unit::bytes) CHECK(csv.find("bytes") != std::string::npos);
    if (f.unit() == field_unit::segments) CHECK(csv.find("seg") != std::string::npos);
  }
  CHECK(names.size() == 75);
  CHECK_FALSE(tcp_field_at(tcp_field_count()).valid());
  CHECK(tcp_field_at(tcp_field_count()).name().empty());
  CHECK_FALSE(describe(static_cast<tcp_field>(5)).valid());
  CHECK(unit_name(static_cast<field_unit>(99)).empty());
}

TEST_CASE("the table agrees with the build host's header on bit fields too") {
  CHECK(uapi_bit_fields_agree());
}

TEST_CASE("the length alone says which fields exist") {
  struct version {
    std::size_t length;
    const char* last;  // the last field of that length
    const char* first_kernel;
    const char* next;  // the first that is not there
  };
  // Lengths kernels were seen to send, and where each ends.
  const version versions[] = {
      {104, "total_retrans", "2.6.11", "pacing_rate"},
      {120, "max_pacing_rate", "3.15", "bytes_acked"},
      {136, "bytes_received", "4.1", "segs_out"},
      {144, "segs_in", "4.2", "notsent_bytes"},
      {160, "data_segs_out", "4.6", "delivery_rate"},
      {168, "delivery_rate", "4.9", "busy_time"},
      {192, "sndbuf_limited", "4.10", "delivered"},
      {200, "delivered_ce", "4.18", "bytes_sent"},
      {224, "reord_seen", "4.19", "rcv_ooopack"},
      {232, "snd_wnd", "5.4", "rcv_wnd"},
      {240, "rehash", "6.2", "total_rto"},
      {248, "total_rto_time", "6.7", "received_ce"},
      {280, "accecn_word", "6.18", ""},
  };
  for (const version& v : versions) {
    CAPTURE(v.length);
    const auto bytes = pattern(v.length);
    bool last_seen = false;
    for (const tcp_field_descriptor f : all_fields()) {
      CAPTURE(f.name());
      const bool expected = f.offset() + f.size() <= v.length;
      CHECK(tcp_value(bytes, info_layout::unknown, f.id()).has_value() ==
            (expected && f.layout() == info_layout::unknown));
      if (f.name() == v.last) {
        last_seen = true;
        CHECK(f.offset() + f.size() == v.length);
        CHECK(f.first_kernel() == v.first_kernel);
      }
      if (f.name() == v.next) CHECK(f.offset() == v.length);
    }
    CHECK(last_seen);
  }
}

TEST_CASE("at every length and alignment a field is whole or absent") {
  const auto whole = pattern(300);
  std::vector<std::byte> shifted(301);
  for (const info_layout layout : {info_layout::unknown, info_layout::a, info_layout::b}) {
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      // A copy of exactly that length, so that a sanitizer sees a read past its end.
      const std::vector<std::byte> bytes(whole.begin(),
                                         whole.begin() + static_cast<std::ptrdiff_t>(length));
      for (const tcp_field_descriptor f : all_fields()) {
        std::uint64_t value = 0xdead;
        const bool present = read_tcp_field(bytes, layout, f.id(), value);
        const bool of_layout = f.layout() == info_layout::unknown || f.layout() == layout;
        if (present != (of_layout && f.offset() + f.size() <= length)) {
          CAPTURE(f.name(), length);
          CHECK(false);
        }
        if (!present && value != 0xdead) CHECK(false);
        if (!present) continue;
        const std::uint64_t word = slowly(bytes, layout, f);
        if (value != word) {
          CAPTURE(f.name(), length);
          CHECK(value == word);
        }
      }
    }
  }
  std::memcpy(shifted.data() + 1, whole.data(), whole.size());
  for (const tcp_field_descriptor f : all_fields())
    CHECK(tcp_value(std::span(shifted).subspan(1), info_layout::b, f.id()) ==
          tcp_value(whole, info_layout::b, f.id()));
}

TEST_CASE("bit fields share their byte") {
  std::vector<std::byte> bytes(104);
  if constexpr (std::endian::native == std::endian::little) {
    bytes[6] = std::byte{0x9d};
    bytes[7] = std::byte{0x05};
  } else {
    bytes[6] = std::byte{0xd9};
    bytes[7] = std::byte{0xc0};
  }
  CHECK(tcp_value(bytes, info_layout::unknown, tcp_field::snd_wscale) == 0xdU);
  CHECK(tcp_value(bytes, info_layout::unknown, tcp_field::rcv_wscale) == 0x9U);
  CHECK(tcp_value(bytes, info_layout::unknown, tcp_field::delivery_rate_app_limited) == 1U);
  CHECK(tcp_value(bytes, info_layout::unknown, tcp_field::fastopen_client_fail) == 2U);
  // A big-endian compiler lays the first bit field at the top.
  constexpr bool little = std::endian::native == std::endian::little;
  static_assert(host_shift(1, 4, 4) == (little ? 4 : 0));
  static_assert(host_shift(4, 8, 24) == (little ? 8 : 0));
  static_assert(host_shift(4, 0, 32) == 0);
}

TEST_CASE("the last word is read by the layout the caller knows") {
  std::vector<std::byte> bytes(280);
  const auto read = [&bytes](info_layout l, tcp_field f) { return tcp_value(bytes, l, f); };
  // As kernels of layout a write it: fail mode 6, option seen 2, two numbers of 16 bits.
  put_host<std::uint16_t>(bytes, 276, 6);
  put_host<std::uint16_t>(bytes, 278, 2);
  CHECK(read(info_layout::a, tcp_field::accecn_fail_mode_a) == 6U);
  CHECK(read(info_layout::a, tcp_field::accecn_opt_seen_a) == 2U);
  CHECK(read(info_layout::a, tcp_field::accecn_word) == 0x00020006U);
  CHECK_FALSE(read(info_layout::a, tcp_field::ecn_mode));
  CHECK_FALSE(read(info_layout::unknown, tcp_field::ecn_mode));
  CHECK_FALSE(read(info_layout::unknown, tcp_field::accecn_opt_seen_a));
  // As kernels of layout b do: mode 2, seen 1, fail 0, options2 0x200, in bit fields.
  constexpr bool little = std::endian::native == std::endian::little;
  put_host<std::uint32_t>(bytes, 276, little ? 0x00020006U : 0x90000200U);
  CHECK(read(info_layout::b, tcp_field::ecn_mode) == 2U);
  CHECK(read(info_layout::b, tcp_field::accecn_opt_seen) == 1U);
  CHECK(read(info_layout::b, tcp_field::accecn_fail_mode) == 0U);
  CHECK(read(info_layout::b, tcp_field::options2) == 0x200U);
  CHECK(read(info_layout::b, tcp_field::accecn_word) == 0x00020006U);
  CHECK_FALSE(read(info_layout::b, tcp_field::accecn_fail_mode_a));
  // Without a layout it is a number as any other.
  put_host<std::uint32_t>(bytes, 276, 0x12345678U);
  CHECK(read(info_layout::unknown, tcp_field::accecn_word) == 0x12345678U);
  // Values of the enum are frozen.
  static_assert(static_cast<std::uint32_t>(tcp_field::rtt) == 544);
  static_assert(static_cast<std::uint32_t>(tcp_field::accecn_word) == 2208);
  static_assert(static_cast<std::uint32_t>(tcp_field::accecn_fail_mode_a) == 2208 + 65536);
  static_assert(static_cast<std::uint32_t>(tcp_field::ecn_mode) == 2208 + 131072);
}

TEST_CASE("a release tells the layout where it can") {
  CHECK(layout_of_kernel("6.18.44-fc") == info_layout::a);
  CHECK(layout_of_kernel("6.18.0") == info_layout::a);
  CHECK(layout_of_kernel("6.19.3-arch1-1") == info_layout::a);
  CHECK(layout_of_kernel("7.0.3") == info_layout::b);
  CHECK(layout_of_kernel("7.0-rc1") == info_layout::b);
  CHECK(layout_of_kernel("12.4") == info_layout::b);
  CHECK(layout_of_kernel("6.17.9") == info_layout::unknown);
  CHECK(layout_of_kernel("6.180.1") == info_layout::unknown);
  CHECK(layout_of_kernel("6.1.103") == info_layout::unknown);
  CHECK(layout_of_kernel("4.19.319") == info_layout::unknown);
  for (const char* text : {"", "6", "6.", ".18", "linux", "7", "-7.0", "99999999999.1"})
    CHECK(layout_of_kernel(text) == info_layout::unknown);
}

TEST_CASE("type information tells the layout of a running kernel") {
  const std::string path = "tcp_test.btf";
  const auto write = [&path](const std::string& strings, std::size_t padding) {
    const std::uint32_t words[] = {24, 0, 8, 8,
                                   static_cast<std::uint32_t>(strings.size() + padding)};
    std::string text("\x9f\xeb\x01\x00", 4);
    if constexpr (std::endian::native == std::endian::big) std::swap(text[0], text[1]);
    text.append(reinterpret_cast<const char*>(words), sizeof words);
    text.append(8, 'x');  // where the types would be
    text.append(padding, 'y');
    text += strings;
    std::ofstream(path, std::ios::binary) << text;
  };
  const std::string a("\0tcpi_rtt\0tcpi_accecn_fail_mode\0tcpi_accecn_opt_seen\0", 54);
  const std::string b("\0tcpi_accecn_fail_mode\0tcpi_ecn_mode\0", 37);
  // Wherever the name lies in relation to the reader's chunks.
  for (const std::size_t padding : {0UL, 32740UL, 32750UL, 32760UL, 32767UL, 32768UL, 65500UL}) {
    write(a, padding);
    CHECK(layout_of_btf(path.c_str()) == info_layout::a);
    write(b, padding);
    CHECK(layout_of_btf(path.c_str()) == info_layout::b);
  }
  write(std::string("\0tcpi_rtt\0tcpi_ecn_model\0", 25), 0);
  CHECK(layout_of_btf(path.c_str()) == info_layout::unknown);
  std::ofstream(path, std::ios::binary) << "no BTF at all, but long enough for a header";
  CHECK_FALSE(layout_of_btf(path.c_str()));
  std::ofstream(path, std::ios::binary) << "";
  CHECK_FALSE(layout_of_btf(path.c_str()));
  CHECK_FALSE(layout_of_btf("/nonexistent"));
  std::remove(path.c_str());
  // Whatever this kernel is, the answer is one of three and the same each time.
  CHECK(running_kernel_layout() == running_kernel_layout());
}

TEST_CASE("sentinels are known") {
  CHECK(describe(tcp_field::min_rtt).sentinel() == 0xffffffffU);
  CHECK(describe(tcp_field::snd_ssthresh).sentinel() == 0x7fffffffU);
  CHECK(describe(tcp_field::pacing_rate).sentinel() == ~std::uint64_t{0});
  CHECK(describe(tcp_field::max_pacing_rate).sentinel() == ~std::uint64_t{0});
  CHECK_FALSE(describe(tcp_field::rtt).sentinel());
  int count = 0;
  for (const tcp_field_descriptor f : all_fields()) count += f.sentinel() ? 1 : 0;
  CHECK(count == 4);
}

TEST_CASE("what moves by itself is no change") {
  std::set<std::string_view> ages;
  std::set<std::string_view> growers;
  for (const tcp_field_descriptor f : all_fields()) {
    if (f.rule() == change_rule::age) ages.insert(f.name());
    if (f.rule() == change_rule::grows) growers.insert(f.name());
  }
  CHECK(ages == std::set<std::string_view>{"last_data_sent", "last_data_recv", "last_ack_recv"});
  CHECK(growers == std::set<std::string_view>{"busy_time", "rwnd_limited", "sndbuf_limited",
                                              "total_rto_time"});
}

#ifdef __cpp_lib_format
TEST_CASE("std::format knows states") {
  CHECK(std::format("{} {:<8}|{}", tcp_state::established, tcp_state::listen,
                    static_cast<tcp_state>(99)) == "ESTABLISHED LISTEN  |99");
}
#endif

TEST_CASE("states have a bit and a name, and other numbers neither") {
  CHECK(state_bit(tcp_state::established) == 2);
  CHECK(state_bit(static_cast<tcp_state>(31)) == 0x8000'0000);
  CHECK(state_bit(static_cast<tcp_state>(32)) == 0);
  CHECK(state_bit(static_cast<tcp_state>(255)) == 0);
  std::ostringstream text;
  text << tcp_state::close_wait << ' ' << static_cast<tcp_state>(77);
  CHECK(text.str() == "CLOSE_WAIT 77");
  CHECK(std::uint8_t{1} == tcp_state::established);
  CHECK(tcp_state::established == std::uint8_t{1});
  CHECK_FALSE(tcp_state::established == std::uint8_t{2});
}
