// SPDX-License-Identifier: Apache-2.0
#include "analysis/quantiles.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "unit/catch.h"

using namespace tcpinfo::analysis;

namespace {

double median_of(const std::vector<std::uint32_t>& sorted) {
  return (double{1} * sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2;
}

// The slow way: the first one that enough of them do not exceed.
double percentile_of(const std::vector<std::uint32_t>& sorted, unsigned percent) {
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if ((i + 1) * 100 >= percent * sorted.size()) return sorted[i];
  return 0;
}

}  // namespace

TEST_CASE("quantiles are exact, whatever the order and number") {
  quantiles none;
  CHECK_FALSE(none.median());
  CHECK_FALSE(none.percentile(95));
  std::mt19937 random(7);  // the same numbers in every run
  for (const std::size_t count : {1U, 2U, 3U, 4U, 5U, 20U, 100U, 1000U, 5001U, 40000U}) {
    std::vector<std::uint32_t> values(count);
    quantiles q(quantiles::none);
    for (auto& v : values) {
      v = static_cast<std::uint32_t>(random() % 3000);
      q.add(v);
    }
    std::sort(values.begin(), values.end());
    CHECK(q.are_exact());
    CHECK(q.median() == median_of(values));
    for (const unsigned percent : {1U, 50U, 95U, 99U, 100U})
      CHECK(q.percentile(percent) == percentile_of(values, percent));
  }
}

TEST_CASE("bounded quantiles are exact of few numbers, and within 1/64 of many") {
  std::mt19937 random(11);
  for (const std::uint32_t most : {40U, 256U, 3000U, 2'000'000U, 4'294'967'295U}) {
    std::vector<std::uint32_t> values(30000);
    quantiles q;
    for (auto& v : values) {
      // As many small as large ones.
      v = static_cast<std::uint32_t>(random() % most >> random() % 16) + 1;
      q.add(v);
    }
    std::sort(values.begin(), values.end());
    INFO(most);
    CHECK(q.are_exact() == (most <= 256));
    const auto close = [&](double got, double expected) {
      return std::abs(got - expected) <= (q.are_exact() ? 0 : expected / 64);
    };
    CHECK(close(*q.median(), median_of(values)));
    for (const unsigned percent : {1U, 5U, 50U, 95U, 99U, 100U}) {
      INFO(percent);
      CHECK(close(*q.percentile(percent), percentile_of(values, percent)));
    }
  }
}

TEST_CASE("each number is in the middle of its bucket, or next to it") {
  for (const std::uint32_t value : {1U, 31U, 32U, 63U, 64U, 65U, 127U, 128U, 1000U, 65535U, 65536U,
                                    2'147'483'647U, 2'147'483'648U, 4'294'967'295U}) {
    quantiles q;
    for (std::uint32_t i = 0; i < 2000; ++i) q.add(i + 1);
    REQUIRE_FALSE(q.are_exact());
    for (std::uint32_t i = 0; i < 200000; ++i) q.add(value);
    INFO(value);
    CHECK(std::abs(*q.median() - value) <= double{1} * value / 64);
    CHECK((value >= 64 || q.median() == value));
  }
}

TEST_CASE("quantiles of parts are those of the whole") {
  std::mt19937 random(13);
  for (const std::uint32_t most : {3U, 60U, 200U, 256U, 257U, 1000U, 4'294'967'295U})
    for (const quantiles::limit limit : {quantiles::none, quantiles::usual, quantiles::limit{64}}) {
      quantiles whole(limit);
      quantiles merged(limit);
      for (int part = 0; part < 8; ++part) {
        quantiles one(limit);
        for (auto n = random() % 400; n > 0; --n) {
          const auto value = static_cast<std::uint32_t>(random() % most >> random() % 8);
          whole.add(value);
          one.add(value);
        }
        // Written, and read back.
        quantiles again(limit);
        one.for_each([&](std::uint32_t lowest, std::uint32_t highest, std::uint64_t count) {
          REQUIRE(lowest <= highest);
          again.add(lowest, highest, count);
        });
        merged.merge(again);
      }
      const auto all = [](quantiles& q) {
        std::vector<std::uint64_t> numbers;
        q.for_each([&](std::uint32_t lowest, std::uint32_t highest, std::uint64_t count) {
          numbers.insert(numbers.end(), {lowest, highest, count});
        });
        return numbers;
      };
      INFO(most << " " << limit);
      CHECK(all(whole) == all(merged));
      CHECK(whole.are_exact() == merged.are_exact());
      for (const unsigned percent : {1U, 50U, 95U, 100U})
        CHECK(whole.percentile(percent) == merged.percentile(percent));
    }
}

TEST_CASE("a few buckets that lie far apart take little memory") {
  quantiles q(quantiles::limit{64});
  CHECK(q.bytes() == 0);
  q.add(10, 10, 2);
  q.add(70, 71, 5);
  q.add(4'000'000'000U, 4'026'531'839U, 3);
  CHECK(q.bytes() > 0);
  CHECK(q.bytes() < 512);
  // One that falls into a bucket is counted there.
  q.add(71);
  std::vector<std::uint64_t> all;
  q.for_each([&](std::uint32_t lowest, std::uint32_t highest, std::uint64_t count) {
    all.insert(all.end(), {lowest, highest, count});
  });
  CHECK(all == std::vector<std::uint64_t>{10, 10, 2, 70, 71, 6, 3'959'422'976U, 4'026'531'839U, 3});
  CHECK_FALSE(q.are_exact());
  CHECK(q.median() == 70.5);
  CHECK(q.percentile(100) == (3'959'422'976.0 + 4'026'531'839.0) / 2);
  // Of many the memory is that of all buckets.
  for (std::uint32_t i = 0; i < 4'000'000'000U; i += 7'000'000) q.add(i, i + 1, 1);
  CHECK(q.bytes() > 512);
  CHECK(q.bytes() < 16'384);
  // Too many of a number for a run.
  quantiles large(quantiles::limit{64});
  large.add(100, 101, 1);
  large.add(5000, 5001, ~std::uint32_t{0} + std::uint64_t{1});
  large.add(100);
  CHECK(large.percentile(1) == 5055.5);
  all.clear();
  large.for_each([&](std::uint32_t lowest, std::uint32_t, std::uint64_t count) {
    all.insert(all.end(), {lowest, count});
  });
  CHECK(all == std::vector<std::uint64_t>{100, 2, 4992, std::uint64_t{1} << 32U});
}

TEST_CASE("a number that came too often for one run is told once") {
  for (const std::uint32_t highest : {100U, 101U}) {
    quantiles q(quantiles::limit{64});
    q.add(100, highest, 3'000'000'000U);
    q.add(100, highest, 3'000'000'000U);
    std::vector<std::uint64_t> all;
    q.for_each([&](std::uint32_t lowest, std::uint32_t, std::uint64_t count) {
      all.insert(all.end(), {lowest, count});
    });
    CHECK(all == std::vector<std::uint64_t>{100, 6'000'000'000U});
  }
}

TEST_CASE("counts that nobody has are no work") {
  quantiles q(quantiles::none);
  q.add(7, 7, ~std::uint64_t{0});
  q.add(9, 5, 1);
  q.add(1000, 2000, 3);
  CHECK(q.percentile(1).has_value());
  CHECK_FALSE(q.are_exact());
}
