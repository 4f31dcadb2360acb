// SPDX-License-Identifier: Apache-2.0
//
// What is told of a connection.
#ifndef TCPINFO_ANALYSIS_WHY_REPORT_H
#define TCPINFO_ANALYSIS_WHY_REPORT_H

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/why/cause.h"
#include "analysis/why/life.h"
#include "analysis/why/sample.h"

namespace tcpinfo::analysis::why {

/// The end whose records these are: the one that sends data, or the one that receives them. Where
/// both ways carry much, a connection has both.
enum class view : std::uint8_t { sender, receiver };

/// A value that speaks for a cause.
struct evidence {
  seen field;
  std::uint64_t value = 0;
  std::int64_t at_ns = 0;  ///< since 1970
  std::string why;         ///< what it says
};

/// A stretch of time with one cause.
struct phase {
  std::int64_t begin_ns = 0;  ///< since 1970
  std::int64_t end_ns = 0;
  cause of = cause::none;
  std::int64_t time_ns = 0;  ///< of it, what the cause took: never more than its length
  std::size_t first = 0;     ///< rounds
  std::size_t last = 0;
  std::string sentence;
  std::vector<evidence> proof;

  /// Adds a field as the record at its end has it, where that has it.
  void show(const sample& s, seen f, std::string why) {
    if (const auto value = s.get(f)) proof.push_back({f, *value, s.time_ns(), std::move(why)});
  }
  /// Adds how much a counter grew, where both records have it.
  void show_growth(const sample& before, const sample& after, seen f, std::string why) {
    if (const auto value = growth(before, after, f))
      proof.push_back({f, *value, after.time_ns(), std::move(why)});
  }
};

/// What limited one way of a connection.
struct verdict {
  view of = view::sender;
  std::int64_t begin_ns = 0;  ///< since 1970
  std::int64_t end_ns = 0;
  cause main = cause::none;  ///< the one that took most time, if it took enough
  double share = 0;          ///< of its whole time
  std::string sentence;
  cause_times times{};
  std::vector<phase> phases;
};

}  // namespace tcpinfo::analysis::why

#endif
