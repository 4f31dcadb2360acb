// SPDX-License-Identifier: Apache-2.0
//
// What a message says, as a number: for a collector that keeps no messages. Not installed.
#ifndef TCPINFO_INCLUDE_INTERNAL_TCPINFO_INTERNAL_CONTENT_HASH_H
#define TCPINFO_INCLUDE_INTERNAL_TCPINFO_INTERNAL_CONTENT_HASH_H

#include <cstdint>

#include <tcpinfo/inetdiag.h>

namespace tcpinfo::inline v0 {

/// A number of what the message says, that is the same for two messages between which
/// flow_table::update() would find no change (stall times aside), and else almost never. Of this
/// build of the library only: not to be kept. 0 for a message of less than 72 bytes. Any thread.
[[nodiscard]] std::uint64_t content_hash(const message& m) noexcept;

}  // namespace tcpinfo::inline v0

#endif
