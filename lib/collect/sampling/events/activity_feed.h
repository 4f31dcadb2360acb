// SPDX-License-Identifier: Apache-2.0
//
// Who has moved: a feed of the sockets that something has happened to since the last tick. One
// production implementation (bpf_feed.cc); tests give another.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_ACTIVITY_FEED_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_ACTIVITY_FEED_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tcpinfo::collect {

/// A socket that has moved, for the first time in a tick.
struct mark {
  socket_id id;                ///< cookie 0: it has none yet, and gets one when it is asked for
  std::uint32_t tick = 0;      ///< that was set when it was made
  std::uint8_t state = 0;      ///< tcp_state; CLOSE: its TCP has ended
  bool state_changed = false;  ///< just now, to `state`: then it may be no first mark
  std::int64_t time_ns = 0;    ///< monotonic
};

/// Since the start, in all namespaces together: the kernel does not tell which. One feed has them,
/// the first; the others have zeros.
struct mark_totals {
  std::uint64_t made = 0;    ///< marks that were taken
  std::uint64_t missed = 0;  ///< events that may have made no mark: the kernel does not run the
                             ///< program where it interrupts itself on a processor
};

class mark_sink {
 public:
  virtual ~mark_sink() = default;
  virtual void on_mark(const mark& m) noexcept = 0;
};

/// The marks of one network namespace. Used by one thread. Begins muted. When it ends nothing of it
/// stays behind.
class mark_feed {
 public:
  mark_feed() = default;
  virtual ~mark_feed() = default;
  mark_feed(const mark_feed&) = delete;
  mark_feed& operator=(const mark_feed&) = delete;

  /// A new tick: what moves from here on is marked again.
  /// @return the tick that is now set, which no tick before was.
  [[nodiscard]] virtual std::uint32_t begin_tick() noexcept = 0;
  /// Takes the marks made so far, without waiting.
  virtual void take(mark_sink& sink) noexcept = 0;
  /// Marks that found no room, since the start.
  [[nodiscard]] virtual std::uint64_t dropped() const noexcept = 0;
  /// Takes some microseconds: for now and then.
  [[nodiscard]] virtual mark_totals totals() const noexcept { return {}; }
  /// Whether to mark changes of state only, until told otherwise.
  virtual void mute(bool muted) noexcept = 0;
  /// Readable while there are marks to take; -1 where there is no such descriptor. Whoever waits
  /// for it says so first, by call_me().
  [[nodiscard]] virtual int descriptor() const noexcept { return -1; }
  /// Whether the next mark is to wake who waits for descriptor(). It does so once, and costs the
  /// socket's user a microsecond: for when marks are rare.
  virtual void call_me(bool /*wanted*/) noexcept {}
};

/// What feeds are had from. One thread at a time.
class mark_maker {
 public:
  mark_maker() = default;
  virtual ~mark_maker() = default;
  mark_maker(const mark_maker&) = delete;
  mark_maker& operator=(const mark_maker&) = delete;

  /// A feed of the caller's network namespace, the collector's own first; null where that cannot
  /// be, and `why` says why.
  [[nodiscard]] virtual std::unique_ptr<mark_feed> feed(std::string& why) = 0;
};

/// Loads the program and attaches it; null where this kernel, these privileges or this build do not
/// allow it, and `why` says which; where only some of it could be loaded `why` says what.
/// Everything is detached when the maker and all feeds have ended, and by the kernel when the
/// process does, however it ends.
[[nodiscard]] std::unique_ptr<mark_maker> make_mark_maker(std::string& why);

}  // namespace tcpinfo::collect

#endif
