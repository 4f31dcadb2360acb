// SPDX-License-Identifier: Apache-2.0
#include "offline/tables/summary_rows.h"

#include <string>

#include "offline/flows/flow_list.h"
#include "offline/inputs/segment_summaries.h"
#include "offline/tables/connection_table.h"

namespace tcpinfo::offline {

std::error_code make_summary_rows(
    bytes_view block, std::size_t first,
    const std::function<bool(std::string_view uuid, std::string_view row)>& take) {
  constexpr std::int32_t max_window_log = 27;
  segment_summaries summaries(max_window_log);
  if (const auto ec = summaries.read_block(block)) return ec;
  const connection_table_options options{all_connection_columns(), row_format::json,
                                         time_style::utc};
  std::string row;
  std::size_t n = 0;
  bool more = true;
  summaries.hand_on([&](input_summary& s) {
    if (!more || n++ < first) return;
    const std::string uuid(s.uuid);
    // Of this summary alone: what others of the connection tell may be sent already.
    flow_list one(flow_list::rtts::bounded);
    one.add(s);
    row.clear();
    for (flow_summary* f : one.flows()) append_connection(row, *f, options);
    if (row.ends_with('\n')) row.pop_back();
    more = take(uuid, row);
  });
  return {};
}

}  // namespace tcpinfo::offline
