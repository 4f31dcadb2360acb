// SPDX-License-Identifier: Apache-2.0
//
// Completes a final message. The kernel's destroy event has only INFO and PROTOCOL; where the
// socket's own program aborted it, the event lacks addresses, ports and counters as well. Readers
// of archives expect all of these in a connection's last record, so they are carried over from the
// message before.
#ifndef TCPINFO_CACHE_CARRY_H
#define TCPINFO_CACHE_CARRY_H

#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <cstdint>

namespace tcpinfo::inline v0 {

/// Which parts of `last` the final message `event` lacks, as bits of attribute_bit() and ends_bit.
/// `last` is the connection's message before it. `info_cleared`: the kernel has cleared the event's
/// INFO, so that INFO counts as missing, too.
[[nodiscard]] std::uint32_t missing_in(const message& event, const message& last,
                                       bool info_cleared) noexcept;

/// Room that suffices for carry().
[[nodiscard]] inline std::size_t carry_room(const message& event, const message& last) noexcept {
  return wire::align4(event.bytes.size()) + wire::align4(last.bytes.size());
}
/// Writes `event` with those parts of `last` in it, and without MD5SIG, to `to`. @return its size.
std::size_t carry(const message& event, const message& last, std::uint32_t parts,
                  std::byte* to) noexcept;

}  // namespace tcpinfo::inline v0

#endif
