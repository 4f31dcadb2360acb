// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/pacing.h"

#include <fmt/format.h>

#include <limits>

#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {
namespace {

// Kernels before 4.20 have 32 bits for it, all of them ones where there is no cap.
bool is_capped(const sample& s) noexcept {
  const std::uint64_t cap = s.or_zero(seen::max_pacing_rate);
  return cap != 0 && cap != std::numeric_limits<std::uint64_t>::max() &&
         cap != std::numeric_limits<std::uint32_t>::max();
}

}  // namespace

// The kernel paces at the smaller one of what congestion control wants and the cap; where both are
// the same the cap holds.
void label_pacing(const life& l, labels& to) {
  for (std::size_t i = 0; i < l.size(); ++i) {
    const sample& s = l.to(i);
    if (to[i] != cause::none || !l.has_rest(i) || !is_capped(s)) continue;
    const auto cap = static_cast<double>(s.or_zero(seen::max_pacing_rate));
    if (s.or_zero(seen::pacing_rate) >= s.or_zero(seen::max_pacing_rate) &&
        l.rate(i) >= thresholds::pacing_used_share * cap)
      to[i] = cause::pacing_cap;
  }
}

void label_bbr(const life& l, labels& to) {
  for (std::size_t i = 0; i < l.size(); ++i)
    if (to[i] == cause::none && l.has_rest(i) && l.signs(i).bbr_phases > l.signs(i).samples / 2)
      to[i] = cause::bbr_phase;
}

void explain_pacing(const life& l, phase& p) {
  const sample& s = l.to(p.last);
  p.sentence = fmt::format(
      "The program asked for no more: it was sent at {}, and the cap on pacing is {}.",
      rate_text(l.rate(p.last)), rate_text(static_cast<double>(s.or_zero(seen::max_pacing_rate))));
  p.show(s, seen::max_pacing_rate, "cap on pacing (SO_MAX_PACING_RATE)");
  p.show(s, seen::pacing_rate, "rate at which sending is paced");
}

void explain_bbr(const life& l, phase& p) {
  const sample& s = l.to(p.last);
  p.sentence = is_bbr_draining(s)
                   ? "BBR sent less to drain the queue that its startup had made."
                   : "BBR sent four segments a round trip to see the lowest round-trip time.";
  p.show(s, seen::bbr_pacing_gain, "gain of BBR's pacing, in 256ths");
  p.show(s, seen::snd_cwnd, "congestion window");
}

}  // namespace tcpinfo::analysis::why
