// SPDX-License-Identifier: Apache-2.0
//
// Who hears at once of connections that open and close.
#ifndef TCPINFO_COLLECT_SAMPLING_FLOW_LISTENER_H
#define TCPINFO_COLLECT_SAMPLING_FLOW_LISTENER_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>

#include "collect/owners/owner_clues.h"

namespace tcpinfo::collect {

/// Called by every sampler, on its thread. Waits for nobody. Times are since 1970.
class flow_listener {
 public:
  flow_listener() = default;
  virtual ~flow_listener() = default;
  flow_listener(const flow_listener&) = delete;
  flow_listener& operator=(const flow_listener&) = delete;

  /// `clues`: what its first message tells of whose it is.
  virtual void opened(const socket_id& id, std::int64_t time_ns,
                      const owner_clues& clues) noexcept = 0;
  virtual void closed(std::uint64_t cookie, std::int64_t time_ns) noexcept = 0;
};

}  // namespace tcpinfo::collect

#endif
