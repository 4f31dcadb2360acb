// SPDX-License-Identifier: Apache-2.0
//
// The stream of active sockets: those that something has happened to since the last tick. BPF
// programs feed it (bpf_feed.h); tests feed their own.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_ACTIVITY_FEED_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_ACTIVITY_FEED_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <memory>
#include <string>

namespace tcpinfo::collect {

/// Something has happened to a socket, for the first time in a tick.
struct activity {
  socket_id id;                ///< cookie 0: it has none yet, and gets one with its first query
  std::uint32_t tick = 0;      ///< the one that was set when it happened
  std::uint8_t state = 0;      ///< tcp_state; CLOSE: the socket's TCP has ended
  bool state_changed = false;  ///< just now, to `state`; then it may not be the first in its tick
  std::int64_t time_ns = 0;    ///< monotonic
};

/// Since the start, in all namespaces together: the kernel does not tell which. The first feed has
/// them; the others have zeros.
struct activity_totals {
  std::uint64_t taken = 0;
  /// Events that may have told of no activity: the kernel does not run the BPF program where that
  /// interrupts itself on a processor.
  std::uint64_t missed = 0;
};

class activity_sink {
 public:
  virtual ~activity_sink() = default;
  virtual void on_activity(const activity& a) noexcept = 0;
};

/// The activity of one network namespace. One thread. Begins muted. Leaves nothing behind when it
/// ends.
class activity_feed {
 public:
  activity_feed() = default;
  virtual ~activity_feed() = default;
  activity_feed(const activity_feed&) = delete;
  activity_feed& operator=(const activity_feed&) = delete;

  /// Begins a tick: the feed tells of each socket's next event again.
  /// @return the tick that is now set; no earlier one was equal.
  [[nodiscard]] virtual std::uint32_t begin_tick() noexcept = 0;
  /// Hands over the activity so far, without waiting.
  virtual void take(activity_sink& sink) noexcept = 0;
  /// Activity that found no room, since the start.
  [[nodiscard]] virtual std::uint64_t dropped() const noexcept = 0;
  /// Takes some microseconds: for now and then.
  [[nodiscard]] virtual activity_totals totals() const noexcept { return {}; }
  /// Whether to tell of changes of state only, until told otherwise.
  virtual void mute(bool muted) noexcept = 0;
  /// Readable while there is activity to take; -1 where there is no such descriptor. Whoever waits
  /// for it calls wake_on_next() first.
  [[nodiscard]] virtual int descriptor() const noexcept { return -1; }
  /// Whether the next activity is to wake whoever waits for descriptor(). It does so once, and
  /// costs the socket's user a microsecond: for when activity is rare.
  virtual void wake_on_next(bool /*wanted*/) noexcept {}
};

/// Makes feeds. One thread at a time.
class feed_maker {
 public:
  feed_maker() = default;
  virtual ~feed_maker() = default;
  feed_maker(const feed_maker&) = delete;
  feed_maker& operator=(const feed_maker&) = delete;

  /// A feed of the caller's network namespace, the collector's own first; null where that cannot
  /// be, and `why` says why.
  [[nodiscard]] virtual std::unique_ptr<activity_feed> make(std::string& why) = 0;
};

}  // namespace tcpinfo::collect

#endif
