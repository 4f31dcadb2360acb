// SPDX-License-Identifier: Apache-2.0
//
// Of a connection the last message in each state that it was seen in: enough to tell how it ended.
#ifndef TCPINFO_COLLECT_WRITING_KEPT_STATES_H
#define TCPINFO_COLLECT_WRITING_KEPT_STATES_H

#include <tcpinfo/bytes.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/closing.h"
#include "collect/writing/snapshot_header.h"

namespace tcpinfo::collect {

/// Memory is the messages' header and payload of INFO, some 350 bytes for each state.
class kept_states {
 public:
  /// `info`: payload of INFO; empty where there is none. May throw std::bad_alloc.
  void keep(const snapshot_header& header, bytes_view message, bytes_view info);
  /// How the connection ended, by these and its final message. May throw std::bad_alloc.
  [[nodiscard]] analysis::closing end(const snapshot_header& header, bytes_view message,
                                      bytes_view info) const;
  /// The header of the first one kept; empty where there is none.
  [[nodiscard]] bytes_view first() const noexcept;

 private:
  /// Stands before each, and the message's header and payload of INFO behind.
  struct head {
    std::int64_t time_ns = 0;
    std::uint32_t carried = 0;
    std::uint32_t info_size = 0;
  };

  std::vector<std::byte> bytes_;
  std::size_t last_ = 0;  // where the last one begins
};

}  // namespace tcpinfo::collect

#endif
