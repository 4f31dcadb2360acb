// SPDX-License-Identifier: Apache-2.0
//
// What held a connection up between two looks at it: the cheap part of docs/why.md, by the kernel's
// own clocks of the sender. What the network did to it is not told apart here.
#ifndef TCPINFO_OFFLINE_LIVE_LIMIT_H
#define TCPINFO_OFFLINE_LIVE_LIMIT_H

#include <cstdint>
#include <string_view>

#include "analysis/why/sample.h"

namespace tcpinfo::offline {

/// In the order in which people want them: who waits longest first.
enum class limit : std::uint8_t {
  timeout,      ///< it waits for a retransmission timer
  handshake,    ///< it is not open yet
  window,       ///< the peer's receive window
  send_buffer,  ///< this end's send buffer
  losses,       ///< the network, and TCP segments were sent again
  network,      ///< the network: data were under way all the time that counts
  application,  ///< the program at this end gave too little to send
  receiving,    ///< data came in: what limits the peer is not seen from here
  idle,         ///< nothing was sent, nothing came
  unknown,      ///< the kernel does not tell, or this is the first look
};

/// Its name, at most 11 characters: "peer_window".
[[nodiscard]] std::string_view name_of(limit of) noexcept;

/// Between two records of one connection. Where they are less than five of the kernel's jiffies
/// apart (50 ms are enough) clocks tell nothing: unknown.
[[nodiscard]] limit limit_between(const analysis::why::sample& before,
                                  const analysis::why::sample& now) noexcept;

}  // namespace tcpinfo::offline

#endif
