// SPDX-License-Identifier: Apache-2.0
//
// Who records: what goes into UUIDs and metadata records, found out once.
#ifndef TCPINFO_COLLECT_IDENTITY_H
#define TCPINFO_COLLECT_IDENTITY_H

#include <string>
#include <system_error>

#include "collect/config.h"

namespace tcpinfo::collect {

struct identity {
  std::string uuid_prefix;
  std::string host;
  std::string kernel;     ///< release
  std::string collector;  ///< program and version
  std::string interval;
  std::string run;  ///< 16 hex digits, new for each run
};

/// The first line's worth of a prefix file, one trailing newline dropped, checked.
/// @return the errno of reading it, or errc::bad_uuid.
[[nodiscard]] std::error_code read_uuid_prefix(const std::string& file, std::string& out);

/// Fills all of it. Fails only by the prefix file.
[[nodiscard]] std::error_code make_identity(const config& c, identity& out);

}  // namespace tcpinfo::collect

#endif
