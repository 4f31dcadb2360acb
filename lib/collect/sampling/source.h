// SPDX-License-Identifier: Apache-2.0
//
// Where the sampler's messages come from. One implementation dumps; others may follow events.
#ifndef TCPINFO_COLLECT_SAMPLING_SOURCE_H
#define TCPINFO_COLLECT_SAMPLING_SOURCE_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <span>
#include <system_error>

namespace tcpinfo::collect {

/// Takes messages; views are valid during the call.
class message_sink {
 public:
  virtual ~message_sink() = default;
  /// A datagram has been read: the messages that follow were in it, up to the next call. Sources
  /// that read none need not call it.
  virtual void on_datagram() noexcept {}
  /// A socket as it is now.
  virtual void on_socket(const message& m) noexcept = 0;
  /// A socket's final message. Nothing has filtered it.
  virtual void on_destroyed(const message& m) noexcept = 0;

  // What only sources tell that follow events.

  /// A connection has begun to open, at that monotonic time; before any message of it. Nothing has
  /// filtered it.
  virtual void on_opening(std::uint64_t /*cookie*/, std::int64_t /*time_ns*/) noexcept {}
  /// The TCP of a socket has ended, at that monotonic time. Its destroy event comes when nobody
  /// holds the socket any more: at once as a rule. Nothing has filtered it.
  virtual void on_ended(std::uint64_t /*cookie*/, std::int64_t /*time_ns*/) noexcept {}
  /// A socket of which no event had told that it moved. @return whether it was news all the same.
  virtual bool on_checked(const message& m) noexcept {
    on_socket(m);
    return false;
  }
  /// A socket that walks did not show for a while. Nothing was asked about it. Monotonic times: it
  /// was there at `seen_ns`, and at `absent_ns` no more.
  virtual void on_absent(std::uint64_t /*cookie*/, std::int64_t /*seen_ns*/,
                         std::int64_t /*absent_ns*/) noexcept {}
  /// Whether the message just given could not be kept, and is to be given again by the next poll.
  [[nodiscard]] virtual bool must_repeat() noexcept { return false; }
  /// A message of that cookie comes soon.
  virtual void on_expected(std::uint64_t /*cookie*/) noexcept {}
  /// Whether there is a connection of that cookie.
  [[nodiscard]] virtual bool knows(std::uint64_t /*cookie*/) const noexcept { return false; }
};

struct source_options {
  const filter* exclude = nullptr;  ///< must outlive the source; may be given other rules
  std::size_t event_buffer = std::size_t{32} << 20;  ///< bytes to ask of the kernel for events
  /// Whether to follow events, where that is possible here; else each poll walks.
  bool follow = false;
  /// Whether walks give way: they rest three quarters of the time.
  bool gentle = false;
  /// Polls that take no longer may run in real time; 0: none.
  std::int64_t urgent_ns = 0;
  std::int64_t reconcile_ns = 10'000'000'000;  ///< the longest time from walk to walk beside events
};

/// What one poll did.
struct poll_report {
  /// Every socket was looked at: one that was not shown does not exist (or has just been made).
  bool complete = false;
  std::error_code
      error;  ///< what went wrong, if anything; without it those that moved were looked at
  std::int64_t duration_ns = 0;
  // The same by walk; 0 where that walk was not done.
  std::int64_t both_ns = 0;
  std::int64_t ipv4_ns = 0;
  std::int64_t ipv6_ns = 0;
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
  // Of sources that follow events.
  std::uint64_t marks = 0;    ///< sockets that events told of
  std::uint64_t dropped = 0;  ///< marks that found no room: a walk made up for them
  std::uint64_t missed = 0;   ///< events that may have made no mark
  std::uint64_t queries = 0;
  std::uint64_t reconciled = 0;   ///< walks beside the polls that have ended
  std::uint64_t unannounced = 0;  ///< changes that they found and no event had told of
  /// Why there is no thread for walks beside the polls; told in a poll that has tried to start it.
  std::error_code no_reconciler;
};

/// Used by one thread.
class source {
 public:
  virtual ~source() = default;

  /// Finds out whether polls will work here, without listening for events yet, and shows the
  /// sockets there are.
  [[nodiscard]] virtual std::error_code probe(message_sink& sink) noexcept = 0;
  /// From here on no event is missed.
  [[nodiscard]] virtual std::error_code open() = 0;
  /// Looks at every connection once. Messages that `exclude` names may or may not be left out.
  [[nodiscard]] virtual poll_report walk(message_sink& sink) noexcept = 0;
  /// Looks at every connection that may have moved since the poll before: at all of them, where
  /// nobody tells which.
  [[nodiscard]] virtual poll_report poll(message_sink& sink) noexcept { return walk(sink); }
  /// Looks at the connections that are being made from here (SYN_SENT), and is never complete.
  [[nodiscard]] virtual poll_report walk_connecting(message_sink& /*sink*/) noexcept { return {}; }
  /// Walks rest no more (source_options::gentle), that which runs included. Any thread.
  virtual void give_way_no_more() noexcept {}
  /// Whether events tell which have moved.
  [[nodiscard]] virtual bool follows() const noexcept { return false; }
  /// After a poll: whether there is nothing to poll for until something happens. Then descriptor()
  /// is readable as soon as it does, and the next poll ends the rest.
  /// @return monotonic, when to poll all the same; 0: at the next tick.
  [[nodiscard]] virtual std::int64_t rest() noexcept { return 0; }
  /// Whether, since rest(), nothing has happened that a poll is needed for. After drain().
  [[nodiscard]] virtual bool rests() const noexcept { return false; }
  /// What comes next on this thread may take its time: it is nothing urgent any more.
  virtual void expect_long() noexcept {}
  /// Delivers destroy events that are queued, without waiting.
  [[nodiscard]] virtual std::error_code drain(message_sink& sink) noexcept = 0;
  /// Readable when drain() has something to do, or a rest is over; -1 where there is no such
  /// descriptor.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  /// Asks for one socket. ENOENT or ESTALE: it does not exist.
  [[nodiscard]] virtual std::error_code query(const socket_id& id, message_sink& sink) noexcept = 0;
  /// Asks for many. Calls `fn` for each.
  virtual void query_all(std::span<const socket_id> ids, answer_callback fn,
                         void* user) noexcept = 0;
  /// Why the kernel tells of no ends here: connections end by being shown no more, without final
  /// counters. ETIMEDOUT: it has granted to tell, and does not. After open().
  [[nodiscard]] virtual std::error_code ends_unheard() const noexcept { return {}; }
  /// Times that the kernel dropped destroy events because they were not read in time, and events
  /// that could not be read.
  [[nodiscard]] virtual std::int64_t event_overflows() const noexcept = 0;
};

}  // namespace tcpinfo::collect

#endif
