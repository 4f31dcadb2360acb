// SPDX-License-Identifier: Apache-2.0
//
// The exclusions in force, which may change while the samplers run.
#ifndef TCPINFO_COLLECT_SAMPLING_CURRENT_EXCLUSIONS_H
#define TCPINFO_COLLECT_SAMPLING_CURRENT_EXCLUSIONS_H

#include <atomic>
#include <cstdint>
#include <mutex>
#include <system_error>

#include "collect/sampling/exclusions.h"

namespace tcpinfo::collect {

/// What all samplers leave out. set() and lists() belong to one thread, the rest to any.
class shared_exclusions {
 public:
  explicit shared_exclusions(bool include_local) noexcept : include_local_(include_local) {}

  /// Throws std::bad_alloc.
  /// @return what is wrong with the lists; then those before stay in force.
  [[nodiscard]] std::error_code set(exclusion_lists lists);
  [[nodiscard]] const exclusion_lists& lists() const noexcept { return lists_; }

  /// Grows each time the exclusions become other ones.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }
  /// Makes `to` the exclusions in force, and tells their generation. Fails, changing nothing, where
  /// memory runs out.
  [[nodiscard]] std::error_code copy(exclusions& to, std::uint64_t& generation) const;

 private:
  const bool include_local_;
  mutable std::mutex mutex_;
  exclusion_lists lists_;  // in force
  std::atomic<std::uint64_t> generation_{0};
};

/// One sampler's copy of the exclusions. One thread.
class current_exclusions {
 public:
  /// `from` outlives it.
  explicit current_exclusions(const shared_exclusions& from) : from_(from) {}

  /// Follows reloads. True where they are other ones now; where memory has run out they are the old
  /// ones until the next call.
  [[nodiscard]] bool renew() noexcept;
  [[nodiscard]] const exclusions& get() const noexcept { return unwanted_; }

 private:
  const shared_exclusions& from_;
  exclusions unwanted_;
  std::uint64_t generation_ = 0;
};

}  // namespace tcpinfo::collect

#endif
