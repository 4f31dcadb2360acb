// SPDX-License-Identifier: Apache-2.0
//
// When a dump is taken for cheaper than queries.
#include "collect/sampling/events/cost_model.h"

#include "unit/catch.h"
#include "unit/durations.h"

using namespace tcpinfo::collect;

namespace {

// The most queries that are taken for no dearer than a dump.
std::size_t most_queries(const cost_model& cost) {
  std::size_t most = 0;
  while (!cost.is_dump_cheaper(most + 1)) {
    REQUIRE(most < 1'000'000);
    ++most;
  }
  return most;
}

}  // namespace

TEST_CASE("before a dump was measured none is cheaper") {
  cost_model cost;
  CHECK_FALSE(cost.is_dump_cheaper(1'000'000));
}

TEST_CASE("a dump is cheaper than more queries than fit into its time") {
  cost_model cost;
  cost.note_dump(7 * ms);
  CHECK(most_queries(cost) == 2'000);  // of 3.5 us, the guess
  for (int i = 0; i < 200; ++i) cost.note_queries(100, 100 * 7'000);
  CHECK(most_queries(cost) == 1'000);
  // Small batches teach nothing.
  for (int i = 0; i < 200; ++i) cost.note_queries(15, 15 * 100'000);
  CHECK(most_queries(cost) == 1'000);
}

TEST_CASE("a single outlier moves what a query costs by three eighths at most") {
  cost_model cost;
  cost.note_queries(100, 1'000'000 * ms);
  CHECK(cost.expected_ns(1'000) == Approx(1'000 * 3'500 * 11 / 8));
}

TEST_CASE("a first dump, which finds all connections new, is soon forgotten") {
  cost_model cost;
  cost.note_dump(160 * ms);
  for (int i = 0; i < 6; ++i) cost.note_dump(10 * ms);
  CHECK(most_queries(cost) * 3'500 < 13 * ms);
  // A long one between others moves the mean by three eighths at most.
  const std::size_t before = most_queries(cost);
  cost.note_dump(1'000 * ms);
  CHECK(most_queries(cost) <= before * 11 / 8 + 1);
  CHECK(most_queries(cost) > before);
}

TEST_CASE("a row of dumps ends, and makes queries seem less dear") {
  cost_model cost;
  for (int i = 0; i < 200; ++i) cost.note_queries(100, 100 * 35'000);
  const double before = cost.expected_ns(1);
  CHECK_FALSE(cost.in_row());
  cost.begin_row();
  CHECK(cost.expected_ns(1) < before);
  for (int i = 1; i <= cost_model::dumps_in_a_row; ++i) {
    CHECK(cost.in_row());
    CHECK(cost.next_in_row() == (i == cost_model::dumps_in_a_row));
  }
  CHECK_FALSE(cost.in_row());
}

TEST_CASE("only polls in a row whose activity found no room are many") {
  cost_model cost;
  CHECK_FALSE(cost.has_drops());
  for (int i = 0; i < 2; ++i) {
    cost.note_drops(true);
    CHECK(cost.has_drops());
    CHECK_FALSE(cost.drops_persist());
  }
  cost.note_drops(false);
  CHECK_FALSE(cost.has_drops());
  for (int i = 1; i <= 3; ++i) {
    cost.note_drops(true);
    CHECK(cost.drops_persist() == (i == 3));
  }
}
