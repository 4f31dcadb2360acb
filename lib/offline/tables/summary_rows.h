// SPDX-License-Identifier: Apache-2.0
//
// Rows of connections of one block of a segment.
#ifndef TCPINFO_OFFLINE_TABLES_SUMMARY_ROWS_H
#define TCPINFO_OFFLINE_TABLES_SUMMARY_ROWS_H

#include <tcpinfo/bytes.h>

#include <cstddef>
#include <functional>
#include <string_view>
#include <system_error>

namespace tcpinfo::offline {

/// Calls `take` with a row of JSON for each summary in a block, from the row `first` on, with all
/// columns of `tcpinfo-csv --connections` and without a newline; a block of records has none. A
/// connection that is in several segments has a row of each. Where `take` returns false no more are
/// made. Views are valid during the call. Throws std::bad_alloc, and what `take` throws. Any
/// thread.
/// @return as segment_reader::next_summary(): nothing was taken then.
[[nodiscard]] std::error_code make_summary_rows(
    bytes_view block, std::size_t first,
    const std::function<bool(std::string_view uuid, std::string_view row)>& take);

}  // namespace tcpinfo::offline

#endif
