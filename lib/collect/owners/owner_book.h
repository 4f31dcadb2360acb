// SPDX-License-Identifier: Apache-2.0
//
// Whose each connection is (--owner). Puts together what programs in the kernel remember
// (owner_feed), what /proc shows, and the control group that a message names.
#ifndef TCPINFO_COLLECT_OWNERS_OWNER_BOOK_H
#define TCPINFO_COLLECT_OWNERS_OWNER_BOOK_H

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "collect/config.h"
#include "collect/owners/cgroup_paths.h"
#include "collect/owners/owner.h"
#include "collect/owners/owner_clues.h"
#include "collect/owners/owner_feed.h"
#include "collect/owners/process_facts.h"
#include "collect/owners/socket_holders.h"

namespace tcpinfo::collect {

/// Any thread. Throws std::bad_alloc.
class owner_book {
 public:
  /// @param level not off
  /// @param feed null where no program in the kernel tells
  /// @param anonymous whether names of control groups are to tell no addresses
  owner_book(owner_level level, std::unique_ptr<owner_feed> feed, bool anonymous = false);

  /// The owner as far as it is known by now, null where none is. It should be asked for at a
  /// connection's first message, while the process lives; and where that is not settled
  /// (is_settled()), once more when it is to be written. `before`: what it was then.
  [[nodiscard]] owner_pointer find(const owner_clues& clues, const owner_pointer& before = nullptr);

 private:
  [[nodiscard]] process_owner process_of(const owner_clues& clues);
  [[nodiscard]] process_facts facts_about(const process_owner& process);
  [[nodiscard]] owner_pointer describe(const process_owner& process);

  const owner_level level_;
  const bool anonymous_;
  const bool sees_processes_;
  std::unique_ptr<socket_holders> holders_;  // where the feed does not know all
  std::mutex mutex_;
  cgroup_paths cgroups_;
  std::unordered_map<std::string, process_facts> seen_;  // of processes, while they lived
  std::unordered_map<std::string, owner_pointer> described_;
  std::unique_ptr<owner_feed> feed_;  // the first to go: its thread may be here
};

}  // namespace tcpinfo::collect

#endif
