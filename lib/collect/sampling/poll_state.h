// SPDX-License-Identifier: Apache-2.0
//
// What the tick loop knows about the running poll.
#ifndef TCPINFO_COLLECT_SAMPLING_POLL_STATE_H
#define TCPINFO_COLLECT_SAMPLING_POLL_STATE_H

#include <cstdint>

namespace tcpinfo::collect {

/// The sampler writes it; the recorder and the close tracker read it.
struct poll_state {
  std::uint64_t number = 0;  ///< of the poll, from 1, missed ticks included
  std::int64_t now_ns = 0;   ///< monotonic
  bool first = true;         ///< no poll has ended yet
  bool last = false;         ///< the collector ends after this one
  /// A connection that this poll shows for the first time may have been there before: the first
  /// poll, and one after a reload.
  bool may_show_old = true;
  /// When the first dump of this run that showed every socket had ended, since 1970; 0: none has.
  std::int64_t whole_dump_ns = 0;
  /// The source hears of the end of every connection: it misses no destroy event.
  bool hears_ends = false;
};

}  // namespace tcpinfo::collect

#endif
