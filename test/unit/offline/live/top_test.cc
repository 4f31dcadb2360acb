// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-dump top without a terminal and without a kernel: what is computed of two looks, in which
// order it is shown, and what keys do.
#include <tcpinfo/archive.h>

#include <algorithm>
#include <string>
#include <vector>

#include "offline/live/sparkline.h"
#include "offline/live/top_model.h"
#include "offline/live/top_table.h"
#include "offline/live/top_view.h"
#include "unit/catch.h"
#include "unit/durations.h"
#include "unit/made_socket.h"

using namespace tcpinfo;
using namespace tcpinfo::offline;

namespace {

// Where the kernel has them in struct tcp_info.
constexpr std::size_t ca_state_at = 1;
constexpr std::size_t retransmits_at = 2;
constexpr std::size_t rtt_at = 68;
constexpr std::size_t total_retrans_at = 100;
constexpr std::size_t bytes_acked_at = 120;
constexpr std::size_t bytes_received_at = 128;
constexpr std::size_t data_segs_out_at = 156;
constexpr std::size_t busy_time_at = 168;
constexpr std::size_t rwnd_limited_at = 176;
constexpr std::size_t sndbuf_limited_at = 184;

/// A kernel with some sockets, which a model looks at once a second.
struct bench {
  std::vector<made_socket> sockets;
  top_model model;
  std::int64_t now_ns = 1000 * second;

  explicit bench(std::size_t count, top_model::owner_finder owner = {})
      : sockets(count), model(std::move(owner)) {
    for (std::size_t i = 0; i < count; ++i) {
      sockets[i].cookie = i + 1;
      sockets[i].dport = static_cast<std::uint16_t>(5000 + i);
    }
  }
  void look() {
    model.begin();
    for (made_socket& one : sockets) model.see(one.view(), now_ns);
    model.end();
    now_ns += second;
  }
  std::vector<std::uint64_t> cookies(top_order order, bool reversed = false) const {
    std::vector<std::uint64_t> found;
    for (const watched_flow* f : model.rows(order, reversed)) found.push_back(f->id.cookie);
    return found;
  }
};

using cookies = std::vector<std::uint64_t>;

key character(char c) { return {key_kind::character, c}; }

bool press(top_view& view, const char* keys) {
  for (; *keys != 0; ++keys)
    if (!view.press(character(*keys))) return false;
  return true;
}
bool press(top_view& view, key_kind kind) { return view.press({kind}); }

std::string text_of(const screen& lines) {
  std::string text;
  for (const screen_line& one : lines) text += one.text + "\n";
  return text;
}
std::string selected_of(const screen& lines) {
  for (const screen_line& one : lines)
    if (one.style == line_style::selected) return one.text;
  return {};
}
bool has(const std::string& text, const char* what) { return text.find(what) != std::string::npos; }

/// The limit between two looks a second apart, where these clocks ran on so many microseconds.
limit limit_of(std::uint64_t busy, std::uint64_t window, std::uint64_t buffer,
               std::uint32_t retransmitted = 0, std::uint64_t acked = 1000) {
  bench b(1);
  b.look();
  b.sockets[0]
      .set(busy_time_at, busy)
      .set(rwnd_limited_at, window)
      .set(sndbuf_limited_at, buffer)
      .set(total_retrans_at, retransmitted)
      .set(bytes_acked_at, acked);
  b.look();
  return b.model.find(1)->step.held_by;
}

}  // namespace

TEST_CASE("top: what grows between two looks is a rate") {
  bench b(1);
  b.sockets[0].set(bytes_acked_at, std::uint64_t{1000});
  b.look();
  REQUIRE(b.model.find(1) != nullptr);
  CHECK_FALSE(b.model.find(1)->step.sent);
  CHECK(b.model.find(1)->step.held_by == limit::unknown);
  CHECK(b.model.totals().flows == 1);
  b.sockets[0]
      .set(bytes_acked_at, std::uint64_t{6000})
      .set(bytes_received_at, std::uint64_t{300})
      .set(data_segs_out_at, std::uint32_t{20})
      .set(total_retrans_at, std::uint32_t{5});
  b.look();
  const flow_step& step = b.model.find(1)->step;
  CHECK(step.sent == 5000.0);
  CHECK(step.received == 300.0);
  CHECK(step.retransmitted == 5U);
  CHECK(step.lost_share == 0.25);
  CHECK(b.model.totals().sent == 5000.0);
  CHECK(b.model.totals().retransmitted == 5);
  CHECK(retransmitted_text(step) == "5 (25.0%)");
  // The socket belongs to another connection by now: what went back is no rate.
  b.sockets[0].set(bytes_acked_at, std::uint64_t{10});
  b.look();
  CHECK_FALSE(b.model.find(1)->step.sent);
}

TEST_CASE("top: a connection that is gone is not shown, and one that is new has no rate") {
  bench b(3);
  b.look();
  b.sockets.erase(b.sockets.begin());
  b.look();
  CHECK(b.model.find(1) == nullptr);
  CHECK(b.cookies(top_order::rate) == cookies{3, 2});
  b.sockets.clear();
  b.look();
  CHECK(b.cookies(top_order::rate).empty());
  CHECK(b.model.totals().flows == 0);
}

TEST_CASE(
    "top: a message that comes twice in one look counts once, and a mini socket has no numbers") {
  bench b(2);
  b.sockets[1].cookie = 1;
  b.sockets[1].dport = b.sockets[0].dport;
  b.look();
  b.look();
  CHECK(b.model.totals().flows == 1);
  b.sockets.resize(1);
  b.sockets[0].has_info = false;
  b.sockets[0].state = tcp_state::fin_wait2;
  b.look();
  CHECK_FALSE(b.model.find(1)->step.sent);
  CHECK(has(table_lines(b.model.rows(top_order::rtt, false), {})[1], " -"));
}

TEST_CASE("top: the limit is what took most of the time, as far as the sender's kernel tells") {
  CHECK(limit_of(0, 0, 0, 0, 0) == limit::idle);
  CHECK(limit_of(900'000, 800'000, 0) == limit::window);
  CHECK(limit_of(900'000, 100'000, 700'000) == limit::send_buffer);
  CHECK(limit_of(900'000, 100'000, 100'000) == limit::network);
  CHECK(limit_of(900'000, 100'000, 100'000, 3) == limit::losses);
  CHECK(limit_of(100'000, 0, 0) == limit::application);
  bench b(4);
  b.sockets[3].state = tcp_state::syn_sent;
  b.look();
  CHECK(b.model.find(4)->step.held_by == limit::handshake);
  b.sockets[0].set(bytes_received_at, std::uint64_t{9});
  b.sockets[1].set(retransmits_at, std::uint8_t{1});
  b.sockets[2].set(ca_state_at, std::uint8_t{4});
  b.look();
  CHECK(b.model.find(1)->step.held_by == limit::receiving);
  CHECK(b.model.find(2)->step.held_by == limit::timeout);
  CHECK(b.model.find(3)->step.held_by == limit::timeout);
  // Who waits comes first.
  CHECK(b.cookies(top_order::cause) == cookies{3, 2, 4, 1});
}

TEST_CASE("top: rows are in the order that is asked for, and equal ones keep their places") {
  bench b(4, [](const message& m) {
    return m.cookie() == 2 ? "beta" : m.cookie() == 3 ? "alpha" : "";
  });
  for (std::size_t i = 0; i < 4; ++i)
    b.sockets[i].set(rtt_at, static_cast<std::uint32_t>(i == 1 ? 900 : 100));
  b.look();
  b.sockets[0].set(bytes_acked_at, std::uint64_t{50});
  b.sockets[2].set(bytes_received_at, std::uint64_t{70});
  b.sockets[3].set(total_retrans_at, std::uint32_t{1});
  b.look();
  CHECK(b.cookies(top_order::rate) == cookies{3, 1, 4, 2});
  CHECK(b.cookies(top_order::sent) == cookies{1, 3, 4, 2});
  CHECK(b.cookies(top_order::received) == cookies{3, 1, 4, 2});
  CHECK(b.cookies(top_order::retransmitted) == cookies{4, 3, 1, 2});
  CHECK(b.cookies(top_order::rtt) == cookies{2, 3, 1, 4});
  CHECK(b.cookies(top_order::owner) == cookies{3, 2, 1, 4});
  CHECK(b.cookies(top_order::rtt, true).back() == 2);
  top_order order{};
  for (std::size_t i = 0; i < top_order_count; ++i) {
    CHECK(parse_top_order(name_of(static_cast<top_order>(i)), order));
    CHECK(static_cast<std::size_t>(order) == i);
  }
  CHECK_FALSE(parse_top_order("rates", order));
}

TEST_CASE("a sparkline has a bar for each of the latest numbers") {
  const std::vector<float> values = {9, 0, 1, 4, 8};
  CHECK(sparkline(values, 4, true) == " ▁▄█");
  CHECK(sparkline(values, 4, false) == " .:#");
  CHECK(sparkline(values, 7, false) == "  # .:#");
  CHECK(sparkline({}, 3, true) == "   ");
  CHECK(sparkline(std::vector<float>{0, 0}, 2, true) == "  ");
  short_history history;
  for (int i = 0; i < 100; ++i) history.add(static_cast<float>(i));
  CHECK(history.size() == short_history::most);
  CHECK(history.at(0) == 40);
  CHECK(history.at(59) == 99);
}

TEST_CASE("top: text of numbers, and lines that are cut") {
  CHECK(rate_text(std::nullopt) == "-");
  CHECK(rate_text(1000.0) == "8.00kbit/s");
  CHECK(time_text(999) == "999us");
  CHECK(time_text(12'345) == "12.3ms");
  CHECK(time_text(123'456) == "123ms");
  CHECK(time_text(2'500'000) == "2.50s");
  CHECK(cut("abcdef", 6, true) == "abcdef");
  CHECK(cut("abcdef", 4, true) == "abc…");
  CHECK(cut("abcdef", 4, false) == "abc>");
  CHECK(cut("äöü…x", 3, true) == "äö…");
  CHECK(cut("ab", 0, true).empty());
  CHECK(width_of("▁▂x") == 3);
}

TEST_CASE("top: keys sort, turn round, choose, filter and freeze") {
  bench b(30);
  for (std::size_t i = 0; i < 30; ++i)
    b.sockets[i].set(rtt_at, static_cast<std::uint32_t>(1000 + i));
  b.look();
  top_view view(b.model, top_order::rtt, false, second);
  const screen_size size{13, 100};
  // 10 rows: the lines of totals, headings and keys are taken off.
  screen lines = view.draw(size, true);
  CHECK(lines.size() == 13);
  CHECK(has(lines[0].text, "30 connections"));
  CHECK(has(lines[0].text, "by rtt"));
  CHECK(lines[1].style == line_style::heading);
  CHECK(has(selected_of(lines), ":5029 "));
  CHECK(has(lines[11].text, ":5020 "));
  CHECK(press(view, "r"));
  CHECK(has(selected_of(view.draw(size, true)), ":5000 "));
  CHECK(press(view, key_kind::down));
  CHECK(has(selected_of(view.draw(size, true)), ":5001 "));
  // The chosen one stays chosen wherever it goes.
  CHECK(press(view, "r"));
  CHECK(has(selected_of(view.draw(size, true)), ":5001 "));
  CHECK(press(view, key_kind::last));
  CHECK(has(selected_of(view.draw(size, true)), ":5000 "));
  CHECK(press(view, key_kind::page_up));
  CHECK(has(selected_of(view.draw(size, true)), ":5010 "));
  CHECK(press(view, key_kind::first));
  CHECK(press(view, key_kind::up));
  CHECK(has(selected_of(view.draw(size, true)), ":5029 "));
  // It is gone: another one is chosen.
  b.sockets.pop_back();
  b.look();
  CHECK(has(selected_of(view.draw(size, true)), ":5028 "));
  CHECK(press(view, ">"));
  CHECK(has(view.draw(size, true)[0].text, "by cause"));
  // No owners are known: there is no such order.
  CHECK(press(view, ">"));
  CHECK(has(view.draw(size, true)[0].text, "by rate"));
  CHECK(press(view, "<<o"));
  CHECK(has(view.draw(size, true)[0].text, "by rtt"));
  CHECK(press(view, "/:500"));
  CHECK(has(view.draw(size, true).back().text, "filter: :500_"));
  CHECK(press(view, key_kind::backspace));
  CHECK(press(view, "12q"));
  CHECK(press(view, key_kind::backspace));
  CHECK(press(view, key_kind::enter));
  lines = view.draw(size, true);
  CHECK(has(selected_of(lines), ":5012 "));
  CHECK(lines[3].text.empty());
  CHECK(press(view, key_kind::escape));
  CHECK_FALSE(view.draw(size, true)[3].text.empty());
  CHECK_FALSE(view.frozen());
  CHECK(press(view, "f"));
  CHECK(view.frozen());
  CHECK(has(view.draw(size, true).back().text, "FROZEN"));
  CHECK(press(view, " ?"));
  CHECK_FALSE(view.frozen());
  CHECK(has(text_of(view.draw({20, 100}, true)), "by round-trip time"));
  // Any key ends the help, and nothing else.
  CHECK(press(view, "q"));
  CHECK(has(view.draw(size, true)[0].text, "29 connections"));
  CHECK_FALSE(press(view, "q"));
  CHECK_FALSE(press(view, key_kind::gone));
}

TEST_CASE("top: no line is wider than the screen, and a screen that is too small is empty") {
  bench b(3);
  for (made_socket& one : b.sockets) one.src = one.dst = "2001:db8:1234:5678:9abc:def0:1234:5678";
  b.look();
  b.look();
  top_view view(b.model, top_order::rate, false, second);
  for (const std::size_t columns : {10U, 40U, 79U, 200U}) {
    for (const bool utf8 : {true, false}) {
      for (const screen_line& line : view.draw({8, columns}, utf8)) {
        CHECK(width_of(line.text) <= columns);
        if (!utf8) CHECK(width_of(line.text) == line.text.size());
      }
    }
  }
  CHECK(view.draw({2, 80}, true).empty());
  CHECK(view.draw({24, 5}, true).empty());
  CHECK(press(view, key_kind::enter));
  for (const screen_line& line : view.draw({8, 40}, true)) CHECK(width_of(line.text) <= 40);
}

TEST_CASE("top: an opened connection has its past and what comes, and stays when it has ended") {
  bench b(2);
  b.sockets[1].set(rtt_at, std::uint32_t{5000});
  b.look();
  top_view view(b.model, top_order::rtt, false, second);
  (void)view.draw({24, 120}, true);
  CHECK(view.opened() == 0);
  CHECK(press(view, key_kind::enter));
  REQUIRE(view.opened() == 2);
  // As a collector tells it: lines of an archive, others' among them.
  std::string lines = "no line\n";
  for (int i = 0; i < 10; ++i) {
    for (made_socket& one : b.sockets) {
      one.set(bytes_acked_at, static_cast<std::uint64_t>(1000 * i));
      const message m = one.view();
      std::string line(max_record_size(m), '\0');
      std::size_t n = 0;
      REQUIRE_FALSE(encode_record(
          line, n, timestamp::from_unix_nanoseconds(500 * second + i * second / 2), m));
      lines += line.substr(0, n);
    }
  }
  CHECK(view.line().add_lines(lines, view.opened()) == 10);
  // A step is a second at least.
  REQUIRE(view.line().steps().size() == 4);
  CHECK(view.line().steps().back().sent == 2000.0);
  b.sockets[1].set(bytes_acked_at, std::uint64_t{20'000});
  view.line().add(b.sockets[1].view(), 510 * second);
  // One that is not newer.
  view.line().add(b.sockets[1].view(), 509 * second);
  REQUIRE(view.line().steps().size() == 5);
  std::string text = text_of(view.draw({24, 120}, true));
  CHECK(has(text, "10.1.2.3:443-10.9.8.7:5001"));
  CHECK(has(text, "00:08:30.000"));
  CHECK(has(text, "00:08:21.000"));
  CHECK(has(text, "rate  up to"));
  CHECK(press(view, key_kind::down));
  CHECK_FALSE(has(text_of(view.draw({24, 120}, true)), "00:08:30.000"));
  CHECK(press(view, key_kind::first));
  b.sockets.pop_back();
  b.look();
  text = text_of(view.draw({24, 120}, true));
  CHECK(has(text, "it has ended"));
  CHECK(has(text, "00:08:30.000"));
  CHECK(press(view, "f"));
  CHECK(view.frozen());
  CHECK(press(view, "q"));
  CHECK(view.opened() == 0);
}
