// SPDX-License-Identifier: Apache-2.0
//
// A connection's records as a test tells them: fields stay as they are until they are set anew.
#ifndef TCPINFO_TEST_UNIT_ANALYSIS_WHY_MADE_HISTORY_H
#define TCPINFO_TEST_UNIT_ANALYSIS_WHY_MADE_HISTORY_H

#include <tcpinfo/parse.h>
#include <tcpinfo/tcp.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "analysis/why/examiner.h"
#include "unit/catch.h"
#include "unit/made_socket.h"

namespace why = tcpinfo::analysis::why;
using tcpinfo::tcp_field;

class made_history {
 public:
  static constexpr std::int64_t begin_ns = 1'700'000'000'000'000'000;

  made_history() {
    set(tcp_field::rtt, 20'000);
    set(tcp_field::rttvar, 500);
    set(tcp_field::min_rtt, 20'000);
    set(tcp_field::rto, 220'000);
    set(tcp_field::snd_mss, mss);
    set(tcp_field::snd_cwnd, 10);
    set(tcp_field::snd_ssthresh, 0x7fffffff);
    set(tcp_field::snd_wnd, 6'000'000);
    set(tcp_field::max_pacing_rate, ~std::uint64_t{0});
    set(tcp_field::pacing_rate, 100'000'000);
  }

  static constexpr std::uint64_t mss = 1448;

  made_history& set(tcp_field f, std::uint64_t value) {
    const auto d = tcpinfo::describe(f);
    std::uint64_t word = 0;
    std::memcpy(&word, socket.info.data() + d.offset(), d.size());
    const std::uint64_t ones =
        d.bits() == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << d.bits()) - 1;
    word = (word & ~(ones << d.bit_shift())) | (value & ones) << d.bit_shift();
    std::memcpy(socket.info.data() + d.offset(), &word, d.size());
    return *this;
  }
  [[nodiscard]] std::uint64_t get(tcp_field f) const {
    std::uint64_t value = 0;
    (void)tcpinfo::read_tcp_field(std::as_bytes(std::span(full_info())), tcpinfo::info_layout::a, f,
                                  value);
    return value;
  }
  made_history& grow(tcp_field f, std::uint64_t by) { return set(f, get(f) + by); }
  /// So much was sent and acknowledged.
  made_history& pass(std::uint64_t segments) {
    grow(tcp_field::bytes_acked, segments * mss);
    grow(tcp_field::bytes_sent, segments * mss);
    grow(tcp_field::delivered, segments);
    return grow(tcp_field::data_segs_out, segments);
  }
  /// So many were sent again.
  made_history& lose(std::uint64_t segments) {
    grow(tcp_field::bytes_sent, segments * mss);
    grow(tcp_field::bytes_retrans, segments * mss);
    grow(tcp_field::data_segs_out, segments);
    return grow(tcp_field::total_retrans, segments);
  }
  /// A record after so many milliseconds, in which the sender was busy all the time.
  made_history& busy(std::int64_t ms) {
    grow(tcp_field::busy_time, static_cast<std::uint64_t>(ms) * 1000);
    return after(ms);
  }
  /// A record after so many milliseconds.
  made_history& after(std::int64_t ms) {
    now_ns += ms * 1'000'000;
    return record();
  }
  made_history& record() {
    const std::string whole = socket.info;
    if (info_size) socket.info.resize(*info_size);
    (void)socket.view();
    socket.info = whole;
    auto word = rqueue;
    std::memcpy(socket.built.header.data() + 56, &word, 4);
    if (rcvbuf != 0) {
      std::array<std::uint32_t, 9> memory{};
      memory[0] = unread_memory;
      memory[1] = rcvbuf;
      memory[3] = sndbuf;
      memory[5] = wmem_queued;
      memory[8] = drops;
      add(tcpinfo::attribute_type::skmeminfo, memory);
    }
    if (bbr_gain != 0) {
      const std::array<std::uint32_t, 5> bbr{0, 0, 0, bbr_gain, 512};
      add(tcpinfo::attribute_type::bbrinfo, bbr);
    }
    REQUIRE(!decoded.decode(socket.built.view(), tcpinfo::info_layout::a));
    took = examiner.add(decoded, now_ns);
    return *this;
  }

  [[nodiscard]] why::verdict verdict(why::view of = why::view::sender) const {
    for (const why::verdict& v : examiner.verdicts())
      if (v.of == of) return v;
    FAIL("no such view");
    return {};
  }
  [[nodiscard]] std::string cause(why::view of = why::view::sender) const {
    return std::string(why::name_of(verdict(of).main));
  }
  [[nodiscard]] double seconds(why::cause c, why::view of = why::view::sender) const {
    return static_cast<double>(verdict(of).times[why::index_of(c)]) / 1e9;
  }

  made_socket socket;
  std::optional<std::size_t> info_size;  ///< an older kernel's
  std::uint32_t rqueue = 0;
  std::uint32_t rcvbuf = 0;  ///< 0: no SKMEMINFO
  std::uint32_t unread_memory = 0;
  std::uint32_t sndbuf = 0;
  std::uint32_t wmem_queued = 0;
  std::uint32_t drops = 0;
  std::uint32_t bbr_gain = 0;  ///< 0: not BBR
  std::int64_t now_ns = begin_ns;
  bool took = false;
  tcpinfo::snapshot decoded;
  why::examiner examiner;

 private:
  [[nodiscard]] const std::string& full_info() const { return socket.info; }
  template <class T>
  void add(tcpinfo::attribute_type type, const T& words) {
    socket.built.add(static_cast<std::uint16_t>(type),
                     std::string(reinterpret_cast<const char*>(words.data()), sizeof words));
  }
};

#endif
