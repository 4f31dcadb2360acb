// SPDX-License-Identifier: Apache-2.0
//
// Connections that ended without a destroy event: their cookie may be heard of again, because its
// end is told late or its socket is used again, and then goes on after its last file.
#ifndef TCPINFO_COLLECT_WRITING_ENDED_FLOWS_H
#define TCPINFO_COLLECT_WRITING_ENDED_FLOWS_H

#include <tcpinfo/archive.h>

#include <cstdint>
#include <deque>
#include <unordered_map>

#include "collect/writing/flow_archive.h"
#include "collect/writing/snapshot_header.h"

namespace tcpinfo::collect {

/// One thread's. Throws std::bad_alloc. Of most nothing is heard any more: above a limit the oldest
/// are forgotten.
class ended_flows {
 public:
  void remember(const flow_archive& flow);
  /// Where that cookie is remembered, `flow`, which begins with `first`, goes on after it.
  void resume(flow_archive& flow, const snapshot_header& first);

 private:
  struct former {
    std::uint64_t sequence;
    timestamp first_seen;
    timestamp opened;
    std::uint16_t prefix;
    std::uint64_t number;  // in the order of their ends
  };
  struct numbered {
    std::uint64_t cookie;
    std::uint64_t number;
  };

  std::unordered_map<std::uint64_t, former> all_;  // by cookie
  std::deque<numbered> order_;                     // those that were resumed are stale
  std::uint64_t last_number_ = 0;
};

}  // namespace tcpinfo::collect

#endif
