// SPDX-License-Identifier: Apache-2.0
//
// Connections that ended without a destroy event: their cookie may be heard of again, because its
// end is told late or its socket is used again, and then goes on after its last file.
#ifndef TCPINFO_COLLECT_WRITING_ENDED_FLOWS_H
#define TCPINFO_COLLECT_WRITING_ENDED_FLOWS_H

#include <tcpinfo/archive.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "collect/writing/flow_archive.h"
#include "collect/writing/snapshot_header.h"
#include "common/sequences.h"

namespace tcpinfo::collect {

/// One thread's. Throws std::bad_alloc. Of most nothing is heard any more: above a limit the oldest
/// are forgotten.
class ended_flows {
 public:
  static constexpr std::size_t most_remembered = 100'000;

  /// `most`: how many are remembered.
  explicit ended_flows(std::size_t most = most_remembered) noexcept : most_(most) {}

  void remember(const flow_archive& flow);
  /// Where that cookie is remembered, `flow`, which begins with `first`, goes on after it.
  /// @return whether it is
  bool resume(flow_archive& flow, const snapshot_header& first);
  /// For who does not look on the disk, where resume() finds nothing: gives `flow` a sequence that
  /// none had which was forgotten, if it may be one of these.
  void pass_forgotten(flow_archive& flow) const noexcept;

 private:
  // Of those that were forgotten, apart for those that went on at the number of the run.
  struct forgotten {
    std::uint64_t highest_cookie = 0;
    std::uint64_t next_sequence = 0;  // above all of theirs; 0: there are none
  };
  [[nodiscard]] static std::size_t kind_of(std::uint64_t sequence) noexcept {
    return sequence < sequences_of_a_run ? 0 : 1;
  }
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
  const std::size_t most_;
  std::array<forgotten, 2> forgotten_;  // by kind_of()
};

}  // namespace tcpinfo::collect

#endif
