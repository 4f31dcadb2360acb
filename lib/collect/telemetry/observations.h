// SPDX-License-Identifier: Apache-2.0
//
// What the sampler and the writers see, for those outside: distributions for the metrics, and
// connections that open and close for the event socket. A few stores a poll and a record.
#ifndef TCPINFO_COLLECT_TELEMETRY_OBSERVATIONS_H
#define TCPINFO_COLLECT_TELEMETRY_OBSERVATIONS_H

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "collect/sampling/source.h"
#include "collect/serving/event_server.h"
#include "collect/telemetry/histogram.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/flow_log.h"

namespace tcpinfo::collect {

/// Attribute types are told apart below this; the rest is one.
inline constexpr std::size_t counted_types = 32;

class observations {
 public:
  /// `events` may be null, and outlives this otherwise.
  explicit observations(event_server* events) noexcept;

  // Any thread.

  void opened(const socket_id& id, std::int64_t time_ns) noexcept;
  void closed(std::uint64_t cookie, std::int64_t time_ns) noexcept;
  /// The socket is another connection now.
  void moved(const socket_id& id, std::int64_t time_ns) noexcept {
    closed(id.cookie, time_ns);
    opened(id, time_ns);
  }
  /// Snapshots were handed to writers.
  void snapshots_taken(std::uint64_t n) noexcept { snapshots.add(n); }
  /// From the beginning of a poll to that of the next.
  void interval(std::int64_t ns) noexcept {
    polling_interval.add(static_cast<double>(ns) * 1e-9);
    achieved_interval.add(static_cast<double>(ns) * 1e-9);
  }
  /// Looks at what was sent and received in the seconds that have passed. One thread calls it, at
  /// least about once a second.
  void observe_rates(std::int64_t now_ns) noexcept;

  // Read by any thread.

  histogram syscall_time_both, syscall_time_ipv4, syscall_time_ipv6;  ///< s
  histogram polling_interval;                                         ///< s
  histogram achieved_interval;                                        ///< s, up to longer ones
  histogram connections_ipv4, connections_ipv6;                       ///< sockets in a poll
  histogram cached;                                                   ///< connections in the table
  histogram send_rate, receive_rate;                                  ///< bit/s, one a second
  counter snapshots;
  counter flows_opened;
  counter flows_closed;
  counter dump_messages;
  counter dump_bytes;
  std::atomic<std::uint64_t> open_flows{0};   ///< of all samplers
  std::atomic<std::uint64_t> sockets_now{0};  ///< in the last complete poll of each
  // Written by the writers, of what they take.
  counter bytes_sent;  ///< by recorded connections, retransmissions included
  counter bytes_received;
  std::array<counter, counted_types> large_attributes;    ///< longer than known, by type
  std::array<counter, counted_types> skipped_attributes;  ///< not known, by type; the last: others

 private:
  event_server* const events_;
  std::int64_t rates_since_ns_ = 0;
  std::uint64_t rates_sent_ = 0;
  std::uint64_t rates_received_ = 0;
};

/// Looks at the polls of one sampler, on its thread.
class poll_observer {
 public:
  explicit poll_observer(observations& to) noexcept : to_(to) {}
  /// What it saw is no longer there.
  ~poll_observer() { set(0, 0); }
  poll_observer(const poll_observer&) = delete;
  poll_observer& operator=(const poll_observer&) = delete;

  /// A poll begins.
  void begin() noexcept { ipv4_ = ipv6_ = 0; }
  /// It showed a socket.
  void see(const message& m) noexcept { ++(m.family() == address_family::ipv4 ? ipv4_ : ipv6_); }
  /// It has ended, and this many connections are in the table.
  void end(const poll_report& report, std::size_t flows) noexcept;

 private:
  void set(std::uint64_t sockets, std::uint64_t flows) noexcept;

  observations& to_;
  std::uint64_t ipv4_ = 0;
  std::uint64_t ipv6_ = 0;
  std::uint64_t sockets_ = 0;  // in to_.sockets_now
  std::uint64_t flows_ = 0;    // in to_.open_flows
};

/// Looks at what a writer takes. One for each writer.
class record_observer {
 public:
  explicit record_observer(observations& to) noexcept : to_(to) {}
  /// Adds what is new in a message of `flow`. What a connection did before it was watched does not
  /// count (snapshot_header::may_be_old).
  void look(flow_log& flow, const snapshot_header& header, bytes_view message) noexcept;
  /// Tells the world of the bytes that look() has added.
  void publish() noexcept;

 private:
  /// What is to be known of a message by the types and lengths of its attributes alone. Most
  /// messages have those of the one before.
  struct shape {
    struct header {
      std::uint32_t at;     ///< in the message
      std::uint32_t bytes;  ///< length and type, as they stand there
    };
    std::size_t size = 0;  ///< of the message; 0: nothing can be compared with it
    std::array<header, 32> headers;
    std::size_t header_count = 0;
    std::uint32_t info_at = 0;  ///< where the payload of INFO starts; 0: there is none
    std::uint32_t info_size = 0;
    std::uint64_t large = 0;               ///< types, a bit each
    std::array<std::uint16_t, 8> skipped;  ///< types
    std::size_t skipped_count = 0;
  };

  [[nodiscard]] bool has_last_shape(bytes_view message) const noexcept;
  void take_shape(bytes_view message) noexcept;
  void count_skipped(std::uint16_t type) noexcept;

  observations& to_;
  snapshot decoded_;
  shape last_;
  // Added since publish(): what all threads read is touched once for many records.
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace tcpinfo::collect

#endif
