// SPDX-License-Identifier: Apache-2.0
#include "analysis/statistics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <utility>

#include "analysis/statistics/quantile.h"
#include "analysis/statistics/student.h"

namespace tcpinfo::analysis::statistics {
namespace {

// Draws clusters with replacement. The standard says what the engine gives, and of distributions it
// does not: so that one is our own, and a seed gives the same interval everywhere.
class cluster_draws {
 public:
  explicit cluster_draws(std::uint64_t seed) : engine_(seed) {}

  // How often each cluster was drawn.
  void draw(std::span<std::uint32_t> times) {
    std::fill(times.begin(), times.end(), 0U);
    for (std::size_t i = 0; i < times.size(); ++i) ++times[below(times.size())];
  }

 private:
  // From 0 to n - 1, each as likely: numbers of the last, incomplete round are passed over.
  std::size_t below(std::size_t n) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t whole = most - most % n;
    std::uint64_t number = engine_();
    while (number >= whole) number = engine_();
    return static_cast<std::size_t>(number % n);
  }

  std::mt19937_64 engine_;
};

// On the scale on which effects are compared: logarithms of ratios.
double distance(double a, double b, effect_kind kind) noexcept {
  if (kind == effect_kind::difference) return b - a;
  if (a == b) return 0;  // also where both are 0
  return std::log(b) - std::log(a);
}

double of_distance(double d, effect_kind kind) noexcept {
  return kind == effect_kind::difference ? d : std::exp(d);
}

// Which share of the draws lies beyond each bound. The percentile interval is too narrow with few
// clusters, as a normal interval with the estimated variance is; this widens it as Student's
// distribution and the factor n / (n - 1) widen that one (Hesterberg 2015, "expanded percentile").
double share_beyond(double clusters, double confidence) noexcept {
  const double n = std::max(std::floor(clusters), 2.0);
  const double share = (1 + confidence) / 2;
  const double t = student_quantile(share, static_cast<unsigned>(std::min(n, 1e6)) - 1);
  return normal_below(-t * std::sqrt(n / (n - 1)));
}

// Of draws that are sorted, the one below which `share` of them lie, between two in proportion.
double drawn_at(std::span<const double> sorted, double share) noexcept {
  const auto n = static_cast<double>(sorted.size());
  const double at = std::clamp(share * (n + 1) - 1, 0.0, n - 1);
  const auto below = static_cast<std::size_t>(at);
  const double rest = at - static_cast<double>(below);
  const double low = sorted[below];
  // An infinite one times 0 is no number.
  if (rest == 0 || below + 1 == sorted.size() || low == sorted[below + 1] || std::isinf(low))
    return low;
  return low + (sorted[below + 1] - low) * rest;
}

void set_bounds(effect& e, std::vector<double>& drawn, effect_kind kind, double clusters,
                double confidence) {
  std::sort(drawn.begin(), drawn.end());
  const double beyond = share_beyond(clusters, confidence);
  e.low = of_distance(drawn_at(drawn, beyond), kind);
  e.high = of_distance(drawn_at(drawn, 1 - beyond), kind);
}

bool has_few_beyond(const sample_size& size, unsigned percent) noexcept {
  return size.observations * std::min(percent, 100 - percent) < fewest_beyond * 100;
}

// Of shares nothing but the sums of each cluster is needed.
struct cluster_sum {
  double value = 0;
  double weight = 0;
};

std::vector<cluster_sum> sums_of(std::span<const observation> all, std::size_t clusters) {
  std::vector<cluster_sum> sums(clusters);
  for (const observation& one : all) {
    sums[one.cluster].value += one.value;
    sums[one.cluster].weight += one.weight;
  }
  return sums;
}

cluster_sum total_of(std::span<const cluster_sum> sums, std::span<const std::uint32_t> times) {
  cluster_sum total;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    total.value += sums[i].value * times[i];
    total.weight += sums[i].weight * times[i];
  }
  return total;
}

double share_of(const cluster_sum& total) noexcept {
  return total.weight > 0 ? total.value / total.weight : 0;
}

}  // namespace

quantile_comparison::side::side(std::vector<observation> from)
    : sorted(std::move(from)), cluster_sizes(renumber(sorted)), size(size_of(cluster_sizes)) {
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const observation& x, const observation& y) { return x.value < y.value; });
}

quantile_comparison::quantile_comparison(std::vector<observation> a, std::vector<observation> b)
    : a_(std::move(a)), b_(std::move(b)) {}

std::vector<effect> quantile_comparison::effects(std::span<const unsigned> percents,
                                                 effect_kind kind,
                                                 const bootstrap_options& options) const {
  std::vector<effect> made(percents.size());
  std::vector<double> at_a(percents.size());
  std::vector<double> at_b(percents.size());
  std::vector<std::uint32_t> times_a(a_.cluster_sizes.size(), 1);
  std::vector<std::uint32_t> times_b(b_.cluster_sizes.size(), 1);
  const auto compute = [&](const side& s, std::span<const std::uint32_t> times,
                           std::vector<double>& to) {
    if (!s.sorted.empty()) quantiles_of(s.sorted, times, percents, to);
  };
  compute(a_, times_a, at_a);
  compute(b_, times_b, at_b);
  bool any = false;
  const double clusters = std::min(a_.size.effective, b_.size.effective);
  for (std::size_t i = 0; i < percents.size(); ++i) {
    effect& e = made[i];
    e.a = at_a[i];
    e.b = at_b[i];
    e.clusters = clusters;
    if (a_.sorted.empty() || b_.sorted.empty())
      e.why = unsaid::no_values;
    else if (clusters < fewest_clusters)
      e.why = unsaid::few_clusters;
    else if (has_few_beyond(a_.size, percents[i]) || has_few_beyond(b_.size, percents[i]))
      e.why = unsaid::few_values;
    else if (kind == effect_kind::ratio && e.a <= 0)
      e.why = unsaid::zero;
    else
      e.change = of_distance(distance(e.a, e.b, kind), kind);
    any = any || e.why == unsaid::nothing;
  }
  if (!any) return made;
  std::vector<std::vector<double>> drawn(percents.size());
  for (std::vector<double>& d : drawn) d.reserve(options.draws);
  cluster_draws draws(options.seed);
  for (std::size_t n = 0; n < options.draws; ++n) {
    draws.draw(times_a);
    draws.draw(times_b);
    compute(a_, times_a, at_a);
    compute(b_, times_b, at_b);
    for (std::size_t i = 0; i < percents.size(); ++i)
      drawn[i].push_back(distance(at_a[i], at_b[i], kind));
  }
  for (std::size_t i = 0; i < percents.size(); ++i)
    if (made[i].why == unsaid::nothing)
      set_bounds(made[i], drawn[i], kind, clusters, options.confidence);
  return made;
}

effect share_effect(std::vector<observation> a, std::vector<observation> b, bool cases_count,
                    const bootstrap_options& options) {
  constexpr effect_kind kind = effect_kind::difference;
  effect e;
  const std::vector<std::uint32_t> sizes_a = renumber(a);
  const std::vector<std::uint32_t> sizes_b = renumber(b);
  const std::vector<cluster_sum> sums_a = sums_of(a, sizes_a.size());
  const std::vector<cluster_sum> sums_b = sums_of(b, sizes_b.size());
  std::vector<std::uint32_t> times_a(sizes_a.size(), 1);
  std::vector<std::uint32_t> times_b(sizes_b.size(), 1);
  const cluster_sum all_a = total_of(sums_a, times_a);
  const cluster_sum all_b = total_of(sums_b, times_b);
  e.a = share_of(all_a);
  e.b = share_of(all_b);
  const double clusters = std::min(size_of(sizes_a).effective, size_of(sizes_b).effective);
  e.clusters = clusters;
  const double cases = all_a.value + all_b.value;
  const double others = all_a.weight + all_b.weight - cases;
  constexpr auto fewest = static_cast<double>(fewest_beyond);
  if (all_a.weight <= 0 || all_b.weight <= 0)
    e.why = unsaid::no_values;
  else if (clusters < fewest_clusters)
    e.why = unsaid::few_clusters;
  else if (cases_count ? std::min(cases, others) < fewest : cases <= 0)
    e.why = unsaid::few_values;
  if (e.why != unsaid::nothing) return e;
  e.change = e.b - e.a;
  std::vector<double> drawn;
  drawn.reserve(options.draws);
  cluster_draws draws(options.seed);
  for (std::size_t n = 0; n < options.draws; ++n) {
    draws.draw(times_a);
    draws.draw(times_b);
    drawn.push_back(share_of(total_of(sums_b, times_b)) - share_of(total_of(sums_a, times_a)));
  }
  set_bounds(e, drawn, kind, clusters, options.confidence);
  return e;
}

}  // namespace tcpinfo::analysis::statistics
