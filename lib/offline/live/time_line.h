// SPDX-License-Identifier: Apache-2.0
//
// What one connection did, step by step, and what held it up: out of what a collector recorded, and
// of what was seen since.
#ifndef TCPINFO_OFFLINE_LIVE_TIME_LINE_H
#define TCPINFO_OFFLINE_LIVE_TIME_LINE_H

#include <tcpinfo/parse.h>
#include <tcpinfo/tcp.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/why/examiner.h"
#include "offline/live/watched_flow.h"

namespace tcpinfo::offline {

/// One thread's. Throws std::bad_alloc.
class time_line {
 public:
  static constexpr std::size_t most_steps = 600;

  struct step : flow_step {
    analysis::why::sample at_end;
  };

  /// Steps are at least so long.
  explicit time_line(std::int64_t step_ns) : step_ns_(step_ns) {}

  /// The next message of the connection, in the order of their times. Earlier ones are passed over.
  /// `time_ns`: since 1970.
  void add(const message& m, std::int64_t time_ns);
  /// The lines of an archive, of which those of that cookie are the connection's.
  /// @return how many records were taken
  std::size_t add_lines(std::string_view lines, std::uint64_t cookie);

  [[nodiscard]] const std::deque<step>& steps() const noexcept { return steps_; }
  /// What limited it so far, one sentence for each way that carried much.
  [[nodiscard]] std::vector<std::string> sentences() const;

 private:
  const std::int64_t step_ns_;
  const info_layout layout_ = running_kernel_layout();
  snapshot decoded_;
  analysis::why::sample latest_;
  bool any_ = false;
  std::deque<step> steps_;
  analysis::why::examiner examiner_;
};

}  // namespace tcpinfo::offline

#endif
