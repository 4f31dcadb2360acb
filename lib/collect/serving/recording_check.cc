// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/recording_check.h"

#include <algorithm>
#include <utility>

#include "collect/writing/flow_log.h"

namespace tcpinfo::collect {
namespace {

// A write that failed is tried again after write_retry_ns. Where no try has failed for so long, one
// has succeeded, or there is nothing to write.
constexpr std::int64_t until_forgotten_ns = 3 * write_retry_ns;

}  // namespace

std::string_view recording_check::why_not(std::int64_t now_ns) noexcept {
  // In this order: a poll that fails in between counts as done later.
  const std::uint64_t failed = counts_.failed_polls.get();
  const std::uint64_t done = counts_.polls.get();
  const std::uint64_t good = done - std::min(failed, done);
  const bool more_failed = std::exchange(failed_polls_, failed) != failed;
  const bool more_good = std::exchange(good_polls_, good) != good;
  // Neither: nothing happens on this machine, and the sampler rests.
  if (more_failed || more_good) polls_fail_ = !more_good;
  const std::uint64_t errors = counts_.write_errors.get();
  if (std::exchange(write_errors_, errors) != errors)
    writes_fail_until_ns_ = now_ns + until_forgotten_ns;
  if (good == 0) return "no poll has shown every connection yet";
  if (polls_fail_) return "polls fail";
  if (now_ns < writes_fail_until_ns_) return "writes fail";
  return {};
}

}  // namespace tcpinfo::collect
