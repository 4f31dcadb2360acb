// SPDX-License-Identifier: Apache-2.0
//
// The recorder's identity, for UUIDs and metadata records; found out once.
#ifndef TCPINFO_COLLECT_WRITING_IDENTITY_H
#define TCPINFO_COLLECT_WRITING_IDENTITY_H

#include <string>
#include <string_view>
#include <system_error>

#include "collect/config.h"

namespace tcpinfo::collect {

struct identity {
  std::string uuid_prefix;  ///< at the start
  std::string host;
  std::string kernel;     ///< release
  std::string collector;  ///< program and version
  std::string interval;
  std::string run;                 ///< 16 hex digits, new for each run
  std::string policy;              ///< as metadata::policy, of most connections
  std::string finals_only_policy;  ///< of those of which the final record alone is kept
  std::string boot;                ///< the kernel's random id of this boot; empty where unknown
};

/// The first line's worth of a prefix file, one trailing newline dropped, checked.
/// @return the errno of reading it, or errc::bad_uuid.
[[nodiscard]] std::error_code read_uuid_prefix(const std::string& file, std::string& out);

/// A note for the next run, so that it goes on with this prefix where it was made from the boot
/// time: that moves when the clock is stepped.
[[nodiscard]] std::string prefix_note(const identity& who);
/// Takes the prefix of an earlier run's note if that ran since this boot on a host of this name.
void adopt_prefix(std::string_view note, identity& who);

/// Fills all of it. Fails only by the prefix file.
[[nodiscard]] std::error_code make_identity(const config& c, identity& out);

}  // namespace tcpinfo::collect

#endif
