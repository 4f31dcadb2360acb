// SPDX-License-Identifier: Apache-2.0
//
// Segments with few records, block by block.
#ifndef TCPINFO_TEST_UNIT_COLLECT_PUBLISHING_MADE_BLOCKS_H
#define TCPINFO_TEST_UNIT_COLLECT_PUBLISHING_MADE_BLOCKS_H

#include <tcpinfo/segment.h>

#include <string>
#include <vector>

#include "unit/catch.h"
#include "unit/made_socket.h"

struct made_blocks {
  std::vector<std::string> frames;  ///< a block each
  std::string index;

  explicit made_blocks(int count, std::uint64_t first_value = 0) {
    using namespace tcpinfo;
    segment_writer writer;
    REQUIRE_FALSE(writer.create({}));
    made_socket s;
    s.cookie = 7;
    const auto text = [](bytes_view bytes) {
      return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    bytes_view bytes;
    for (int i = 0; i < count; ++i) {
      segment_archive archive;
      archive.path = "a/b";
      archive.goes_on = i > 0 ? 1 : 0;
      std::uint32_t number = 0;
      REQUIRE_FALSE(writer.begin(archive, number));
      s.set(128, first_value + static_cast<std::uint64_t>(i));
      REQUIRE_FALSE(writer.add(number, timestamp::from_unix_nanoseconds(std::int64_t{i} + 1),
                               s.view(), {}, nullptr));
      REQUIRE_FALSE(writer.flush(bytes));
      frames.push_back(text(bytes));
    }
    REQUIRE_FALSE(writer.finish(bytes));
    index = text(bytes);
  }
  [[nodiscard]] std::string all() const {
    std::string sum;
    for (const std::string& frame : frames) sum += frame;
    return sum;
  }
};

#endif
