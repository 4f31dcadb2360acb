// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/slow_start.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {

bool is_in_slow_start(const sample& s) noexcept {
  return s.has(seen::snd_ssthresh) &&
         descriptor_of(seen::snd_ssthresh).sentinel() == s.get(seen::snd_ssthresh);
}

// What fits into the first window waits for nothing.
bool is_held_by_cwnd(const life& l, std::size_t i) noexcept {
  const bool had_more = l.from(i).or_zero(seen::notsent_bytes) != 0 || l.signs(i).had_more;
  if (!had_more && l.to(i).has(seen::notsent_bytes)) return false;
  const std::uint64_t before = l.from(i).or_zero(seen::snd_cwnd);
  return l.to(i).or_zero(seen::snd_cwnd) > before ||
         (before != 0 && l.from(i).or_zero(seen::unacked) >= before);
}

namespace {

// The round in which slow start was left without a loss or a mark; nullopt where it was not, and
// where a cached threshold was there from the beginning.
std::optional<std::size_t> quiet_exit(const life& l) {
  for (std::size_t i = 0; i < l.size(); ++i) {
    if (!is_in_slow_start(l.from(i))) return std::nullopt;
    if (is_in_slow_start(l.to(i)) || !l.to(i).has(seen::snd_ssthresh)) continue;
    const bool quiet = l.to(i).or_zero(seen::bytes_retrans) == 0 &&
                       l.to(i).or_zero(seen::delivered_ce) == 0 &&
                       l.to(i).or_zero(seen::ca_state) == 0;
    return quiet ? std::optional(i) : std::nullopt;
  }
  return std::nullopt;
}

// Where slow start was left quietly: until when the window then grew, with no loss and no queue.
std::size_t peak_behind(const life& l, std::size_t exit) noexcept {
  std::size_t peak = exit;
  for (std::size_t i = exit + 1; i < l.size(); ++i) {
    if (grown(l.from(i), l.to(i), seen::total_retrans) != 0 || l.is_queued(i)) break;
    if (l.to(i).or_zero(seen::snd_cwnd) >= l.to(peak).or_zero(seen::snd_cwnd)) peak = i;
  }
  return peak;
}

// What was sent in that time, as windows of the size at the exit.
double windows_behind(const life& l, std::size_t exit, std::size_t peak) noexcept {
  const auto window =
      static_cast<double>(l.to(exit).or_zero(seen::snd_cwnd) * l.to(exit).or_zero(seen::snd_mss));
  return window > 0 ? static_cast<double>(grown(l.to(exit), l.to(peak), seen::bytes_acked)) / window
                    : 0;
}

// Slow start would have sent 1, 2, 4 … windows in as many round trips.
bool was_left_early(const life& l, std::size_t exit, std::size_t peak) noexcept {
  const auto round_trip = static_cast<double>(l.to(exit).or_zero(seen::rtt)) * 1000;
  const double doubling = std::log2(1 + windows_behind(l, exit, peak)) * round_trip;
  const auto took = static_cast<double>(l.to(peak).time_ns() - l.to(exit).time_ns());
  const auto whole = static_cast<double>(l.to(peak).time_ns() - l.start().time_ns());
  const bool grew =
      static_cast<double>(l.to(peak).or_zero(seen::snd_cwnd)) >=
      thresholds::early_exit_growth * static_cast<double>(l.to(exit).or_zero(seen::snd_cwnd));
  return grew && took - doubling >= thresholds::early_exit_share * whole;
}

}  // namespace

void label_slow_start(const life& l, labels& to) {
  // BBR keeps no threshold.
  if (l.size() == 0 || l.is_bbr()) return;
  const auto exit = quiet_exit(l);
  const std::size_t peak = exit ? peak_behind(l, *exit) : 0;
  // What was left to be sent at the exit would have been on its way one round trip later.
  const bool just_left =
      exit && peak + 1 == l.size() && windows_behind(l, *exit, peak) <= thresholds::last_windows;
  if (is_in_slow_start(l.final()) || just_left) {
    const std::size_t end = just_left ? *exit + 1 : l.size();
    for (std::size_t i = 0; i < end; ++i)
      if (to[i] == cause::none && l.has_rest(i) && !l.is_opening(i) && is_held_by_cwnd(l, i))
        to[i] = cause::slow_start_never_left;
    return;
  }
  // HyStart (RFC 9406) takes a longer round-trip time for a queue. That it was none shows when the
  // window grows on without a loss or a queue.
  if (!exit || !was_left_early(l, *exit, peak)) return;
  for (std::size_t i = *exit + 1; i <= peak; ++i)
    if (to[i] == cause::none && l.has_rest(i)) to[i] = cause::slow_start_left_early;
}

void explain_slow_start(const life& l, phase& p) {
  const sample& before = l.from(p.first);
  const sample& after = l.to(p.last);
  if (p.of == cause::slow_start_never_left)
    p.sentence = fmt::format(
        "The connection ended in slow start: {} were sent while the congestion window grew from {} "
        "to {}, a round trip of {} each time.",
        bytes_text(l.final().or_zero(seen::bytes_acked)), before.or_zero(seen::snd_cwnd),
        counted(after.or_zero(seen::snd_cwnd), "segment"), us_text(after.or_zero(seen::rtt)));
  else
    p.sentence = fmt::format(
        "Slow start was left at {} without a loss, and the window then grew slowly to {}.",
        counted(before.or_zero(seen::snd_cwnd), "segment"), after.or_zero(seen::snd_cwnd));
  p.show(after, seen::snd_ssthresh, "slow-start threshold");
  p.show(before, seen::snd_cwnd, "congestion window at first");
  p.show(after, seen::snd_cwnd, "congestion window at last");
  p.show(after, seen::rtt, "round-trip time");
}

}  // namespace tcpinfo::analysis::why
