// SPDX-License-Identifier: Apache-2.0
//
// Where the sampler's messages come from. One implementation dumps; others may follow events.
#ifndef TCPINFO_COLLECT_SOURCE_H
#define TCPINFO_COLLECT_SOURCE_H

#include <tcpinfo/inetdiag.h>

#include <cstdint>
#include <system_error>

namespace tcpinfo::collect {

/// Takes messages; views are valid during the call.
class message_sink {
 public:
  virtual ~message_sink() = default;
  /// A socket as it is now.
  virtual void on_socket(const message& m) noexcept = 0;
  /// A socket's final message. Nothing has filtered it.
  virtual void on_destroyed(const message& m) noexcept = 0;
};

struct source_options {
  const filter* exclude = nullptr;  ///< must outlive the source; may be given other rules
  std::size_t event_buffer = std::size_t{32} << 20;  ///< bytes to ask of the kernel for events
};

/// What one poll did.
struct poll_report {
  /// Every socket was looked at: one that was not shown does not exist (or has just been made).
  bool complete = false;
  std::error_code error;  ///< why it is not complete
  std::int64_t duration_ns = 0;
  // The same by walk; 0 where that walk was not done.
  std::int64_t both_ns = 0;
  std::int64_t ipv4_ns = 0;
  std::int64_t ipv6_ns = 0;
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
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
  [[nodiscard]] virtual poll_report poll(message_sink& sink) noexcept = 0;
  /// Delivers destroy events that are queued, without waiting.
  [[nodiscard]] virtual std::error_code drain(message_sink& sink) noexcept = 0;
  /// Readable when drain() has something to do; -1 where there is no such descriptor.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  /// Asks for one socket. ENOENT or ESTALE: it does not exist.
  [[nodiscard]] virtual std::error_code query(const socket_id& id, message_sink& sink) noexcept = 0;
  /// Times that the kernel dropped destroy events because they were not read in time, and events
  /// that could not be read.
  [[nodiscard]] virtual std::int64_t event_overflows() const noexcept = 0;
};

}  // namespace tcpinfo::collect

#endif
