// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// The flow table: the last message of every connection, and whether the next one says anything
/// new.
#ifndef TCPINFO_CACHE_H
#define TCPINFO_CACHE_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <type_traits>
#include <utility>

#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/inetdiag.h>

namespace tcpinfo::inline v0 {

/// What a message means for its connection. Values are frozen.
enum class flow_change : std::uint32_t {
  none = 0,         ///< nothing that carries information changed, or the cookie is closed
  opened = 1,       ///< first message of this cookie
  changed = 2,      ///< anything but ages and stall times changed
  stall_times = 3,  ///< only stall times grew, and the last kept message is old enough
  reused = 4,       ///< the same socket, disconnected and used again: other ends or totals cleared
  closed = 5,       ///< a destroy event
};

/// The answer of update() and destroyed(). Plain data; valid until the table's next call.
struct flow_update {
  std::size_t size = sizeof(flow_update);  ///< for later members; leave it
  flow_change change = flow_change::none;  ///< none: nothing to record
  std::uint32_t known = 0;                 ///< 1 where the cookie had a message before
  /// What to record: the message given, without MD5SIG (it holds keys). Valid until the table's
  /// next call and as long as the bytes given are.
  message current = {};
  std::int64_t now_ns = 0;  ///< as given; commit() needs it
  /// What a final message lacked and `current` has of the last message kept, as bits of
  /// attribute_bit() and ends_bit. The kernel sends INFO and PROTOCOL of a socket's end; of one
  /// that its own program aborted (it is disconnected first) without ends, and with totals that are
  /// cleared: then INFO, too, is the last one kept, so that totals never go back.
  std::uint32_t carried = 0;
  /// 1 in a final message of another connection than the last one kept: the socket was reused
  /// since, and what the message tells belongs to a file of its own.
  std::uint32_t reused = 0;
};

/// What a flow table is told once, by reset().
struct flow_table_options {
  std::size_t size = sizeof(flow_table_options);  ///< for later members; leave it
  /// The least time between messages kept only because stall times (busy_time, rwnd_limited,
  /// sndbuf_limited, total_rto_time) grew. Not negative.
  std::int64_t stall_interval_ns = 1'000'000'000;
  /// A closed cookie is remembered until this many complete cycles have passed without it: what is
  /// left of a closed socket (a time-wait mini socket in FIN_WAIT2) is dumped on.
  std::uint32_t tombstone_cycles = 64;
  std::uint32_t reserved = 0;  ///< leave it

  /// The interval as a duration.
  [[nodiscard]] std::chrono::nanoseconds stall_interval() const noexcept {
    return std::chrono::nanoseconds(stall_interval_ns);
  }
  /// Sets the interval.
  void set_stall_interval(std::chrono::nanoseconds interval) noexcept {
    stall_interval_ns = interval.count();
  }
};

/// A flow that a complete cycle did not show.
struct flow_absence {
  std::uint64_t cookie = 0;    ///< of the flow
  std::uint32_t cycles = 0;    ///< complete cycles in a row without it, this one included
  std::uint32_t had_info = 0;  ///< 1 where any message of it had tcp_info: a final one is to come
  std::int64_t since_ns = 0;   ///< time of the first of those cycles
  message last = {};           ///< valid until the table's next call

  /// `since_ns` for who gave a time point to end_cycle().
  [[nodiscard]] std::chrono::steady_clock::time_point since() const noexcept {
    using clock = std::chrono::steady_clock;
    return clock::time_point(
        std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds(since_ns)));
  }
};

/// Receives absences. What it is given is valid until the call returns. Must not throw and must not
/// use the table that calls it.
using absence_callback = iteration (*)(void* user, const flow_absence& absence) noexcept;

/// Keeps the last message of every cookie. Keeping is in two steps, so that a message that could
/// not be recorded is offered again: update() compares, commit() keeps. No allocation where no
/// connection is opened and no message grows. One thread at a time. The functions that return an
/// error say errc::busy when they are called from a callback of the same table.
///
/// What counts as a change: the message header but `expires`, every attribute, and in tcp_info
/// every byte but last_data_sent, last_data_recv, last_ack_recv (ages); busy_time, rwnd_limited,
/// sndbuf_limited and total_rto_time (stall times) count at most once in stall_interval_ns. A
/// payload that got longer or shorter is a change.
class TCPINFO_API flow_table final {
 public:
  flow_table() noexcept = default;
  ~flow_table();
  /// `other` is default-constructed afterwards: it is as before reset().
  flow_table(flow_table&& other) noexcept;
  /// `other` has what this had.
  flow_table& operator=(flow_table&& other) noexcept;
  flow_table(const flow_table&) = delete;
  flow_table& operator=(const flow_table&) = delete;

  /// Makes the table empty. Must come first.
  /// @return errc::out_of_memory, or errc::invalid_argument for options out of range or unknown
  /// here: nothing changed.
  [[nodiscard]] std::error_code reset(const flow_table_options& options) noexcept;
  /// The same with the defaults.
  [[nodiscard]] std::error_code reset() noexcept { return reset(flow_table_options{}); }

  /// Compares `m` with the last message kept for its cookie, and marks the cookie as seen in this
  /// cycle. `now_ns` is a monotonic time, the same for all messages of a poll: a dump may show a
  /// socket twice, and a second message of the same time is `none`. So is one that the kernel
  /// filled while the socket was closing, when its ends had been taken from it: the destroy event
  /// tells the rest.
  /// @return errc::not_open before reset(); errc::message_too_short below 72 bytes, which is
  /// `none`; errc::invalid_argument for an `out.size` that no release has had; errc::out_of_memory:
  /// then `out` is of no use.
  [[nodiscard]] std::error_code update(const message& m, std::int64_t now_ns,
                                       flow_update& out) noexcept;
  /// The same with a time point.
  [[nodiscard]] std::error_code update(const message& m, std::chrono::steady_clock::time_point now,
                                       flow_update& out) noexcept {
    return update(m, nanoseconds_of(now), out);
  }

  /// The final message of a socket, from a destroy event. `closed`, or `none` where the cookie is
  /// closed already. Filters are the caller's: see flow_update::known.
  /// @return as update().
  [[nodiscard]] std::error_code destroyed(const message& m, std::int64_t now_ns,
                                          flow_update& out) noexcept;
  /// The same with a time point.
  [[nodiscard]] std::error_code destroyed(const message& m,
                                          std::chrono::steady_clock::time_point now,
                                          flow_update& out) noexcept {
    return destroyed(m, nanoseconds_of(now), out);
  }

  /// Keeps what update() or destroyed() answered last. A closed flow is forgotten and its cookie
  /// remembered, so that what is left of the socket opens nothing.
  /// @return errc::out_of_memory, errc::message_too_short, errc::invalid_argument (a kind of change
  /// or a size that is none): nothing changed.
  [[nodiscard]] std::error_code commit(const flow_update& update) noexcept;

  /// Ends a cycle. Only a `complete` one (every socket was looked at) is evidence of absence: then
  /// `fn` (which may be null) is called for each flow not seen since the last complete one, until
  /// it says stop: the cycle ends all the same.
  /// @return errc::stopped; errc::not_open before reset(); errc::busy in a callback.
  std::error_code end_cycle(bool complete, std::int64_t now_ns, absence_callback fn,
                            void* user) noexcept;

  /// Begins a cycle anew: what was seen in the running one, before a walk that is to be complete,
  /// does not count as seen in it. Not needed after end_cycle().
  void begin_cycle() noexcept;

  /// For who asks for single sockets and never ends a complete cycle: counts as one for the
  /// remembering of closed cookies (flow_table_options::tombstone_cycles), and for nothing else.
  void age_closed() noexcept;

  /// Bounds the memory that remembered cookies of closed flows take, from now on; 0, as after
  /// reset(), is no bound. Where there is no room for another, those are forgotten that were seen
  /// longest ago, an eighth of all at once: what is left of their sockets may open a flow again.
  void bound_tombstones(std::size_t bytes) noexcept;

  /// Forgets a flow that ended without a destroy event. Its cookie may come back (a socket can be
  /// disconnected and connected again); then it is `opened`.
  /// @return errc::not_open before reset(); errc::busy in a callback. No error where there is none.
  std::error_code erase(std::uint64_t cookie) noexcept;

  /// Calls `fn` with the last message of each open flow, in no order, valid during the call, until
  /// it says stop.
  /// @return errc::stopped; errc::not_open before reset(); errc::busy in a callback;
  /// errc::invalid_argument where `fn` is null.
  std::error_code for_each(message_callback fn, void* user) const noexcept;

  /// The last message kept; its bytes are valid until the table changes.
  /// @return false where there is none.
  [[nodiscard]] bool find(std::uint64_t cookie, message& out) const noexcept;

  [[nodiscard]] std::size_t flows() const noexcept;       ///< open flows
  [[nodiscard]] std::size_t tombstones() const noexcept;  ///< closed cookies still remembered
  /// Cookies forgotten since reset() because of bound_tombstones().
  [[nodiscard]] std::uint64_t dropped_tombstones() const noexcept;
  [[nodiscard]] std::size_t tombstone_bytes() const noexcept;  ///< their part of memory_bytes()
  [[nodiscard]] std::size_t memory_bytes() const noexcept;     ///< allocated by the table

  /// Adapts a function object, as diag_socket::dump() does; it must not throw.
  template <class F>
  requires visitor<std::remove_reference_t<F>, message> std::error_code for_each(F&& fn)
  const noexcept {
    return for_each(visit_with<std::remove_reference_t<F>, message>, visitor_of(fn));
  }

  /// Adapts a function object in the same way.
  template <class F>
  requires visitor<std::remove_reference_t<F>, flow_absence> std::error_code end_cycle(
      bool complete, std::int64_t now_ns, F&& fn)
  noexcept {
    return end_cycle(complete, now_ns, visit_with<std::remove_reference_t<F>, flow_absence>,
                     visitor_of(fn));
  }
  /// The same with a time point.
  template <class F>
  requires visitor<std::remove_reference_t<F>, flow_absence> std::error_code end_cycle(
      bool complete, std::chrono::steady_clock::time_point now, F&& fn)
  noexcept { return end_cycle(complete, nanoseconds_of(now), fn); }

 private:
  friend struct flow_table_internal;
  [[nodiscard]] static std::int64_t nanoseconds_of(
      std::chrono::steady_clock::time_point at) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
  }

  struct impl;
  impl* impl_ = nullptr;
};

}  // namespace tcpinfo::inline v0

#endif
