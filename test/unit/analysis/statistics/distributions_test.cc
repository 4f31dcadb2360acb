// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "analysis/statistics/clusters.h"
#include "analysis/statistics/histogram.h"
#include "analysis/statistics/quantile.h"
#include "analysis/statistics/student.h"
#include "unit/catch.h"

namespace st = tcpinfo::analysis::statistics;
using Catch::Approx;
using st::observation;

TEST_CASE("Student's and the normal distribution are those of the tables", "[statistics]") {
  struct line {
    unsigned freedom;
    double at_90, at_975, at_995;
  };
  // As printed in every textbook.
  constexpr line table[] = {{1, 3.078, 12.706, 63.657}, {2, 1.886, 4.303, 9.925},
                            {3, 1.638, 3.182, 5.841},   {4, 1.533, 2.776, 4.604},
                            {5, 1.476, 2.571, 4.032},   {10, 1.372, 2.228, 3.169},
                            {29, 1.311, 2.045, 2.756},  {30, 1.310, 2.042, 2.750},
                            {120, 1.289, 1.980, 2.617}, {100000, 1.282, 1.960, 2.576}};
  for (const line& l : table) {
    INFO(l.freedom);
    CHECK(st::student_quantile(0.9, l.freedom) == Approx(l.at_90).margin(0.0006));
    CHECK(st::student_quantile(0.975, l.freedom) == Approx(l.at_975).margin(0.0006));
    CHECK(st::student_quantile(0.995, l.freedom) == Approx(l.at_995).margin(0.0006));
    CHECK(st::student_quantile(0.025, l.freedom) == Approx(-l.at_975).margin(0.0006));
    CHECK(st::student_below(0, l.freedom) == 0.5);
  }
  CHECK(st::normal_below(1.959964) == Approx(0.975).margin(1e-6));
  CHECK(st::normal_below(-1) == Approx(0.158655).margin(1e-6));
}

TEST_CASE("weighted quantiles are those of the values written out", "[statistics]") {
  std::mt19937_64 numbers(11);
  for (int round = 0; round < 200; ++round) {
    const std::size_t n = 1 + numbers() % 40;
    std::vector<observation> all(n);
    std::vector<std::uint32_t> times(5);
    for (std::uint32_t& t : times) t = static_cast<std::uint32_t>(numbers() % 4);
    for (observation& one : all)
      one = {static_cast<double>(numbers() % 10), static_cast<std::uint32_t>(numbers() % 5)};
    std::sort(all.begin(), all.end(),
              [](const observation& a, const observation& b) { return a.value < b.value; });
    std::vector<double> written;
    for (const observation& one : all) written.insert(written.end(), times[one.cluster], one.value);
    if (written.empty()) continue;
    constexpr unsigned percents[] = {1, 10, 25, 50, 75, 90, 99};
    std::vector<double> found(std::size(percents), -1);
    st::quantiles_of(all, times, percents, found);
    for (std::size_t i = 0; i < found.size(); ++i) {
      INFO(round << ": p" << percents[i]);
      CHECK(found[i] == st::quantile_of(written, percents[i]));
    }
  }
  const double three[] = {1, 2, 9};
  const double four[] = {1, 2, 4, 9};
  CHECK(st::quantile_of(three, 50) == 2);
  CHECK(st::quantile_of(four, 50) == 3);
  CHECK(st::quantile_of(four, 75) == 6.5);
  CHECK(st::quantile_of(four, 99) == 9);
  CHECK(std::isnan(st::quantile_of({}, 50)));
}

TEST_CASE("clusters are counted by what they weigh", "[statistics]") {
  std::vector<observation> all;
  for (const std::uint32_t c : {70U, 3U, 70U, 9U, 70U}) all.push_back({0, c});
  const auto sizes = st::renumber(all);
  CHECK(sizes == std::vector<std::uint32_t>{3, 1, 1});
  CHECK(all[3].cluster == 2);
  const st::sample_size size = st::size_of(sizes);
  CHECK(size.observations == 5);
  CHECK(size.clusters == 3);
  CHECK(size.effective == Approx(25.0 / 11));
  const std::uint32_t equal[] = {4, 4, 4};
  CHECK(st::size_of(equal).effective == Approx(3));
  CHECK(st::size_of({}).effective == 0);
}

TEST_CASE("classes of a histogram hold every number once", "[statistics]") {
  const double few[] = {0, 0, 0.05, 0.1, 0.19, 0.2, 1, 1.9, 5, 9.99, 10};
  const auto classes = st::histogram_of(few);
  REQUIRE(classes.size() == 9);
  CHECK((classes[0].from == 0 && classes[0].to == 0 && classes[0].count == 2));
  CHECK((classes[1].from == 0.05 && classes[1].to == 0.1 && classes[1].count == 1));
  CHECK((classes[2].from == 0.1 && classes[2].to == 0.2 && classes[2].count == 2));
  CHECK((classes[3].from == 0.2 && classes[3].to == 0.5 && classes[3].count == 1));
  CHECK((classes[5].from == 1 && classes[5].to == 2 && classes[5].count == 2));
  CHECK((classes[7].from == 5 && classes[7].to == 10 && classes[7].count == 2));
  CHECK((classes[8].from == 10 && classes[8].to == 20 && classes[8].count == 1));
  CHECK(st::histogram_of({}).empty());
  std::mt19937_64 numbers(5);
  for (int round = 0; round < 100; ++round) {
    std::vector<double> all(numbers() % 50);
    for (double& one : all)
      one = std::pow(10, static_cast<double>(numbers() % 1800) / 100 - 9) *
            static_cast<double>(numbers() % 4);
    std::sort(all.begin(), all.end());
    std::uint64_t counted = 0;
    const auto made = st::histogram_of(all);
    double bound = 0;
    for (const auto& c : made) {
      counted += c.count;
      const auto inside = std::count_if(all.begin(), all.end(), [&c](double v) {
        return c.to == 0 ? v == 0 : v >= c.from && v < c.to;
      });
      CHECK(static_cast<std::uint64_t>(inside) == c.count);
      CHECK((c.from == bound || bound == 0));
      bound = c.to;
    }
    CHECK(counted == all.size());
    CHECK(made.size() <= 20);
    if (!all.empty()) CHECK(made.back().count > 0);
  }
}
