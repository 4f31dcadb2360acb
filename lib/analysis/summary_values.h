// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_SUMMARY_VALUES_H
#define TCPINFO_ANALYSIS_SUMMARY_VALUES_H

#include <tcpinfo/segment.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/flow_totals.h"
#include "analysis/why/cause.h"

namespace tcpinfo::analysis {

/// The values of a summary by number. docs/segment.md says what each is; numbers never change their
/// meaning.
enum class summary_field : std::uint32_t {
  records = summary_records,
  other_lines = 1,
  first_time = 2,
  last_time = 3,
  first_offset = 4,
  last_offset = 5,
  end_offset = 6,
  flags = 7,
  states = 8,
  state = 9,
  state_time = 10,
  end_time = 11,
  family = 12,
  sport = 13,
  dport = 14,
  src = 15,
  src_rest = 16,
  dst = 17,
  dst_rest = 18,
  interface = 19,
  uid = 20,
  first_poll = 21,
  last_poll = 22,
  first_info_time = 23,
  first_acked = 24,
  first_received = 25,
  first_busy = 26,
  last_info_time = 27,
  last_rtt = 28,
  min_rtt = 29,
  peak_rate = 30,
  before_end_time = 31,
  before_end_acked = 32,
  before_end_received = 33,
  before_end_segs_in = 34,
  before_end_segs_out = 35,
  before_end_retransmits = 36,
  before_end_probes = 37,
  at_end_acked = 38,
  at_end_received = 39,
  at_end_segs_in = 40,
  at_end_segs_out = 41,
  at_end_retransmits = 42,
  at_end_probes = 43,
  fin_bits = 44,
  fin_received = 45,
  fin_segments = 46,
  opener_bits = 47,
  opener_time = 48,
  opener_acked = 49,
  opener_before_fin = 50,
  opener_most_acked = 51,
  opener_most_unique = 52,
  totals = 64,  ///< and the number of the total
  causes_bits = 96,
  causes_first_time = 97,
  causes_first_busy = 98,
  causes_first_rwnd = 99,
  causes_first_sndbuf = 100,
  causes_first_sent = 101,
  causes_first_received = 102,
  causes_first_timeouts = 103,
  causes_last_time = 104,
  causes_last_busy = 105,
  causes_last_rwnd = 106,
  causes_last_sndbuf = 107,
  causes_last_sent = 108,
  causes_last_received = 109,
  causes_last_timeouts = 110,
  causes_pending = 111,
  causes = 112,  ///< and the number of the cause
};

/// The value's number of a total.
[[nodiscard]] constexpr summary_field field_of_total(std::size_t t) noexcept {
  return static_cast<summary_field>(static_cast<std::uint32_t>(summary_field::totals) + t);
}

/// The value's number of a cause.
[[nodiscard]] constexpr summary_field field_of_cause(std::size_t c) noexcept {
  return static_cast<summary_field>(static_cast<std::uint32_t>(summary_field::causes) + c);
}

/// Values by number, in any order. One that is absent is 0.
class summary_values {
 public:
  /// Also where it is 0.
  void put(summary_field f, std::uint64_t value) noexcept {
    const auto at = static_cast<std::size_t>(f);
    values_[at] = value;
    present_[at / 64] |= std::uint64_t{1} << (at % 64);
  }
  /// Only where it is not 0.
  void set(summary_field f, std::uint64_t value) noexcept {
    if (value != 0) put(f, value);
  }
  [[nodiscard]] bool has(summary_field f) const noexcept {
    const auto at = static_cast<std::size_t>(f);
    return (present_[at / 64] >> (at % 64) & 1U) != 0;
  }
  [[nodiscard]] std::uint64_t at(summary_field f) const noexcept {
    return values_[static_cast<std::size_t>(f)];
  }

  void write(std::vector<summary_value>& to) const {
    to.clear();
    for (std::size_t word = 0; word < present_.size(); ++word)
      for (std::uint64_t rest = present_[word]; rest != 0; rest &= rest - 1) {
        const auto at = word * 64 + static_cast<std::size_t>(std::countr_zero(rest));
        summary_value& v = to.emplace_back();
        v.field = static_cast<std::uint32_t>(at);
        v.value = values_[at];
      }
  }
  /// Passes over values of numbers that are not known here.
  void read(std::span<const summary_value> from) noexcept {
    *this = {};
    for (const summary_value& v : from)
      if (v.field < count) put(static_cast<summary_field>(v.field), v.value);
  }
  friend bool operator==(const summary_values&, const summary_values&) noexcept = default;

 private:
  static constexpr std::size_t count =
      static_cast<std::size_t>(summary_field::causes) + why::cause_count;

  std::array<std::uint64_t, count> values_{};
  std::array<std::uint64_t, (count + 63) / 64> present_{};
};

}  // namespace tcpinfo::analysis

#endif
