// SPDX-License-Identifier: Apache-2.0
//
// The moments of a window's messages: time and poll. Connections that were seen in one poll have
// one in common.
#ifndef TCPINFO_SEGMENT_MOMENT_TABLE_H
#define TCPINFO_SEGMENT_MOMENT_TABLE_H

#include <cstddef>
#include <cstdint>

#include <tcpinfo/segment.h>

#include "segment/growing.h"
#include "segment/renumbering.h"

namespace tcpinfo::inline v0::segment_format {

/// What a reader gives: moments that follow each other in a table are not copied.
using moment = segment_moment;

class moment_table {
 public:
  /// The moment's number. May throw std::bad_alloc.
  [[nodiscard]] std::uint32_t number_of(const moment& m);
  void clear() noexcept;

  /// Writes the table, and the numbers of the messages, which are given in the order of the block.
  void put(const growing<std::uint32_t>& numbers, byte_stream& table, byte_stream& chosen);
  [[nodiscard]] const growing<moment>& all() const noexcept { return moments_; }
  [[nodiscard]] std::size_t used_bytes() const noexcept { return moments_.size() * sizeof(moment); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return moments_.capacity_bytes() + table_.capacity_bytes() + order_.capacity_bytes() +
           block_.memory_bytes();
  }

 private:
  void rehash();
  [[nodiscard]] std::uint64_t unit_of(const growing<std::uint32_t>& numbers,
                                      std::int64_t base) const noexcept;

  growing<moment> moments_;
  growing<std::uint32_t> table_;  // open addressing: numbers plus one; 0 is free
  std::uint32_t latest_ = 0;
  renumbering block_;
  growing<std::uint32_t> order_;
};

}  // namespace tcpinfo::inline v0::segment_format

#endif
