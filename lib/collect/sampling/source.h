// SPDX-License-Identifier: Apache-2.0
//
// Where the sampler's messages come from. dump_source dumps at each poll; event_source follows
// events and queries the active sockets.
#ifndef TCPINFO_COLLECT_SAMPLING_SOURCE_H
#define TCPINFO_COLLECT_SAMPLING_SOURCE_H

#include <tcpinfo/cache.h>
#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <span>
#include <system_error>

namespace tcpinfo::collect {

/// What the sink did with a socket's message.
enum class socket_outcome : std::uint8_t {
  unchanged,    ///< it says nothing new, or its connection is not recorded
  stall_times,  ///< only stall times have grown, of which no event tells; recorded
  changed,      ///< recorded
  /// There was no room for it. A source that gives single sockets gives this one again in the next
  /// poll; after a dump the sampler has another one made.
  not_kept,
};

/// Takes what a source delivers, on the source's thread. Views are valid during the call.
class message_sink {
 public:
  virtual ~message_sink() = default;
  /// The source has read a datagram, and gives the messages in it before the next call. A source
  /// that reads none need not call it.
  virtual void on_datagram() noexcept {}
  /// A socket as it is now.
  virtual socket_outcome on_socket(const message& m) noexcept = 0;
  /// A socket's final message. No filter was applied.
  virtual void on_destroyed(const message& m) noexcept = 0;

  // Only sources that follow events call these.

  /// A connection began to open at that monotonic time. Comes before any message of it. No filter
  /// was applied.
  virtual void on_opening(std::uint64_t /*cookie*/, std::int64_t /*time_ns*/) noexcept {}
  /// The TCP of a socket ended at that monotonic time. Its destroy event comes when no descriptor
  /// holds the socket any more: at once, as a rule. No filter was applied.
  virtual void on_ended(std::uint64_t /*cookie*/, std::int64_t /*time_ns*/) noexcept {}
  /// The reconciler's dumps have not shown this socket for a while. Nobody has queried it. It was
  /// there at `seen_ns` and no more at `absent_ns`, both monotonic.
  virtual void on_absent(std::uint64_t /*cookie*/, std::int64_t /*seen_ns*/,
                         std::int64_t /*absent_ns*/) noexcept {}
};

struct source_options {
  const filter* exclude = nullptr;  ///< must outlive the source; may be given other rules
  std::size_t event_buffer = std::size_t{32} << 20;  ///< bytes to ask of the kernel for events
  /// Whether to follow events, where that is possible here; else each poll dumps.
  bool follow = false;
  /// Whether dumps give way to other threads: they pause three quarters of the time.
  bool gentle = false;
  /// Polls that take no longer may run in real time; 0: none.
  std::int64_t urgent_ns = 0;
  /// The longest time from one of the reconciler's dumps to the next.
  std::int64_t reconcile_ns = 10'000'000'000;
};

/// What one poll did.
struct poll_report {
  /// The poll showed every socket: one that it did not show does not exist, or was just made.
  bool complete = false;
  std::error_code error;  ///< what went wrong; without it the poll showed all active sockets
  std::int64_t duration_ns = 0;
  // The same by the kind of dump; 0 where that dump was not made.
  std::int64_t both_ns = 0;
  std::int64_t ipv4_ns = 0;
  std::int64_t ipv6_ns = 0;
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
  // Of sources that follow events.
  std::uint64_t active = 0;         ///< activity that events told of
  std::uint64_t dropped = 0;        ///< activity that found no room: a dump made up for it
  std::uint64_t missed_events = 0;  ///< events that may have told of no activity
  std::uint64_t queries = 0;
  std::uint64_t reconciled = 0;      ///< dumps of the reconciler that have ended
  std::uint64_t missed_changes = 0;  ///< changes found by them that no event had told of
  /// Why the reconciler has no thread. Set in a poll that has tried to start it.
  std::error_code no_reconciler;
};

/// Used by one thread.
class source {
 public:
  virtual ~source() = default;

  /// Finds out whether polls will work here, and shows the sockets that there are. Does not listen
  /// for events yet.
  [[nodiscard]] virtual std::error_code probe(message_sink& sink) noexcept = 0;
  /// Begins to listen: the source misses no event from here on.
  [[nodiscard]] virtual std::error_code open() = 0;
  /// Gives the source a view of the sink's flow table, before the first poll. The table must live
  /// as long as polls are made.
  virtual void use_flows(const flow_table& /*flows*/) noexcept {}
  /// Shows every connection once. May or may not leave out what `exclude` names.
  [[nodiscard]] virtual poll_report dump(message_sink& sink) noexcept = 0;
  /// Shows every connection that may have changed since the poll before. A source without events
  /// does not know which those are, and shows all.
  [[nodiscard]] virtual poll_report poll(message_sink& sink) noexcept { return dump(sink); }
  /// Shows the connections that this machine is opening (SYN_SENT). Never complete.
  [[nodiscard]] virtual poll_report dump_connecting(message_sink& /*sink*/) noexcept { return {}; }
  /// Dumps pause no more (source_options::gentle), the running one included. Any thread.
  virtual void give_way_no_more() noexcept {}
  /// Whether events tell which sockets are active.
  [[nodiscard]] virtual bool follows() const noexcept { return false; }
  /// Called after a poll: begins a rest where there is nothing to poll for until something happens.
  /// During a rest descriptor() becomes readable as soon as something does; the next poll ends it.
  /// @return monotonic, when to poll all the same; 0: no rest, poll at the next tick.
  [[nodiscard]] virtual std::int64_t rest() noexcept { return 0; }
  /// Whether the rest goes on: nothing has happened since that needs a poll. Called after drain().
  [[nodiscard]] virtual bool rests() const noexcept { return false; }
  /// The thread's next work may take long: it is not urgent any more.
  virtual void expect_long() noexcept {}
  /// Delivers queued destroy events, without waiting.
  [[nodiscard]] virtual std::error_code drain(message_sink& sink) noexcept = 0;
  /// Readable when drain() has something to do, or when a rest is over; -1 where there is no such
  /// descriptor.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  /// Queries one socket. ENOENT or ESTALE: it does not exist.
  [[nodiscard]] virtual std::error_code query(const socket_id& id, message_sink& sink) noexcept = 0;
  /// Queries many. Calls `fn` for each.
  virtual void query_all(std::span<const socket_id> ids, answer_callback fn,
                         void* user) noexcept = 0;
  /// Why the kernel refuses to tell of ends. After open().
  [[nodiscard]] virtual std::error_code ends_refused() const noexcept { return {}; }
  /// Whether drain() has heard of an end since open(), or cannot be sure to hear of one: open()
  /// sees to an end. Where it stays false, the kernel has granted to tell of ends, and does not.
  [[nodiscard]] virtual bool has_heard_an_end() const noexcept { return true; }
  /// How often the kernel dropped destroy events because they were not read in time, and events
  /// that could not be read.
  [[nodiscard]] virtual std::int64_t event_overflows() const noexcept = 0;
};

}  // namespace tcpinfo::collect

#endif
