// SPDX-License-Identifier: Apache-2.0
//
// What is behind a tcpinfo_reader, for the other files of the interface for C.
#ifndef TCPINFO_C_OPEN_READER_H
#define TCPINFO_C_OPEN_READER_H

#include <tcpinfo/archive.h>
#include <tcpinfo/c.h>
#include <tcpinfo/parse.h>
#include <tcpinfo/segment.h>
#include <tcpinfo/tcp.h>

#include <bit>
#include <string>

#include "c/kept_metadata.h"

struct tcpinfo_reader {
  tcpinfo::record_reader records;
  tcpinfo::record latest;
  tcpinfo::snapshot decoded;  ///< for columns
  tcpinfo::info_layout layout = tcpinfo::info_layout::unknown;
  tcpinfo::kept_metadata about;  ///< of the latest record's archive
  std::string archive;           ///< of a segment: the name of the latest record's archive
  bool in_callback = false;
};

namespace tcpinfo::inline v0 {

/// Reads the next record into `latest`. @return as tcpinfo_reader_next().
[[nodiscard]] int c_next_record(tcpinfo_reader& reader) noexcept;

/// Whether the latest record is of a machine of the other byte order.
[[nodiscard]] inline bool c_is_foreign(const tcpinfo_reader& reader) noexcept {
  return reader.records.big_endian() != (std::endian::native == std::endian::big);
}

}  // namespace tcpinfo::inline v0

#endif
