// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/windows.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {

// T-RAT calls a flow limited by the window where what is outstanding stays at it; the kernel's
// chronographs count that time themselves, whenever the congestion window would have allowed more.
bool is_of_window(const split& s) noexcept {
  const std::int64_t busy = s.window + s.buffer + s.rest;
  return s.told && busy > 0 &&
         static_cast<double>(s.window) >= thresholds::window_share * static_cast<double>(busy);
}

// everoute: 0.3 of the time and more, whoever has the rest.
bool is_of_buffer(const split& s) noexcept {
  const std::int64_t busy = s.window + s.buffer + s.rest;
  return s.told && busy > 0 &&
         static_cast<double>(s.buffer) >= thresholds::send_buffer_share * static_cast<double>(busy);
}

// What waits for a lost or a late segment takes room as well.
std::uint64_t window_falls(const life& l, std::size_t i) noexcept {
  for (const seen f : {seen::total_retrans, seen::reord_seen, seen::dsack_dups})
    if (grown(l.from(i), l.to(i), f) != 0) return 0;
  return l.signs(i).window_falls;
}

bool is_window_falling(const life& l, std::size_t i) noexcept {
  const std::size_t first = i == 0 ? 0 : i - 1;
  const std::size_t last = std::min(l.size() - 1, i + 1);
  // A hole is filled a round later.
  const std::size_t filled = std::min(l.size() - 1, last + 1);
  if (grown(l.from(first), l.to(filled), seen::total_retrans) != 0) return false;
  std::uint64_t fell = 0;
  for (std::size_t k = first; k <= last; ++k) {
    if (l.to(k).or_zero(seen::ca_state) != 0) return false;
    fell += window_falls(l, k);
  }
  const auto acked = static_cast<double>(grown(l.from(first), l.to(last), seen::bytes_acked));
  return fell != 0 && static_cast<double>(fell) >= thresholds::falling_window_share * acked;
}

// A reader that is slow lets the window fall to nothing, so that the sender probes, or far below
// what it was, or by what arrives until it reads on; a buffer that is small leaves it where it is.
// Between two probes the window may be open a little, so a stretch of stalled rounds is judged as
// one.
labels window_causes(const life& l) {
  labels causes(l.size(), cause::none);
  std::uint64_t widest = l.start().or_zero(seen::snd_wnd);
  std::size_t first = 0;
  while (first < l.size()) {
    if (l.split_of(first).window == 0) {
      widest = std::max(widest, l.signs(first).most_snd_wnd);
      ++first;
      continue;
    }
    std::size_t end = first;
    std::int64_t stalled = 0;
    std::int64_t closed = 0;
    std::uint64_t fell = 0;
    for (; end < l.size() && l.split_of(end).window > 0; ++end) {
      const round_signs& m = l.signs(end);
      const std::int64_t window = l.split_of(end).window;
      stalled += window;
      if (m.window_closed != 0 || static_cast<double>(m.most_snd_wnd) <
                                      thresholds::shrunk_window_share * static_cast<double>(widest))
        closed += window;
      fell += window_falls(l, end);
      widest = std::max(widest, m.most_snd_wnd);
    }
    const auto acked = static_cast<double>(grown(l.from(first), l.to(end - 1), seen::bytes_acked));
    const bool falls =
        fell != 0 && static_cast<double>(fell) >= thresholds::falling_window_share * acked;
    const bool reads_slowly =
        falls || static_cast<double>(closed) >=
                     thresholds::closed_window_share * static_cast<double>(stalled);
    std::fill(causes.begin() + static_cast<std::ptrdiff_t>(first),
              causes.begin() + static_cast<std::ptrdiff_t>(end),
              reads_slowly ? cause::peer_reads_slowly : cause::peer_window);
    first = end;
  }
  return causes;
}

void explain_window(const life& l, phase& p) {
  const sample& before = l.from(p.first);
  const sample& s = l.to(p.last);
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t most = 0;
  for (std::size_t i = p.first; i <= p.last; ++i) {
    least = std::min(least, l.signs(i).least_snd_wnd);
    most = std::max(most, l.signs(i).most_snd_wnd);
  }
  if (p.of == cause::peer_reads_slowly) {
    // Kernels before 5.4 do not tell the window.
    const std::string shrank =
        most >= least ? fmt::format("its window shrank to {}, and ", bytes_text(least)) : "";
    p.sentence = fmt::format(
        "The peer's program reads slower than data comes: {}sending waited for it to read.",
        shrank);
    p.show(s, seen::probes, "probes of the closed window not answered yet");
  } else if (s.has(seen::snd_wnd) && most >= least) {
    p.sentence = fmt::format(
        "The peer's receive window of {} was full: with a round trip of {} it lets {} pass.",
        bytes_text(most), us_text(s.or_zero(seen::rtt)),
        rate_text(static_cast<double>(most) * 1e6 /
                  static_cast<double>(std::max<std::uint64_t>(1, s.or_zero(seen::rtt)))));
  } else {
    p.sentence = "The peer's receive window was full.";
  }
  p.show_growth(before, s, seen::rwnd_limited, "time stalled by the peer's window");
  p.show_growth(before, s, seen::busy_time, "time with data to be sent or acknowledged");
  p.show(s, seen::snd_wnd, "the window that the peer announces");
  p.show(s, seen::rtt, "round-trip time");
}

void explain_buffer(const life& l, phase& p) {
  const sample& before = l.from(p.first);
  const sample& s = l.to(p.last);
  p.sentence =
      s.has(seen::sndbuf)
          ? fmt::format(
                "The send buffer of {} was full of data in flight: the program "
                "could not write more.",
                bytes_text(s.or_zero(seen::sndbuf)))
          : "The send buffer was full of data in flight: the program could not write more.";
  p.show_growth(before, s, seen::sndbuf_limited, "time stalled by the send buffer");
  p.show_growth(before, s, seen::busy_time, "time with data to be sent or acknowledged");
  p.show(s, seen::sndbuf, "size of the send buffer");
  p.show(s, seen::wmem_queued, "memory in it");
  p.show(s, seen::snd_cwnd, "congestion window: it would have allowed more");
}

}  // namespace tcpinfo::analysis::why
