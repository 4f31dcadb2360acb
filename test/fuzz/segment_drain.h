// SPDX-License-Identifier: Apache-2.0
//
// Reads what there is in a segment in any condition, and checks that reading ends.
#ifndef TCPINFO_TEST_FUZZ_SEGMENT_DRAIN_H
#define TCPINFO_TEST_FUZZ_SEGMENT_DRAIN_H

#include <tcpinfo/segment.h>

#include <cstddef>
#include <system_error>

#include "fuzz.h"

class segment_drain {
 public:
  segment_drain(tcpinfo::segment_reader& reader, tcpinfo::bytes_view input)
      : reader_(reader), most_faults_(2 * input.size() + 2) {
    tcpinfo::segment_reader_options options;
    options.max_window_log = 20;
    FUZZ_CHECK(!reader.open_memory(input, options));
  }
  /// The next one that `read` of the reader gives, behind faults. False at the end.
  template <class Item>
  [[nodiscard]] bool next(std::error_code (tcpinfo::segment_reader::*read)(Item&, bool&) noexcept,
                          Item& out) {
    for (;;) {
      out = {};
      bool more = false;
      const std::error_code ec = (reader_.*read)(out, more);
      FUZZ_CHECK(more || !ec);
      if (!more || !ec) return more;
      FUZZ_CHECK(++faults_ <= most_faults_);
    }
  }
  [[nodiscard]] std::size_t faults() const noexcept { return faults_; }

 private:
  tcpinfo::segment_reader& reader_;
  const std::size_t most_faults_;
  std::size_t faults_ = 0;
};

#endif
