// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_WHY_CLOCK_RUNS_H
#define TCPINFO_ANALYSIS_WHY_CLOCK_RUNS_H

#include <memory>
#include <vector>

#include "analysis/why/cause_clock.h"

namespace tcpinfo::analysis::why {

/// The clock of a connection whose files may be read in any order: a clock for each of them, since
/// another may come that belongs between two. With more than 32, neighbours are put together. One
/// thread at a time.
class clock_runs {
 public:
  /// The next record is of another file.
  void begin_part();
  /// As cause_clock::add(), but with a record that is older another part begins.
  void add(const cause_point& p);
  /// What was made of other records.
  void append(clock_runs&& other);
  void load(const cause_clock::stored& from);

  [[nodiscard]] bool empty() const noexcept { return latest_.empty() && others_ == nullptr; }
  /// Memory beside the object, of all parts.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return latest_.bytes() + (others_ == nullptr ? 0 : bytes_of_others());
  }
  /// Of all parts.
  [[nodiscard]] cause_clock whole() const;

 private:
  using stretches = std::vector<cause_clock>;

  void begin_another();
  [[nodiscard]] std::size_t bytes_of_others() const noexcept;

  cause_clock latest_;
  std::unique_ptr<stretches> others_;
};

}  // namespace tcpinfo::analysis::why

#endif
