// SPDX-License-Identifier: Apache-2.0
//
// Rows of made-up messages: texts, sentinels, flags, layouts, payloads of any length.
#include <tcpinfo/parse.h>

#include <bit>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/decimal.h"
#include "parse/emit_columns.h"
#include "unit/catch.h"

using namespace tcpinfo;

namespace {

using bytes = std::vector<std::byte>;

constexpr bool little = std::endian::native == std::endian::little;

class made_message {
 public:
  made_message() : bytes_(wire::inet_diag_msg_size) {
    bytes_[0] = std::byte{2};
    bytes_[1] = std::byte{1};
  }
  made_message& add(attribute_type type, const bytes& payload) {
    put16(payload.size() + 4);
    put16(static_cast<std::size_t>(type));
    for (const std::byte b : payload) bytes_.push_back(b);
    while (bytes_.size() % 4 != 0) bytes_.push_back(std::byte{0});
    return *this;
  }
  made_message& set(std::size_t at, std::uint8_t value) {
    bytes_[at] = static_cast<std::byte>(value);
    return *this;
  }
  [[nodiscard]] message get() const { return {bytes_}; }

 private:
  void put16(std::size_t v) {
    const auto word = static_cast<std::uint16_t>(v);
    std::byte raw[2];
    std::memcpy(raw, &word, sizeof raw);
    bytes_.push_back(raw[0]);
    bytes_.push_back(raw[1]);
  }
  bytes bytes_;
};

bytes bytes_of_text(std::string_view text) {
  bytes b;
  for (const char c : text) b.push_back(static_cast<std::byte>(c));
  return b;
}

bytes info_with(std::size_t at, std::uint64_t value, std::size_t size, std::size_t length = 280) {
  bytes b(length);
  const auto* low = reinterpret_cast<const std::byte*>(&value);
  if constexpr (!little) low += sizeof value - size;
  std::memcpy(b.data() + at, low, size);
  return b;
}

// A last word of tcp_info, whose parts are laid out otherwise on big-endian machines.
bytes with_last_word(std::uint32_t on_little, std::uint32_t on_big) {
  return info_with(276, little ? on_little : on_big, 4);
}

column_descriptor column(std::string_view name) {
  for (std::size_t i = 0; i < column_count(); ++i)
    if (column_at(i).name() == name) return column_at(i);
  FAIL("no column " << name);
  return {};
}

std::string write_with(row_writer& writer, const made_message& m,
                       info_layout layout = info_layout::unknown) {
  const message view = m.get();
  snapshot s;
  REQUIRE_FALSE(s.decode(view, layout));
  std::string out(writer.max_row_size(s), '#');
  std::size_t n = 0;
  REQUIRE_FALSE(writer.write(s, out, n));
  out.resize(n);
  return out;
}

std::string row(const made_message& m, const std::vector<std::string_view>& names,
                const row_options& options = {}, info_layout layout = info_layout::unknown) {
  std::vector<column_descriptor> columns;
  for (const auto name : names) columns.push_back(column(name));
  row_writer writer;
  REQUIRE_FALSE(writer.prepare(columns, options));
  return write_with(writer, m, layout);
}

std::string cell(row_format format, std::string_view text) {
  std::string out(6 * text.size() + 2, '#');
  std::size_t n = 0;
  REQUIRE_FALSE(format_text_cell(format, text, out, n));
  out.resize(n);
  return out;
}

row_options json() {
  row_options o;
  o.format = row_format::json;
  return o;
}

}  // namespace

TEST_CASE("a decimal is what to_string writes") {
  std::mt19937_64 random(7);
  const auto same = [](std::uint64_t v) {
    char text[max_decimal_size];
    CHECK(std::string(text, write_decimal(text, v)) == std::to_string(v));
    const auto low = static_cast<std::uint32_t>(v);
    CHECK(std::string(text, write_decimal(text, low)) == std::to_string(low));
  };
  same(0);
  same(std::numeric_limits<std::uint64_t>::max());
  for (std::uint64_t power = 1, i = 0; i < 20; ++i, power *= 10)
    for (const std::uint64_t v : {power - 1, power, power + 1}) same(v);
  for (int i = 0; i < 2000; ++i) same(random() >> (random() % 64));
}

TEST_CASE("texts are quoted and escaped by the rules of their format") {
  CHECK(cell(row_format::csv, "cubic") == "cubic");
  CHECK(cell(row_format::csv, "") == "\"\"");
  CHECK(cell(row_format::csv, "a,b") == "\"a,b\"");
  CHECK(cell(row_format::csv, "a\"b") == "\"a\"\"b\"");
  CHECK(cell(row_format::csv, "a\nb\r") == "\"a\nb\r\"");
  CHECK(cell(row_format::csv, " a") == "\" a\"");
  CHECK(cell(row_format::tsv, "a,\"b") == "a,\"b");
  CHECK(cell(row_format::tsv, "") == "");
  CHECK(cell(row_format::tsv, "a\tb\nc\rd\\") == "a\\tb\\nc\\rd\\\\");
  CHECK(cell(row_format::json, "cubic") == "\"cubic\"");
  CHECK(cell(row_format::json, "a\"\\\n\x01") == "\"a\\\"\\\\\\u000a\\u0001\"");
}

TEST_CASE("what is no UTF-8 is replaced byte by byte") {
  const std::string bad = "\xef\xbf\xbd";
  CHECK(cell(row_format::csv, "\xc3\xa9") == "\xc3\xa9");
  CHECK(cell(row_format::csv, "\xf0\x9f\x98\x80") == "\xf0\x9f\x98\x80");
  CHECK(cell(row_format::csv, "a\xff") == "a" + bad);
  CHECK(cell(row_format::csv, "\xc0\xaf") == bad + bad);            // overlong
  CHECK(cell(row_format::csv, "\xed\xa0\x80") == bad + bad + bad);  // a surrogate
  CHECK(cell(row_format::csv, "\xe2\x82") == bad + bad);            // cut
  CHECK(cell(row_format::json, "\xff") == "\"" + bad + "\"");
}

TEST_CASE("a text cell needs the room it says") {
  char out[7];
  std::size_t n = 1;
  CHECK(format_text_cell(row_format::csv, "a", out, n) == errc::buffer_too_small);
  CHECK(n == 0);
}

TEST_CASE("absent is empty, and no member at all in JSON") {
  const made_message bare;
  CHECK(row(bare, {"rtt_us", "state", "cong", "mark", "ulp_name", "mptcp_token_rem"}) ==
        ",ESTABLISHED,,,,");
  CHECK(row(bare, {"rtt_us", "state", "cong"}, json()) == R"("state":"ESTABLISHED")");
  CHECK(row(bare, {"rtt_us", "cong"}, json()).empty());
  row_options tabs;
  tabs.format = row_format::tsv;
  CHECK(row(bare, {"rtt_us", "state", "cong"}, tabs) == "\tESTABLISHED\t");
}

TEST_CASE("a payload's length decides which cells there are") {
  for (std::size_t length = 0; length <= 20; ++length) {
    made_message m;
    m.add(attribute_type::info, bytes(length));
    std::string expected;
    for (const std::size_t end : {12U, 16U, 20U}) expected += length >= end ? "0," : ",";
    expected.pop_back();
    CHECK(row(m, {"rto_us", "ato_us", "snd_mss_bytes"}) == expected);
  }
}

TEST_CASE("sentinels are empty, or kept") {
  row_options keep;
  keep.keep_sentinels = true;
  made_message m;
  bytes info = info_with(76, 0x7fffffff, 4);
  const std::uint64_t ones = ~std::uint64_t{0};
  std::memcpy(info.data() + 112, &ones, 8);
  std::memcpy(info.data() + 148, &ones, 4);
  m.add(attribute_type::info, info);
  const std::vector<std::string_view> names = {
      "snd_ssthresh_segments", "max_pacing_rate_bytes_per_s", "min_rtt_us", "snd_cwnd_segments"};
  CHECK(row(m, names) == ",,,0");
  CHECK(row(m, names, keep) == "2147483647,18446744073709551615,4294967295,0");
  CHECK(row(m, names, json()) == R"("snd_cwnd_segments":0)");
}

TEST_CASE("sets of bits are a column each") {
  made_message m;
  m.add(attribute_type::info, info_with(5, 0xa5, 1)).add(attribute_type::shutdown, {std::byte{2}});
  CHECK(row(m, {"options_timestamps", "options_sack", "options_wscale", "options_ecn",
                "options_ecn_seen", "options_syn_data", "options_usec_ts", "options_tfo_child"}) ==
        "1,0,1,0,0,1,0,1");
  CHECK(row(m, {"shutdown_recv", "shutdown_send"}) == "0,1");
  CHECK(row(m, {"shutdown_send", "shutdown_recv"}) == "1,0");
  CHECK(row(m, {"shutdown_recv", "shutdown_send"}, json()) ==
        R"("shutdown_recv":false,"shutdown_send":true)");
}

TEST_CASE("both layouts of the last word fill the same columns") {
  const std::vector<std::string_view> names = {"ecn_mode", "accecn_opt_seen",
                                               "accecn_fail_ace_send", "accecn_fail_opt_recv"};
  made_message a;
  a.add(attribute_type::info, with_last_word(0x00020008, 0x00080002));  // fail 8, seen 2
  CHECK(row(a, names, {}, info_layout::a) == ",2,0,1");
  made_message b;
  b.add(attribute_type::info,
        with_last_word(8U << 4 | 2U << 2 | 1U, 1U << 30 | 2U << 28 | 8U << 24));
  CHECK(row(b, names, {}, info_layout::b) == "1,2,0,1");
  CHECK(row(b, names) == ",,,");
}

TEST_CASE("a layout that changes from row to row is heeded") {
  row_writer writer;
  const column_descriptor columns[] = {column("accecn_opt_seen")};
  REQUIRE_FALSE(writer.prepare(columns));
  made_message m;
  m.add(attribute_type::info, with_last_word(0x00020004, 0x10000002));
  CHECK(write_with(writer, m, info_layout::a) == "2");
  CHECK(write_with(writer, m, info_layout::b) == "1");
  CHECK(write_with(writer, m) == "");
  CHECK(write_with(writer, m, info_layout::a) == "2");
}

TEST_CASE("states without a name are numbers") {
  made_message m;
  m.set(1, 200).add(attribute_type::info, info_with(1, 9, 1));
  CHECK(row(m, {"state", "ca_state"}) == "200,9");
  CHECK(row(m, {"state"}, json()) == R"("state":"200")");
}

// What a writer remembers of the row before must never be seen: rows of one writer are those of
// many.
TEST_CASE("a row does not depend on the rows before it") {
  std::vector<column_descriptor> all;
  for (std::size_t i = 0; i < column_count(); ++i) all.push_back(column_at(i));
  std::mt19937 random(11);
  for (const row_format format : {row_format::csv, row_format::tsv, row_format::json}) {
    row_options options;
    options.format = format;
    row_writer used;
    REQUIRE_FALSE(used.prepare(all, options));
    for (int i = 0; i < 300; ++i) {
      made_message m;
      for (const unsigned type : {1U, 2U, 4U, 7U, 8U, 9U, 16U, 22U}) {
        if (random() % 4 == 0) continue;
        bytes payload(random() % 8 == 0 ? random() % 300 : type == 2 ? 280 : 20);
        for (std::byte& b : payload)
          if (random() % 16 == 0) b = static_cast<std::byte>(random());
        m.add(static_cast<attribute_type>(type), payload);
      }
      m.set(random() % wire::inet_diag_msg_size, static_cast<std::uint8_t>(random()));
      const auto layout = static_cast<info_layout>(random() % 3);
      row_writer fresh;
      REQUIRE_FALSE(fresh.prepare(all, options));
      REQUIRE(write_with(used, m, layout) == write_with(fresh, m, layout));
    }
  }
}

TEST_CASE("a writer refuses what it cannot do") {
  row_writer writer;
  const snapshot nothing;
  char out[8];
  std::size_t n = 1;
  CHECK(writer.write(nothing, out, n) == errc::not_open);
  CHECK(n == 0);
  const column_descriptor none[] = {column_descriptor()};
  CHECK(writer.prepare(none) == errc::invalid_argument);
  const column_descriptor columns[] = {column("rtt_us")};
  REQUIRE_FALSE(writer.prepare(columns));
  CHECK(writer.write(nothing, out, n) == errc::buffer_too_small);
  made_message m;
  m.add(attribute_type::cong, bytes_of_text("a,b"));
  CHECK(row(m, {"cong", "cong"}) == "\"a,b\",\"a,b\"");
}

TEST_CASE("every field has its columns, and names are unique") {
  std::vector<std::string> names;
  std::vector<const field_entry*> fields;
  for (const emit_column& c : emit_columns()) {
    names.emplace_back(c.name);
    fields.push_back(c.field);
    fields.push_back(c.layout_a);
    CHECK_FALSE(c.meaning.empty());
    CHECK_FALSE(c.since.empty());
    CHECK(c.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
          std::string_view::npos);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  for (std::size_t i = 0; i < field_count(); ++i) {
    INFO(field_at(i).csv_name());
    CHECK(std::any_of(fields.begin(), fields.end(), [&](const field_entry* f) {
      return f != nullptr && f->csv_name == field_at(i).csv_name();
    }));
  }
}
