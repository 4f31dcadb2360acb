// SPDX-License-Identifier: Apache-2.0
#include "collect/owners/owner_book.h"

#include <fmt/format.h>

#include <utility>

namespace tcpinfo::collect {
namespace {

// Processes, by what is asked for them. They come and go.
constexpr std::size_t most_described = 16'384;

}  // namespace

owner_book::owner_book(owner_level level, std::unique_ptr<owner_feed> feed, bool anonymous)
    : level_(level),
      anonymous_(anonymous),
      sees_processes_(sees_all_processes()),
      feed_(std::move(feed)) {
  if (feed_ != nullptr && sees_processes_)
    feed_->tell_processes([this](const process_owner& process) {
      const std::lock_guard lock(mutex_);
      (void)facts_about(process);
    });
  if (feed_ == nullptr || !feed_->knows_older()) holders_ = std::make_unique<socket_holders>();
}

process_owner owner_book::process_of(const owner_clues& clues) {
  if (feed_ != nullptr)
    if (auto told = feed_->find(clues.cookie)) return *std::move(told);
  process_owner owner;
  if (holders_ != nullptr) owner.pid = holders_->holder_of(clues.inode);
  if (owner.pid != 0) {
    owner.how = owner_found::proc;
  } else if (clues.cgroup != 0) {
    owner.how = owner_found::cgroup_id;
    owner.cgroup = clues.cgroup;
  }
  return owner;
}

// What was once seen holds, whether the process lives on or not.
process_facts owner_book::facts_about(const process_owner& process) {
  std::string key = fmt::format("{} {} {}", process.pid, process.start_ns, process.comm);
  if (const auto known = seen_.find(key); known != seen_.end()) return known->second;
  process_facts facts = facts_of(process.pid, process.start_ns);
  if (!facts.found || process.start_ns == 0) return facts;
  if (seen_.size() >= most_described) seen_.clear();
  return seen_[std::move(key)] = facts;
}

owner_pointer owner_book::describe(const process_owner& process) {
  std::string key = fmt::format("{} {} {} {} {}", static_cast<int>(process.how), process.pid,
                                process.start_ns, process.cgroup, process.comm);
  const bool has_start = process.start_ns != 0;
  if (has_start || process.pid == 0)
    if (const auto known = described_.find(key); known != described_.end()) return known->second;
  const bool by_proc = process.how == owner_found::proc;
  process_facts facts;
  // A number that /proc told is its own; the kernel's are those of the first namespace.
  if (process.pid != 0 && (by_proc || sees_processes_)) facts = facts_about(process);
  if (by_proc && !facts.found) return nullptr;
  auto made = std::make_shared<connection_owner>();
  made->how = process.how;
  made->cgroup = facts.cgroup.empty() ? cgroups_.path_of(process.cgroup) : facts.cgroup;
  if (anonymous_) made->cgroup = without_addresses(made->cgroup);
  if (level_ == owner_level::process && process.pid != 0) {
    made->pid = std::to_string(process.pid);
    made->comm = by_proc ? facts.comm : process.comm;
    made->executable = std::move(facts.executable);
  }
  if (made->cgroup.empty() && made->pid.empty()) return nullptr;
  if (described_.size() >= most_described) described_.clear();
  if (has_start || process.pid == 0) described_[std::move(key)] = made;
  return made;
}

owner_pointer owner_book::find(const owner_clues& clues, const owner_pointer& before) {
  if (before != nullptr && is_settled(before->how)) return before;
  const process_owner process = process_of(clues);
  if (process.how == owner_found::nowhere) return before;
  // One with less right is no news: the socket may be closed by now, or forgotten by the feed.
  if (before != nullptr && process.how >= before->how) return before;
  const std::lock_guard lock(mutex_);
  owner_pointer found = describe(process);
  return found == nullptr ? before : found;
}

}  // namespace tcpinfo::collect
