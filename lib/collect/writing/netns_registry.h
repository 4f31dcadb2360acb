// SPDX-License-Identifier: Apache-2.0
//
// The network namespaces that are recorded, by number: snapshots carry the number.
#ifndef TCPINFO_COLLECT_WRITING_NETNS_REGISTRY_H
#define TCPINFO_COLLECT_WRITING_NETNS_REGISTRY_H

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "collect/writing/recorded_netns.h"

namespace tcpinfo::collect {

/// Any thread. Namespaces come and go: numbers are never used twice, and connections hold on to
/// what they need of theirs.
class netns_registry {
 public:
  /// Throws std::bad_alloc. @return its number, from 0.
  std::uint32_t add(std::shared_ptr<recorded_netns> netns);
  /// When no snapshot with this number is on its way to a writer any more.
  void remove(std::uint32_t number);
  /// It is there.
  [[nodiscard]] std::shared_ptr<recorded_netns> get(std::uint32_t number) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::uint32_t, std::shared_ptr<recorded_netns>> all_;
  std::uint32_t next_ = 0;
};

}  // namespace tcpinfo::collect

#endif
