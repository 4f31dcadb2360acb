// SPDX-License-Identifier: Apache-2.0
//
// Which connections `tcpinfo-dump ls` lists, by the values in their columns.
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_CONDITIONS_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_CONDITIONS_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "offline/flows/flow_list.h"
#include "offline/flows/why_list.h"

namespace tcpinfo::offline {

struct flow_condition {
  enum class relation : std::uint8_t { equal, other, less, at_most, more, at_least };

  std::size_t column = 0;  ///< of flow_columns()
  relation is = relation::equal;
  /// As the column has it: in the unit of its name, of moments seconds since 1970.
  long double number = 0;
  std::string pattern;  ///< of a column of texts, as fnmatch(3) has them
};

/// Reads COLUMN, one of = != < <= > >=, and a value, with blanks around them or not:
/// "median_rtt > 20ms", "sent>=10MB", "comm=nginx*", "start<-1h". Columns are named as by
/// find_flow_column(). Texts are compared by = and != alone. Numbers are in the column's unit, or
/// have one: of times that of a duration, of bytes and rates that of a size.
/// @param now what times before now are before
/// @return what is wrong; empty where `out` has it.
[[nodiscard]] std::string parse_flow_condition(std::string_view text, const timestamp& now,
                                               flow_condition& out);

/// Whether one of them takes what only the polls of all records tell.
[[nodiscard]] bool needs_polls(const std::vector<flow_condition>& conditions);

/// Leaves those that meet all conditions. An absent value meets none.
/// @param why where causes were asked for; else null
void keep_met(std::vector<flow_summary*>& flows, const flow_list& list, why_list* why,
              const std::vector<flow_condition>& conditions);

}  // namespace tcpinfo::offline

#endif
