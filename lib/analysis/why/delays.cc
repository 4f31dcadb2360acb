// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/delays.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "analysis/why/policer.h"
#include "analysis/why/thresholds.h"
#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {
namespace {

// Of the third of the rounds with the smallest windows, or the largest ones: means.
struct third {
  double window = 0;  // segments
  double rate = 0;    // acknowledged bytes a nanosecond
  double queue = 0;   // us
};

struct contrast {
  third small;
  third large;
};

third mean_of(const life& l, const std::vector<std::size_t>& rounds, std::size_t first,
              std::size_t count) {
  third t;
  const auto n = static_cast<double>(count);
  for (std::size_t k = first; k < first + count; ++k) {
    const std::size_t i = rounds[k];
    t.window += static_cast<double>(l.from(i).or_zero(seen::snd_cwnd)) / n;
    t.rate += static_cast<double>(grown(l.from(i), l.to(i), seen::bytes_acked)) /
              static_cast<double>(l.length_ns(i)) / n;
    t.queue += static_cast<double>(l.queue_us(i)) / n;
  }
  return t;
}

// The window of a round is that at its begin; the rate and the delay are what came of it. Of the
// rounds from `first` to `last`.
std::optional<contrast> contrast_of(const life& l, std::size_t first, std::size_t last) {
  std::vector<std::size_t> rounds;
  for (std::size_t i = first; i <= last; ++i)
    if (!l.is_opening(i) && l.length_ns(i) > 0 && l.to(i).or_zero(seen::rtt) != 0 &&
        l.from(i).or_zero(seen::snd_cwnd) != 0 && grown(l.from(i), l.to(i), seen::bytes_acked) != 0)
      rounds.push_back(i);
  if (rounds.size() < thresholds::contrast_rounds) return std::nullopt;
  std::stable_sort(rounds.begin(), rounds.end(), [&l](std::size_t a, std::size_t b) {
    return l.from(a).or_zero(seen::snd_cwnd) < l.from(b).or_zero(seen::snd_cwnd);
  });
  const std::size_t count = rounds.size() / 3;
  return contrast{mean_of(l, rounds, 0, count), mean_of(l, rounds, rounds.size() - count, count)};
}

// The queue that a window makes is what it is beyond the product of rate and delay: it grows with
// the window. What others put into it does not.
bool queue_grew(const contrast& c, double factor) {
  return c.large.queue >= factor * std::max(1.0, c.small.queue);
}

// The round-trip time of the handshake, where a record tells it alone: of no data yet.
std::optional<std::uint64_t> handshake_rtt_us(const life& l) noexcept {
  std::optional<std::uint64_t> found;
  const auto look = [&found](const sample& s) {
    if (is_opening(s.state()) || s.or_zero(seen::rtt) == 0) return true;
    if (s.has(seen::bytes_acked) && s.or_zero(seen::bytes_acked) <= 1) found = s.get(seen::rtt);
    return false;
  };
  if (!look(l.start())) return found;
  for (std::size_t i = 0; i < l.size() && look(l.to(i)); ++i) continue;
  return found;
}

// The handshake, which has no queue of its own, waited in one.
bool was_full_before(const life& l) {
  const auto first = handshake_rtt_us(l);
  if (!first || l.size() == 0) return false;
  const auto base = static_cast<double>(*l.base_rtt_us());
  const double found = static_cast<double>(*first) - base;
  std::vector<std::uint64_t> queues;
  for (std::size_t i = 0; i < l.size(); ++i)
    if (l.to(i).or_zero(seen::rtt) != 0) queues.push_back(l.queue_us(i));
  if (queues.empty()) return false;
  const auto at = static_cast<std::ptrdiff_t>((queues.size() - 1) * 9 / 10);
  std::nth_element(queues.begin(), queues.begin() + at, queues.end());
  const auto high = static_cast<double>(queues[static_cast<std::size_t>(at)]);
  return high >= static_cast<double>(thresholds::others_queue_us) &&
         high >= thresholds::others_queue_share * base &&
         found >= static_cast<double>(thresholds::queue_noise_us) &&
         found >= thresholds::handshake_queue_share * high;
}

// What the path had reordered was taken for lost, and came twice; what waits for others makes round
// trips long as well.
bool was_sent_needlessly(const life& l) {
  const auto again = static_cast<double>(grown(l.start(), l.final(), seen::total_retrans));
  const auto twice = static_cast<double>(grown(l.start(), l.final(), seen::dsack_dups));
  return grown(l.start(), l.final(), seen::reord_seen) != 0 &&
         twice >= thresholds::needless_share * again;
}

bool is_path_full(const life& l) {
  // BBR keeps its queue as short as it finds the path.
  if (l.is_bbr() || !l.base_rtt_us()) return false;
  std::vector<std::size_t> lossy;
  for (std::size_t i = 0; i < l.size(); ++i)
    if (!l.is_opening(i) && grown(l.from(i), l.to(i), seen::total_retrans) != 0) lossy.push_back(i);
  if (lossy.size() < thresholds::loss_rounds || was_sent_needlessly(l)) return false;
  if (was_full_before(l)) return true;
  if (is_lost_above_rate(l, lossy)) return false;
  const auto c = contrast_of(l, 0, lossy.back());
  if (!c || queue_grew(*c, thresholds::own_queue_growth)) return false;
  const auto base = static_cast<double>(*l.base_rtt_us());
  const double queue = c->large.queue;
  return queue >= static_cast<double>(thresholds::others_queue_us) &&
         queue >= thresholds::others_queue_share * base &&
         queue < thresholds::others_queue_most * (queue + base);
}

}  // namespace

bool is_delay_of_path(const life& l) {
  if (l.size() == 0) return false;
  const auto c = contrast_of(l, 0, l.size() - 1);
  if (!c || c->small.rate <= 0 || c->small.window <= 0) return false;
  const double window = c->large.window / c->small.window;
  const double rate = c->large.rate / c->small.rate;
  // As powers of the window go: the rate grew by half of it and more, the delay by less.
  return window >= thresholds::contrast_windows && rate * rate >= window &&
         c->large.queue * thresholds::path_delay_growth >= c->small.queue &&
         !queue_grew(*c, std::max(thresholds::path_delay_growth, std::sqrt(window)));
}

// IMC 2017 (Sundaresan et al.) tells a queue that a flow fills by itself from one that was full
// before by how far the round-trip times of slow start are apart, as part of the largest one. Of
// records only smoothed ones are known, so the whole life is looked at, and that there were losses
// while the delay did not follow the window.
void label_congestion(const life& l, labels& to) {
  if (!is_path_full(l)) return;
  for (std::size_t i = 0; i < l.size(); ++i)
    if (to[i] == cause::none && l.has_rest(i) && !l.is_opening(i) && !l.has_sent_all(i))
      to[i] = cause::congested_path;
}

void explain_congestion(const life& l, phase& p) {
  const sample& before = l.from(p.first);
  const sample& after = l.to(p.last);
  p.sentence = fmt::format(
      "The path was full without this connection: round trips took {} and more whatever it sent, "
      "and segments were lost.",
      us_text(l.base_rtt_us().value_or(0)));
  p.show(after, seen::rtt, "round-trip time");
  p.show(after, seen::min_rtt, "lowest round-trip time");
  p.show(before, seen::snd_cwnd, "congestion window at first");
  p.show(after, seen::snd_cwnd, "congestion window at last");
  p.show_growth(before, after, seen::total_retrans, "segments sent again");
}

}  // namespace tcpinfo::analysis::why
