// SPDX-License-Identifier: Apache-2.0
//
// Completes a final message: the kernel's message about a socket's end has no more than INFO and
// PROTOCOL, and of a socket that its own program aborts neither ends nor counters. Readers of
// archives look for all of these in a connection's last record.
#ifndef TCPINFO_CACHE_CARRY_H
#define TCPINFO_CACHE_CARRY_H

#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <cstdint>

namespace tcpinfo::inline v0 {

/// What of `last`, the last message of the connection before it, completes the final message
/// `event`: bits of attribute_bit() and ends_bit. `info_cleared`: INFO, too, though it is there.
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
