// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <system_error>

#include "collect/serving/recording_check.h"
#include "unit/catch.h"

using namespace tcpinfo::collect;

TEST_CASE("the collector is not ready before a poll has shown all, while polls or writes fail") {
  constexpr std::int64_t second = 1'000'000'000;
  statistics counts;
  recording_check check(counts);
  CHECK(check.why_not(0) == "no poll has shown every connection yet");
  counts.polls.add();
  counts.failed_polls.add();
  CHECK(check.why_not(second) == "no poll has shown every connection yet");
  counts.polls.add();
  CHECK(check.why_not(second).empty());
  // Nothing happens: as it was.
  CHECK(check.why_not(2 * second).empty());
  counts.polls.add(3);
  counts.failed_polls.add(3);
  CHECK(check.why_not(3 * second) == "polls fail");
  CHECK(check.why_not(4 * second) == "polls fail");
  counts.polls.add(2);
  counts.failed_polls.add();
  CHECK(check.why_not(5 * second).empty());
  // A write is tried again every second.
  counts.write_errors.add(std::error_code(ENOSPC, std::system_category()));
  CHECK(check.why_not(6 * second) == "writes fail");
  CHECK(check.why_not(7 * second) == "writes fail");
  counts.write_errors.add(std::error_code(ENOSPC, std::system_category()));
  CHECK(check.why_not(8 * second) == "writes fail");
  CHECK(check.why_not(10 * second) == "writes fail");
  CHECK(check.why_not(11 * second).empty());
}
