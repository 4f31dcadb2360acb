// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/segment_damage.h"

#include <fmt/format.h>
#include <tcpinfo/error.h>

#include <utility>

namespace tcpinfo::offline {
namespace {

std::string place(std::uint64_t number) {
  return number == 0 ? std::string("at its beginning") : fmt::format("behind record {}", number);
}

std::string missing_text(std::uint64_t n) {
  return fmt::format("{} record{} missing", n, n == 1 ? " is" : "s are");
}

}  // namespace

void segment_damage::meet(std::uint64_t number, std::uint64_t missing, const std::error_code& ec,
                          std::string what) {
  what_ = std::move(what);
  behind_ = number - (missing - told_);
  waits_ = true;
  cut_ = ec == errc::truncated_frame;
}

void segment_damage::tell(std::uint64_t number, std::uint64_t missing, bool met, fault_log& to) {
  if (std::exchange(within_, false) || gaps_) told_ = missing;
  const std::uint64_t more = missing - told_;
  if (waits_) {
    std::string text = place(behind_) + ": " + what_;
    if (what_.empty()) text += more == 0 ? "damaged block: its records are lost" : "damaged block";
    if (more != 0) text += ": " + missing_text(more);
    to.tell(0, text);
  } else if (met || more == 0) {
    return;  // told with that
  } else {
    // A block that went without a trace. The record that has been read is the first one behind it.
    const std::uint64_t before = number > more ? number - more - 1 : 0;
    to.tell(0, fmt::format("{}: {}", place(before), missing_text(more)));
  }
  told_ = missing;
  waits_ = false;
}

void segment_damage::end(bool partial, std::uint64_t number, std::uint64_t missing, fault_log& to) {
  if (waits_ && cut_ && partial && missing == told_) waits_ = false;
  settle(number + 1, missing, false, to);
}

}  // namespace tcpinfo::offline
