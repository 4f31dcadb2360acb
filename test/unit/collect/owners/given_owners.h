// SPDX-License-Identifier: Apache-2.0
//
// Owners as a test gives them, in place of those that programs in the kernel remember.
#ifndef TCPINFO_TEST_UNIT_COLLECT_OWNERS_GIVEN_OWNERS_H
#define TCPINFO_TEST_UNIT_COLLECT_OWNERS_GIVEN_OWNERS_H

#include <map>
#include <mutex>
#include <optional>

#include "collect/owners/owner_feed.h"

namespace tcpinfo::collect {

/// By cookie. A test that tells more while others ask does so under the mutex.
struct told_owners {
  std::mutex mutex;
  std::map<std::uint64_t, process_owner> all;
};

class given_owners final : public owner_feed {
 public:
  /// `told` outlives it.
  explicit given_owners(told_owners& told) : told_(told) {}
  std::optional<process_owner> find(std::uint64_t cookie) override {
    const std::lock_guard lock(told_.mutex);
    const auto found = told_.all.find(cookie);
    return found == told_.all.end() ? std::nullopt : std::optional(found->second);
  }
  bool knows_older() const noexcept override { return true; }

 private:
  told_owners& told_;
};

}  // namespace tcpinfo::collect

#endif
