// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/life.h"

#include <algorithm>

#include "analysis/why/delays.h"
#include "analysis/why/thresholds.h"

namespace tcpinfo::analysis::why {

life::life(const round_cutter& cut) : cut_(cut) {
  const auto look = [this](const sample& s) {
    if (s.has(seen::bbr_pacing_gain)) bbr_ = true;
    for (const seen f : {seen::min_rtt, seen::rtt}) {
      const auto rtt = s.get(f);
      if (!rtt || *rtt == 0 || descriptor_of(f).sentinel() == *rtt) continue;
      if (!base_rtt_us_ || *rtt < *base_rtt_us_) base_rtt_us_ = *rtt;
    }
  };
  look(cut.start());
  for (const round& r : cut.rounds()) look(r.last);

  rates_.resize(size());
  for (std::size_t i = 0; i < size(); ++i) {
    const std::size_t half = thresholds::rate_rounds / 2;
    const std::size_t first = i < half ? 0 : i - half;
    const std::size_t last = std::min(size() - 1, first + thresholds::rate_rounds - 1);
    const std::int64_t ns = to(last).time_ns() - from(first).time_ns();
    if (ns <= 0) continue;
    rates_[i] = static_cast<double>(grown(from(first), to(last), seen::bytes_acked)) * 1e9 /
                static_cast<double>(ns);
  }
  delayed_by_path_ = is_delay_of_path(*this);
}

split life::split_of(std::size_t i) const noexcept {
  split s;
  const std::int64_t length = length_ns(i);
  s.rest = length;
  const auto busy = growth(from(i), to(i), seen::busy_time);
  const auto window = growth(from(i), to(i), seen::rwnd_limited);
  const auto buffer = growth(from(i), to(i), seen::sndbuf_limited);
  if (!busy || !window || !buffer ||
      length < thresholds::steps_of_a_round * thresholds::chronograph_step_ns)
    return s;
  s.told = true;
  // They count in steps, which may be more than has passed.
  const auto bounded = [](std::uint64_t us, std::int64_t most) {
    return us > static_cast<std::uint64_t>(most) / 1000 ? most
                                                        : static_cast<std::int64_t>(us) * 1000;
  };
  const std::int64_t busy_ns = bounded(*busy, length);
  s.idle = length - busy_ns;
  s.window = bounded(*window, busy_ns);
  s.buffer = bounded(*buffer, busy_ns - s.window);
  s.rest = busy_ns - s.window - s.buffer;
  return s;
}

bool life::is_opening(std::size_t i) const noexcept { return why::is_opening(from(i).state()); }

bool life::has_sent_all(std::size_t i) const noexcept {
  const auto left = growth(from(i), final(), seen::bytes_sent);
  // Of what is sent again some is counted as sent again.
  const auto again = grown(from(i), final(), seen::bytes_retrans);
  return left && *left <= again && from(i).or_zero(seen::notsent_bytes) == 0;
}

std::uint64_t life::queue_us(std::size_t i) const noexcept {
  const std::uint64_t rtt = to(i).or_zero(seen::rtt);
  return base_rtt_us_ && rtt > *base_rtt_us_ ? rtt - *base_rtt_us_ : 0;
}

// More than noise of hosts, than jitter, and than that part of the lowest round-trip time.
bool life::has_queue(std::size_t i, double share) const noexcept {
  if (!base_rtt_us_) return false;
  const auto queue = static_cast<double>(queue_us(i));
  return queue > static_cast<double>(thresholds::queue_noise_us) &&
         queue > share * static_cast<double>(*base_rtt_us_) &&
         queue > thresholds::queue_deviations * static_cast<double>(to(i).or_zero(seen::rttvar));
}

bool life::is_queued(std::size_t i) const noexcept {
  return !delayed_by_path_ && has_queue(i, thresholds::queue_factor - 1);
}

bool life::is_behind_queue(std::size_t i) const noexcept {
  return has_queue(i, thresholds::short_queue_share);
}

bool life::is_steady(std::size_t i) const noexcept {
  // Of the rounds around it: another time of the connection may have had another path.
  const std::size_t first = i - std::min(i, thresholds::rate_rounds);
  const std::size_t last = std::min(size() - 1, i + thresholds::rate_rounds);
  const auto from = rates_.begin() + static_cast<std::ptrdiff_t>(first);
  const double top =
      *std::max_element(from, rates_.begin() + static_cast<std::ptrdiff_t>(last) + 1);
  return top > 0 && rates_[i] >= thresholds::steady_rate_share * top;
}

}  // namespace tcpinfo::analysis::why
