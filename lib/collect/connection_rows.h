// SPDX-License-Identifier: Apache-2.0
//
// Makes rows of connections of what a segment holds: --publish-what connections. The program says
// how (tools/tcpinfo-collect); the collector knows no tables.
#ifndef TCPINFO_COLLECT_CONNECTION_ROWS_H
#define TCPINFO_COLLECT_CONNECTION_ROWS_H

#include <tcpinfo/bytes.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>

namespace tcpinfo::collect {

/// One thread. Throws std::bad_alloc.
class connection_rows {
 public:
  connection_rows() = default;
  virtual ~connection_rows() = default;
  connection_rows(const connection_rows&) = delete;
  connection_rows& operator=(const connection_rows&) = delete;

  /// Says whether it takes the row: after one that it does not take it is given no more.
  using taker = std::function<bool(std::string_view uuid, std::string_view row)>;
  /// Makes a row of each summary in a block, compressed as it is; of other blocks none. Those
  /// before the row `first` are left out. Views are valid during the call.
  /// @return why the block cannot be read: none of its rows was given.
  [[nodiscard]] virtual std::error_code make(bytes_view block, std::size_t first,
                                             const taker& take) = 0;
};

/// Null: there are none.
using connection_rows_maker = std::unique_ptr<connection_rows> (*)();

}  // namespace tcpinfo::collect

#endif
