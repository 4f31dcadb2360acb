// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/policer.h"

#include <algorithm>
#include <cmath>

#include "analysis/why/thresholds.h"

namespace tcpinfo::analysis::why {
namespace {

// What passed as a line: bytes a nanosecond from a moment on.
struct line {
  double rate = 0;
  double time = 0;   // ns since the first loss
  double bytes = 0;  // acknowledged by then, since the first loss

  [[nodiscard]] double at(double when) const noexcept { return bytes + rate * (when - time); }
};

// The course of a life from the first loss on.
class course {
 public:
  course(const life& l, const std::vector<std::size_t>& lossy) : l_(l), lossy_(lossy) {}

  [[nodiscard]] double time(std::size_t i) const noexcept {
    return static_cast<double>(l_.to(i).time_ns() - l_.to(lossy_.front()).time_ns());
  }
  [[nodiscard]] double bytes(std::size_t i) const noexcept {
    return static_cast<double>(grown(l_.to(lossy_.front()), l_.to(i), seen::bytes_acked));
  }
  // Between the first loss and the last.
  [[nodiscard]] line mean() const noexcept {
    const double ns = time(lossy_.back());
    return ns > 0 ? line{bytes(lossy_.back()) / ns, 0, 0} : line{};
  }
  // Through all losses, least squares: where the first or the last was of something else, as of the
  // bucket's first filling.
  [[nodiscard]] line fitted() const noexcept {
    const auto n = static_cast<double>(lossy_.size());
    line fit;
    for (const std::size_t i : lossy_) {
      fit.time += time(i) / n;
      fit.bytes += bytes(i) / n;
    }
    double spread = 0;
    double common = 0;
    for (const std::size_t i : lossy_) {
      spread += (time(i) - fit.time) * (time(i) - fit.time);
      common += (time(i) - fit.time) * (bytes(i) - fit.bytes);
    }
    if (spread > 0) fit.rate = common / spread;
    return fit;
  }
  // Whether a bucket that is filled at that rate is empty where something was lost.
  [[nodiscard]] bool is_empty_at_losses(const line& of) const noexcept;
  // And not in debt where nothing was.
  [[nodiscard]] bool is_of_bucket(const line& of) const noexcept;

 private:
  [[nodiscard]] double tokens(const line& of, std::size_t i) const noexcept {
    return of.at(time(i)) - bytes(i);
  }
  // What is filled in a round trip. A round may be longer than that; what passed in it is known at
  // its end only.
  [[nodiscard]] double of_round_trip(const line& of, std::size_t i) const noexcept {
    const auto round_trip = static_cast<double>(l_.to(i).or_zero(seen::rtt)) * 1000;
    return of.rate * std::max(round_trip, static_cast<double>(l_.length_ns(i)));
  }

  const life& l_;
  const std::vector<std::size_t>& lossy_;
};

bool course::is_empty_at_losses(const line& of) const noexcept {
  if (of.rate <= 0) return false;
  std::size_t outside = 0;
  for (const std::size_t i : lossy_)
    if (i != lossy_.front() && std::abs(tokens(of, i)) > (thresholds::policer_empty_rtts +
                                                          thresholds::policer_late_rounds) *
                                                             of_round_trip(of, i))
      ++outside;
  return static_cast<double>(outside) <=
         thresholds::policer_outside_share * static_cast<double>(lossy_.size());
}

bool course::is_of_bucket(const line& of) const noexcept {
  if (!is_empty_at_losses(of)) return false;
  std::size_t passing = 0;
  std::size_t in_debt = 0;
  std::size_t next = 1;
  for (std::size_t i = lossy_.front() + 1; i <= lossy_.back(); ++i) {
    if (i == lossy_[next]) {
      ++next;
      continue;
    }
    ++passing;
    if (tokens(of, i) <
        -(thresholds::policer_debt_rtts + thresholds::policer_late_rounds) * of_round_trip(of, i))
      ++in_debt;
  }
  return static_cast<double>(in_debt) <=
         thresholds::policer_debt_share * static_cast<double>(passing);
}

// Segments sent again, a round.
double mean_lost(const life& l, const std::vector<std::size_t>& lossy) {
  return static_cast<double>(
             grown(l.from(lossy.front()), l.to(lossy.back()), seen::total_retrans)) /
         static_cast<double>(lossy.size());
}

}  // namespace

// The test of Flach et al., "An Internet-Wide Analysis of Traffic Policing" (SIGCOMM 2016), on
// rounds where theirs has packets. The rate is what passed between the first loss and the last. A
// bucket filled at that rate is empty whenever something is lost, and never in debt when nothing
// is; of losses that come at random neither holds. An empty bucket drops several segments before
// the sender knows; where losses are such bunches, the rate may be that of all losses together.
bool is_lost_above_rate(const life& l, const std::vector<std::size_t>& lossy) {
  if (lossy.size() < thresholds::policer_loss_rounds) return false;
  const std::size_t first = lossy.front();
  const std::size_t last = lossy.back();
  if (last - first < thresholds::policer_rounds) return false;
  const std::uint64_t lost = grown(l.from(first), l.to(last), seen::total_retrans);
  const std::uint64_t passed = grown(l.to(first), l.to(last), seen::delivered);
  if (lost < thresholds::policer_lost_segments || passed < thresholds::policer_passed_segments)
    return false;
  const course c(l, lossy);
  return c.is_of_bucket(c.mean()) ||
         (mean_lost(l, lossy) >= thresholds::policer_bunch && c.is_of_bucket(c.fitted()));
}

// Where each n-th segment is lost, or a window that a loss makes little smaller, the rate is as
// steady; but there losses come alone.
bool is_policed(const life& l, const std::vector<std::size_t>& lossy) {
  return is_lost_above_rate(l, lossy) && mean_lost(l, lossy) >= thresholds::policer_least_bunch;
}

// The bucket fills while the sender waits for its timer, 200 ms and more, and empties within some
// short round trips: what is lost then is lost in bunches, and what is sent again at once, with
// them, so that the next timeout follows. Between two of them passes what the bucket was filled
// with, so that they lie on a line. A path that is interrupted lets nothing pass between them.
bool is_policed_by_timeouts(const life& l, const std::vector<std::size_t>& stalls) {
  if (stalls.size() < thresholds::policer_loss_rounds) return false;
  if (mean_lost(l, stalls) < thresholds::policer_bunch) return false;
  const course c(l, stalls);
  return c.is_empty_at_losses(c.fitted());
}

// BBR (version 1) tests for policers itself: after two intervals with losses of a fifth and the
// same rate it goes at that rate for 48 round trips, and looks for no more of it.
bool is_policed_by_bbr(const life& l) {
  if (!l.is_bbr() || !l.base_rtt_us()) return false;
  const double least_ns =
      thresholds::bbr_policed_rtts * static_cast<double>(*l.base_rtt_us()) * 1000;
  const auto lost = static_cast<double>(grown(l.start(), l.final(), seen::total_retrans));
  const auto passed = static_cast<double>(grown(l.start(), l.final(), seen::delivered));
  if (lost < thresholds::bbr_policed_loss_share * (lost + passed)) return false;
  double ns = 0;
  std::uint64_t samples = 0;
  for (std::size_t i = 0; i < l.size(); ++i) {
    if (l.is_opening(i) || l.signs(i).bbr_probes != 0 || !l.to(i).has(seen::bbr_pacing_gain)) {
      ns = 0;
      samples = 0;
      continue;
    }
    ns += static_cast<double>(l.length_ns(i));
    samples += l.signs(i).samples;
    if (ns >= least_ns && samples >= thresholds::bbr_policed_samples) return true;
  }
  return false;
}

}  // namespace tcpinfo::analysis::why
