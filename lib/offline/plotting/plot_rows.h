// SPDX-License-Identifier: Apache-2.0
//
// The records of one connection as they are drawn.
#ifndef TCPINFO_OFFLINE_PLOTTING_PLOT_ROWS_H
#define TCPINFO_OFFLINE_PLOTTING_PLOT_ROWS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "offline/plotting/plot_columns.h"

namespace tcpinfo::offline {

/// Keeps at most twice as many rows as are wanted. Where more come, they are divided into parts of
/// as many records each, and of each part the rows stay in which a value is its least or its
/// largest: peaks and dips stay what and where they are. So do the first and the last row, and
/// changes of state (two of each part: no connection has more). One thread at a time.
class plot_rows {
 public:
  /// `most`: rows that finish() leaves at most; at least least_rows.
  explicit plot_rows(std::size_t most) : most_(most) {}
  /// With fewer there would be no part in which all values have their extremes.
  static constexpr std::size_t least_rows = 1000;

  /// Of the record that was read next. Its rates are made here, of it and the one before.
  void add(plot_row row);
  /// After the last one: in the order of times, no more than `most`.
  void finish();

  [[nodiscard]] const std::vector<plot_row>& rows() const noexcept { return rows_; }
  /// How many were added, left out or not.
  [[nodiscard]] std::size_t added() const noexcept { return added_; }

 private:
  /// Which rows stay where they are divided into so many parts: 1, else 0.
  [[nodiscard]] std::vector<char> extremes_of(std::size_t parts) const;
  void thin();

  std::size_t most_;
  std::size_t added_ = 0;
  plot_row latest_;
  std::vector<plot_row> rows_;
};

}  // namespace tcpinfo::offline

#endif
