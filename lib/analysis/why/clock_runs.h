// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_WHY_CLOCK_RUNS_H
#define TCPINFO_ANALYSIS_WHY_CLOCK_RUNS_H

#include <memory>
#include <vector>

#include "analysis/why/cause_clock.h"

namespace tcpinfo::analysis::why {

/// The clock of a connection whose files may be read in any order: a clock for each stretch of
/// records that came in order, which is one as a rule. One thread at a time.
class clock_runs {
 public:
  /// As cause_clock::add(), but of a record that is older a new stretch begins.
  void add(const cause_point& p, bool end);
  void append(clock_runs&& other);
  void load(const cause_clock::stored& from);

  [[nodiscard]] bool empty() const noexcept { return latest_.empty(); }
  /// Of all stretches.
  [[nodiscard]] cause_clock whole() const;

 private:
  using stretches = std::vector<cause_clock>;

  [[nodiscard]] bool is_between(std::int64_t from_ms, std::int64_t to_ms) const noexcept;
  void begin_another();

  cause_clock latest_;
  std::unique_ptr<stretches> others_;
};

}  // namespace tcpinfo::analysis::why

#endif
