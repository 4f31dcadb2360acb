// SPDX-License-Identifier: Apache-2.0
//
// What writers need to know of the network namespaces that are recorded: their name for metadata
// records, and which addresses are a machine's own there.
#ifndef TCPINFO_COLLECT_WRITING_NETNS_REGISTRY_H
#define TCPINFO_COLLECT_WRITING_NETNS_REGISTRY_H

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "collect/writing/anonymizer.h"

namespace tcpinfo::collect {

struct recorded_netns {
  recorded_netns(std::string its_name, os& system, anonymize_by by)
      : name(std::move(its_name)), addresses(system, by) {}

  const std::string name;  ///< empty: the collector's own
  anonymizer addresses;
};

/// Any thread. Namespaces come and go: numbers are never used twice, and connections hold on to
/// what they need of theirs.
class netns_registry {
 public:
  /// Throws std::bad_alloc. @return its number, from 0.
  std::uint32_t add(std::shared_ptr<recorded_netns> netns) {
    const std::lock_guard lock(mutex_);
    all_.emplace(next_, std::move(netns));
    return next_++;
  }
  /// When no snapshot with this number is on its way to a writer any more.
  void remove(std::uint32_t number) {
    const std::lock_guard lock(mutex_);
    all_.erase(number);
  }
  /// It is there.
  [[nodiscard]] std::shared_ptr<recorded_netns> get(std::uint32_t number) const {
    const std::lock_guard lock(mutex_);
    return all_.at(number);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::uint32_t, std::shared_ptr<recorded_netns>> all_;
  std::uint32_t next_ = 0;
};

}  // namespace tcpinfo::collect

#endif
