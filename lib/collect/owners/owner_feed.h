// SPDX-License-Identifier: Apache-2.0
//
// Owners that programs in the kernel remember (bpf_owner_feed.h). Tests give others.
#ifndef TCPINFO_COLLECT_OWNERS_OWNER_FEED_H
#define TCPINFO_COLLECT_OWNERS_OWNER_FEED_H

#include <cstdint>
#include <functional>
#include <optional>

#include "collect/owners/owner.h"

namespace tcpinfo::collect {

class owner_feed {
 public:
  owner_feed() = default;
  virtual ~owner_feed() = default;
  owner_feed(const owner_feed&) = delete;
  owner_feed& operator=(const owner_feed&) = delete;

  /// The owner of the socket with that cookie, as far as it is known by now. Any thread. Takes a
  /// microsecond or two.
  [[nodiscard]] virtual std::optional<process_owner> find(std::uint64_t cookie) = 0;
  /// From here on `on_process` hears of each process that comes to own a connection, as soon as it
  /// does, on a thread of the feed's, which ends with the feed. Once, at most.
  virtual void tell_processes(std::function<void(const process_owner&)> /*on_process*/) {}
  /// Whether it knows connections that were there before it.
  [[nodiscard]] virtual bool knows_older() const noexcept = 0;
};

}  // namespace tcpinfo::collect

#endif
