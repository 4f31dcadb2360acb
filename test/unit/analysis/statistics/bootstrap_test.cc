// SPDX-License-Identifier: Apache-2.0
#include "analysis/statistics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "unit/catch.h"

namespace st = tcpinfo::analysis::statistics;
using Catch::Approx;
using st::effect;
using st::effect_kind;
using st::observation;
using st::unsaid;

namespace {

// Numbers that are the same with every standard library.
class made_numbers {
 public:
  explicit made_numbers(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return (static_cast<double>(engine_() >> 11U) + 0.5) / 9007199254740992.0; }
  double normal() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 engine_;
};

// Clusters of 1 to some 80 observations, 15 in the mean; those of one cluster are alike.
std::vector<observation> clustered(made_numbers& numbers, std::uint32_t clusters, double scale) {
  std::vector<observation> made;
  for (std::uint32_t c = 0; c < clusters; ++c) {
    const double common = 0.8 * numbers.normal();
    const auto n = static_cast<int>(-std::log(numbers.uniform()) * 15) + 1;
    for (int i = 0; i < n; ++i)
      made.push_back({scale * std::exp(common + 0.6 * numbers.normal()), c});
  }
  return made;
}

bool holds(const effect& e, double truth) { return e.low <= truth && truth <= e.high; }

}  // namespace

TEST_CASE("intervals of quantiles hold the true ratio about as often as they say", "[statistics]") {
  made_numbers numbers(20260131);
  constexpr unsigned percents[] = {50, 90};
  constexpr int rounds = 200;
  int held[] = {0, 0};
  int held_as_if_single = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<observation> a = clustered(numbers, 45, 1);
    std::vector<observation> b = clustered(numbers, 60, 1.5);
    const st::bootstrap_options options{static_cast<std::uint64_t>(round), 200};
    const auto effects =
        st::quantile_comparison(a, b).effects(percents, effect_kind::ratio, options);
    for (std::size_t i = 0; i < 2; ++i) {
      REQUIRE(effects[i].why == unsaid::nothing);
      if (holds(effects[i], 1.5)) ++held[i];
    }
    // Whoever takes each connection for a cluster of its own believes to know more than can be.
    std::uint32_t n = 0;
    for (auto* side : {&a, &b})
      for (observation& one : *side) one.cluster = n++;
    const auto single =
        st::quantile_comparison(a, b).effects({percents, 1}, effect_kind::ratio, options);
    if (holds(single[0], 1.5)) ++held_as_if_single;
  }
  INFO(held[0] << " and " << held[1] << " of " << rounds << "; " << held_as_if_single);
  // 95 % of 200 are 190; chance alone makes it 7 less once in fifty times.
  CHECK(held[0] >= 183);
  CHECK(held[1] >= 183);
  CHECK(held_as_if_single < 160);
}

TEST_CASE("intervals of shares hold the true difference about as often as they say",
          "[statistics]") {
  made_numbers numbers(7);
  constexpr int rounds = 400;
  int held = 0;
  for (int round = 0; round < rounds; ++round) {
    // Each cluster has a chance of its own, 0.2 in the mean on one side and 0.3 on the other.
    const auto side = [&](std::uint32_t clusters, double most) {
      std::vector<observation> made;
      for (std::uint32_t c = 0; c < clusters; ++c) {
        const double chance = most * numbers.uniform();
        for (int i = 0; i < 12; ++i) made.push_back({numbers.uniform() < chance ? 1.0 : 0.0, c});
      }
      return made;
    };
    const effect e = st::share_effect(side(25, 0.4), side(20, 0.6), true,
                                      {static_cast<std::uint64_t>(round), 400});
    REQUIRE(e.why == unsaid::nothing);
    if (holds(e, 0.1)) ++held;
  }
  INFO(held << " of " << rounds);
  CHECK(held >= 370);
}

TEST_CASE("an interval becomes narrow where there is much, and the seed decides it",
          "[statistics]") {
  made_numbers numbers(3);
  const auto a = clustered(numbers, 600, 1);
  const auto b = clustered(numbers, 600, 2);
  constexpr unsigned percents[] = {50, 90, 99};
  const st::quantile_comparison both(a, b);
  CHECK(both.size_a().clusters == 600);
  CHECK(both.size_a().observations == a.size());
  const auto first = both.effects(percents, effect_kind::ratio, {5, 500});
  const auto again = both.effects(percents, effect_kind::ratio, {5, 500});
  const auto other = both.effects(percents, effect_kind::ratio, {6, 500});
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(first[i].low == again[i].low);
    CHECK(first[i].high == again[i].high);
    CHECK(first[i].low != other[i].low);
    CHECK(first[i].change == first[i].b / first[i].a);
    CHECK(holds(first[i], first[i].change));
    CHECK(first[i].high / first[i].low < (i == 2 ? 2 : 1.5));
  }
  const auto apart = both.effects(percents, effect_kind::difference, {5, 500});
  CHECK(apart[0].change == apart[0].b - apart[0].a);
  CHECK(holds(apart[0], apart[0].change));
}

TEST_CASE("nothing is said of what is too little", "[statistics]") {
  const auto side = [](std::uint32_t clusters, int each, double value) {
    std::vector<observation> made;
    for (std::uint32_t c = 0; c < clusters; ++c)
      for (int i = 0; i < each; ++i) made.push_back({value, c});
    return made;
  };
  constexpr unsigned percents[] = {50, 90, 99};
  const auto whys = [&](const std::vector<observation>& a, const std::vector<observation>& b) {
    std::vector<unsaid> found;
    for (const effect& e :
         st::quantile_comparison(a, b).effects(percents, effect_kind::ratio, {1, 50}))
      found.push_back(e.why);
    return found;
  };
  using all = std::vector<unsaid>;
  CHECK(whys({}, side(20, 10, 1)) == all(3, unsaid::no_values));
  CHECK(whys(side(9, 1000, 1), side(20, 100, 1)) == all(3, unsaid::few_clusters));
  CHECK(whys(side(20, 5, 1), side(20, 50, 1)) ==
        all{unsaid::nothing, unsaid::nothing, unsaid::few_values});
  CHECK(whys(side(20, 4, 1), side(20, 50, 1)) ==
        all{unsaid::nothing, unsaid::few_values, unsaid::few_values});
  CHECK(whys(side(20, 50, 1), side(20, 50, 1)) == all(3, unsaid::nothing));
  CHECK(whys(side(20, 50, 0), side(20, 50, 1)) == all(3, unsaid::zero));
  // Many clusters, of which one has nearly all.
  auto lopsided = side(30, 1, 1);
  for (int i = 0; i < 1000; ++i) lopsided.push_back({1, 0});
  CHECK(whys(lopsided, side(20, 50, 1)) == all(3, unsaid::few_clusters));
  // Cases: 0 or 1 each.
  const auto cases = [&](std::size_t n) {
    auto made = side(20, 10, 0);
    for (std::size_t i = 0; i < n; ++i) made[i * 7].value = 1;
    return made;
  };
  CHECK(st::share_effect(cases(4), cases(5), true, {}).why == unsaid::few_values);
  CHECK(st::share_effect(cases(5), cases(5), true, {}).why == unsaid::nothing);
  CHECK(st::share_effect(side(20, 9, 1), cases(5), true, {}).why == unsaid::nothing);
  CHECK(st::share_effect(side(20, 9, 1), side(20, 9, 1), true, {}).why == unsaid::few_values);
  CHECK(st::share_effect({}, cases(9), true, {}).why == unsaid::no_values);
  CHECK(st::share_effect(side(9, 9, 1), cases(9), true, {}).why == unsaid::few_clusters);
}

TEST_CASE("a ratio whose higher side falls to 0 in some draws has 0 as its bound", "[statistics]") {
  std::vector<observation> a;
  std::vector<observation> b;
  for (std::uint32_t c = 0; c < 20; ++c) {
    for (int i = 0; i < 10; ++i) a.push_back({5, c});
    for (int i = 0; i < 10; ++i) b.push_back({c < 10 ? 0.0 : 8.0, c});
  }
  constexpr unsigned median[] = {50};
  const effect e = st::quantile_comparison(a, b).effects(median, effect_kind::ratio, {1, 500})[0];
  CHECK(e.why == unsaid::nothing);
  CHECK(e.b == 4);
  CHECK(e.low == 0);
  CHECK(e.high == Approx(1.6));
  const effect back =
      st::quantile_comparison(b, a).effects(median, effect_kind::ratio, {1, 500})[0];
  CHECK(back.high == std::numeric_limits<double>::infinity());
}
