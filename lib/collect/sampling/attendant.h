// SPDX-License-Identifier: Apache-2.0
//
// What goes on in a sampling loop apart from sampling: who ends it, and who hears of it.
#ifndef TCPINFO_COLLECT_SAMPLING_ATTENDANT_H
#define TCPINFO_COLLECT_SAMPLING_ATTENDANT_H

#include <cstddef>
#include <cstdint>

namespace tcpinfo::collect {

/// What a loop knows after a poll.
struct loop_state {
  std::int64_t now_ns = 0;       ///< monotonic
  bool complete = false;         ///< the poll was
  std::size_t flows = 0;         ///< open
  std::uint64_t idle_ticks = 0;  ///< ticks so far that needed no poll
};

/// Used by the loop's thread.
class attendant {
 public:
  attendant() = default;
  virtual ~attendant() = default;
  attendant(const attendant&) = delete;
  attendant& operator=(const attendant&) = delete;

  /// Before each poll.
  virtual void before_poll() {}
  /// After each poll, when it has been counted. False: it was the last.
  [[nodiscard]] virtual bool after_poll(const loop_state& state) = 0;
  /// When descriptor() is readable, and at due_ns() at the latest; where there is no descriptor, or
  /// no time to wait for it, between any two polls. False: there are to be no more polls.
  [[nodiscard]] virtual bool attend(std::int64_t now_ns) = 0;
  /// -1 where there is none.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  /// Monotonic; far away where nothing is due.
  [[nodiscard]] virtual std::int64_t due_ns() const noexcept = 0;
  /// No more polls; what has been seen is still to be handed over.
  virtual void ending() noexcept {}
};

}  // namespace tcpinfo::collect

#endif
