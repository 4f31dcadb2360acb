// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_COLLECT_WRITING_BLOCK_KINDS_H
#define TCPINFO_COLLECT_WRITING_BLOCK_KINDS_H

#include <system_error>

namespace tcpinfo::collect {

/// Whether all blocks of the segment that begins at the descriptor's offset are of kinds that this
/// version knows: readers pass over others, so that a copy of what they give has none of them.
/// @return errc::unknown_feature where one is not; errc::bad_block where something is between
/// blocks, or behind the last one; errors of reading
[[nodiscard]] std::error_code know_all_kinds(int fd);

}  // namespace tcpinfo::collect

#endif
