// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// inet_diag over netlink: how to ask the kernel for messages about its sockets, and how to hear of
/// sockets that end. What is in a message stands in message.h, which messages to ask for in
/// filter.h.
#ifndef TCPINFO_INETDIAG_H
#define TCPINFO_INETDIAG_H

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <type_traits>

#include <tcpinfo/address.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/callback.h>
#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/filter.h>
#include <tcpinfo/message.h>

namespace tcpinfo::inline v0 {

/// Receives messages, and says whether it wants more. The view is valid until the call returns.
/// Must not throw. What it calls of the object that calls it returns errc::busy; it must neither
/// move nor end that.
using message_callback = iteration (*)(void* user, const message& m) noexcept;

/// Which families a dump shows. Values are frozen.
enum class dump_families : std::uint32_t {
  both = 0,  ///< TCP: by the old request (type 18), in one walk of the kernel's; others: in two
  ipv4 = 1,  ///< SOCK_DIAG_BY_FAMILY, IPv4 (its sockets only)
  ipv6 = 2,  ///< SOCK_DIAG_BY_FAMILY, IPv6 (IPv4-mapped ones among them)
};

/// Of which protocol sockets are asked for, as IPPROTO_* number it. Values are frozen.
enum class transport : std::uint32_t {
  tcp = 6,      ///< TCP
  udp = 17,     ///< UDP; states are ESTABLISHED (connected) and CLOSE; needs udp_diag
  mptcp = 262,  ///< Multipath TCP (Linux 5.9): dumps only, for the kernel finds one by its token
};

/// The bit of `type` in dump_request::extensions. Only attributes 1 to 8 have one that a request
/// takes: the kernel has 8 bits for them, and sends the others as it sees fit.
[[nodiscard]] constexpr std::uint32_t extension(attribute_type type) noexcept {
  const auto number = static_cast<unsigned>(type);
  return std::uint32_t{1} << (number >= 1 && number <= 32 ? number - 1 : 31);
}
/// Every extension there is: all attributes the kernel is willing to send.
inline constexpr std::uint32_t all_extensions = 0xff;

/// How long the kernel may be silent where nothing else is asked for.
inline constexpr std::int64_t default_timeout_ns = 10'000'000'000;

/// What to dump.
struct dump_request {
  std::size_t size = sizeof(dump_request);  ///< for later members; leave it
  /// Bit 1 << state for each state wanted (state_bit()); those that all_states lacks are refused.
  std::uint32_t states = 0;
  std::uint32_t extensions = 0;                  ///< bits of extension(); 0 = none
  dump_families families = dump_families::both;  ///< which of them
  transport protocol = transport::tcp;           ///< whose sockets
  /// Which sockets to deliver; null: all. Must live until the dump ends, unchanged.
  const tcpinfo::filter* filter = nullptr;
  /// A program of the caller's as INET_DIAG_REQ_BYTECODE wants it (ss -D and the like make some); a
  /// socket must pass it and the filter. The kernel checks it (EINVAL). Need not outlive the call
  /// that sends the request.
  bytes_view bytecode = {};
  /// The longest silence of the kernel, in nanoseconds; more than 0. Not for start(), where the
  /// caller waits.
  std::int64_t timeout_ns = default_timeout_ns;
  /// Called after each datagram of dump(), so that a long dump does not starve other sockets; what
  /// it answers counts as of message_callback. Not for start(), where the caller has control after
  /// each.
  iteration (*between)(void* user) noexcept = nullptr;
  void* between_user = nullptr;  ///< handed to `between`

  /// Sets timeout_ns.
  dump_request& timeout(std::chrono::nanoseconds longest) noexcept {
    timeout_ns = longest.count();
    return *this;
  }
  /// timeout_ns.
  [[nodiscard]] std::chrono::nanoseconds timeout() const noexcept {
    return std::chrono::nanoseconds(timeout_ns);
  }
};

/// What to ask about single sockets.
struct query_request {
  std::size_t size = sizeof(query_request);      ///< for later members; leave it
  std::uint32_t extensions = 0;                  ///< bits of extension(); 0 = none
  transport protocol = transport::tcp;           ///< whose sockets; not MPTCP
  std::int64_t timeout_ns = default_timeout_ns;  ///< as dump_request::timeout_ns

  /// Sets timeout_ns.
  query_request& timeout(std::chrono::nanoseconds longest) noexcept {
    timeout_ns = longest.count();
    return *this;
  }
  /// timeout_ns.
  [[nodiscard]] std::chrono::nanoseconds timeout() const noexcept {
    return std::chrono::nanoseconds(timeout_ns);
  }
};

/// Counters of the latest dump (dump_counter) and of a listener's life. Values are frozen.
enum class dump_counter : std::uint32_t {
  messages = 0,          ///< sock_diag messages handed to the callback
  bytes = 1,             ///< bytes received, netlink headers included
  datagrams = 2,         ///< datagrams received
  truncated = 3,         ///< datagrams larger than the buffer (MSG_TRUNC)
  wrong_sequence = 4,    ///< messages of another request
  wrong_port = 5,        ///< messages for or from somebody else
  refused_messages = 6,  ///< messages too short or with a length out of bounds
  interrupted = 7,       ///< messages with NLM_F_DUMP_INTR
  done_status = 8,       ///< status in NLMSG_DONE, as int64; 0 = the kernel finished the walk
  completed = 9,         ///< 1 when NLMSG_DONE came with status 0 and no fault was counted
  duration_ns = 10,      ///< request sent to NLMSG_DONE, monotonic clock
  overflows = 11,        ///< listener: times the kernel said ENOBUFS; events were lost each time
  dropped = 12,          ///< messages received and not handed over, since a callback said stop
};

/// The answer to one of many queries. Valid during the call that hands it over.
struct query_answer {
  std::size_t index = 0;       ///< of what was asked for
  std::error_code error = {};  ///< as diag_socket::query() returns it
  message answer = {};         ///< empty where there is an error
};

/// Receives answers; all else as message_callback.
using answer_callback = iteration (*)(void* user, const query_answer& answer) noexcept;

/// How to open a diag_socket.
struct diag_socket_options {
  std::size_t size = sizeof(diag_socket_options);  ///< for later members; leave it
  /// A descriptor of the network namespace to ask in (/proc/PID/ns/net, /run/netns/NAME); the
  /// library keeps a copy of it. -1: the one the calling thread is in whenever the socket is
  /// opened.
  int netns = -1;
  std::uint32_t reserved = 0;  ///< leave it
};

/// A netlink socket for dumps and point queries, kept open between them. One thread at a time.
/// Needs no privilege; some attributes (MARK) come only with CAP_NET_ADMIN. Hears the kernel only:
/// it is connected to it, so what other processes send is refused.
///
/// Of a callback of its own, and (but for receive(), cancel() and open()) between start() and the
/// end of that dump, each function returns errc::busy and does nothing.
class TCPINFO_API diag_socket final {
 public:
  diag_socket() noexcept = default;
  ~diag_socket();
  /// `other` is default-constructed afterwards: it is closed.
  diag_socket(diag_socket&& other) noexcept;
  /// `other` has what this had.
  diag_socket& operator=(diag_socket&& other) noexcept;
  diag_socket(const diag_socket&) = delete;
  diag_socket& operator=(const diag_socket&) = delete;

  /// Opens (again); a dump that goes on is cancelled. Where `options` name another network
  /// namespace, a thread enters it that ends before this returns: the calling thread never leaves
  /// its own, whatever fails. Needs CAP_SYS_ADMIN there, as setns(2) says.
  /// @return the errno of socket(2), bind(2), connect(2), setsockopt(2), setns(2) (EPERM; EINVAL:
  /// no network namespace), fcntl(2) (EBADF) or pthread_create(3); EPROTONOSUPPORT: no sock_diag in
  /// this kernel; errc::invalid_argument; errc::out_of_memory.
  [[nodiscard]] std::error_code open(const diag_socket_options& options) noexcept;
  /// In the network namespace of the calling thread.
  [[nodiscard]] std::error_code open() noexcept { return open(diag_socket_options{}); }

  /// Walks the kernel's sockets and hands each message to `fn`. The walk is no snapshot: a socket
  /// may come twice, or be passed over, where others open and close meanwhile. Cookies tell sockets
  /// apart.
  /// @return success only when the kernel said it finished (NLMSG_DONE, status 0) and nothing was
  /// truncated or refused; otherwise the first fault, the messages up to and after it having been
  /// delivered. errc::stopped: `fn` said so; what came behind that message is dropped, the rest of
  /// its datagram counted in dump_counter::dropped. ENOENT: the kernel has no diag module for the
  /// protocol. ETIMEDOUT: it was silent for the request's timeout. EPERM: a rule about marks,
  /// without CAP_NET_ADMIN. EINVAL: the kernel does not take the bytecode. At once, nothing being
  /// sent: errc::not_open, errc::busy; errc::empty_request (no state, or none that the filter lets
  /// through); errc::invalid_argument (an unknown state, extension, family or protocol, a timeout
  /// of 0 or less, bytecode whose length is no multiple of 4, members that this library does not
  /// know); errc::filter_too_large; errc::out_of_memory. After a fault, or a stop, the socket is
  /// reopened, so that no late answer of that dump can reach the next one: descriptor() may be
  /// another afterwards.
  [[nodiscard]] std::error_code dump(const dump_request& request, message_callback fn,
                                     void* user) noexcept;

  /// Begins a dump that an event loop drives: then call receive() whenever descriptor() is
  /// readable, until it says that the dump has ended. Does not wait.
  /// @return as dump() before the first message.
  [[nodiscard]] std::error_code start(const dump_request& request) noexcept;
  /// Reads one datagram of the dump, some 60 sockets, without waiting, and hands its messages to
  /// `fn`. Nothing being there is no fault.
  /// @param fn   called by the calling thread, before this returns; not null
  /// @param user handed to `fn` as it is; may be null
  /// @param done whether the dump has ended, well or not
  /// @return as dump(), a fault being told when the dump has ended; errc::empty_request where none
  /// was started.
  [[nodiscard]] std::error_code receive(message_callback fn, void* user, bool& done) noexcept;
  /// Ends a dump that was started; nothing where there is none.
  /// @return errc::busy in a callback; the errno of opening the socket again.
  [[nodiscard]] std::error_code cancel() noexcept;
  /// For poll(2): readable when a dump that was started has something to read. Owned by the socket,
  /// -1 when closed; to be asked for anew after start().
  [[nodiscard]] int descriptor() const noexcept;

  /// Asks for one socket by its addresses, ports and cookie: no walk, about 6 microseconds. A
  /// cookie of any_cookie is any; the kernel then answers with a listener of that port where there
  /// is no such connection. See socket_id_of() for a socket of one's own.
  /// There is one answer at most, so what `fn` answers plays no part.
  /// @return ENOENT (or ESTALE, on a cookie mismatch) where it does not exist any more, so also for
  /// the default cookie of 0; errc::invalid_argument where `id.src` has no family, `id.dst` another
  /// one, or the request an unknown protocol or extension; ETIMEDOUT, and the faults of dump().
  [[nodiscard]] std::error_code query(const socket_id& id, const query_request& request,
                                      message_callback fn, void* user) noexcept;

  /// The same for many sockets, in few system calls: about 4 microseconds each. Calls `fn` once for
  /// each, in no order.
  /// @return errc::not_open, errc::busy, errc::invalid_argument (`fn` is null, or the request
  /// wrong), errc::out_of_memory, or why nothing could be sent: then `fn` was not called for some.
  /// What the kernel says of single sockets is told to `fn`, as is errc::invalid_argument for an id
  /// without a family. errc::stopped: `fn` said so. Up to 64 answers that had come by then are
  /// dropped and counted (dump_counter::dropped); the others were not asked for.
  [[nodiscard]] std::error_code query_all(std::span<const socket_id> ids,
                                          const query_request& request, answer_callback fn,
                                          void* user) noexcept;

  /// A counter of the latest dump and the queries since.
  [[nodiscard]] std::int64_t counter(dump_counter which) const noexcept;
  /// How long the latest dump took: counter(dump_counter::duration_ns).
  [[nodiscard]] std::chrono::nanoseconds duration() const noexcept {
    return std::chrono::nanoseconds(counter(dump_counter::duration_ns));
  }

  /// Adapts a function object, such as a lambda, that takes a `const message&` and returns nothing,
  /// or iteration; it must not throw.
  template <class F>
  requires visitor<std::remove_reference_t<F>, message>
  [[nodiscard]] std::error_code dump(const dump_request& request, F&& fn) noexcept {
    return dump(request, visit_with<std::remove_reference_t<F>, message>, visitor_of(fn));
  }
  /// The same for receive().
  template <class F>
  requires visitor<std::remove_reference_t<F>, message>
  [[nodiscard]] std::error_code receive(F&& fn, bool& done) noexcept {
    return receive(visit_with<std::remove_reference_t<F>, message>, visitor_of(fn), done);
  }
  /// The same for query().
  template <class F>
  requires visitor<std::remove_reference_t<F>, message>
  [[nodiscard]] std::error_code query(const socket_id& id, const query_request& request,
                                      F&& fn) noexcept {
    return query(id, request, visit_with<std::remove_reference_t<F>, message>, visitor_of(fn));
  }
  /// The same of a TCP socket.
  template <class F>
  requires visitor<std::remove_reference_t<F>, message>
  [[nodiscard]] std::error_code query(const socket_id& id, std::uint32_t extensions,
                                      F&& fn) noexcept {
    query_request request;
    request.extensions = extensions;
    return query(id, request, fn);
  }
  /// The same for query_all(), with a `const query_answer&`.
  template <class F>
  requires visitor<std::remove_reference_t<F>, query_answer>
  [[nodiscard]] std::error_code query_all(std::span<const socket_id> ids,
                                          const query_request& request, F&& fn) noexcept {
    return query_all(ids, request, visit_with<std::remove_reference_t<F>, query_answer>,
                     visitor_of(fn));
  }
  /// The same of TCP sockets.
  template <class F>
  requires visitor<std::remove_reference_t<F>, query_answer>
  [[nodiscard]] std::error_code query_all(std::span<const socket_id> ids, std::uint32_t extensions,
                                          F&& fn) noexcept {
    query_request request;
    request.extensions = extensions;
    return query_all(ids, request, fn);
  }

 private:
  friend struct diag_socket_internal;
  struct impl;
  impl* impl_ = nullptr;
};

/// Whether query() says that the socket does not exist any more: ENOENT, or ESTALE for a cookie
/// that another socket has. What is left of it (TIME_WAIT) is a socket until then, without INFO. A
/// kernel without the diag module of a protocol says ENOENT of every socket.
[[nodiscard]] inline bool is_gone(const std::error_code& ec) noexcept {
  return ec.category() == std::system_category() && (ec.value() == ENOENT || ec.value() == ESTALE);
}

/// How to open a destroy_listener.
struct listener_options {
  std::size_t size = sizeof(listener_options);  ///< for later members; leave it
  /// Bytes to ask of the kernel for the queue, past the system's limit where CAP_NET_ADMIN allows
  /// it, else as much as it gives; 0 = its default.
  std::size_t receive_buffer = 0;
  int netns = -1;              ///< as diag_socket_options::netns
  std::uint32_t reserved = 0;  ///< leave it
};

/// Hears of every full TCP socket that ends, IPv4 and IPv6 (groups SKNLGRP_INET_TCP_DESTROY and
/// SKNLGRP_INET6_TCP_DESTROY, Linux 4.2): a message in state CLOSE with the final tcp_info, also
/// for sockets too short-lived for any dump. Of attributes it has PROTOCOL and INFO only. Listeners
/// and never-connected sockets are among them; a socket that its own program aborts (SO_LINGER 0)
/// comes with remote port 0 and cleared totals. Needs no privilege. One thread at a time.
class TCPINFO_API destroy_listener final {
 public:
  destroy_listener() noexcept = default;
  ~destroy_listener();
  /// `other` is default-constructed afterwards: it is closed.
  destroy_listener(destroy_listener&& other) noexcept;
  /// `other` has what this had.
  destroy_listener& operator=(destroy_listener&& other) noexcept;
  destroy_listener(const destroy_listener&) = delete;
  destroy_listener& operator=(const destroy_listener&) = delete;

  /// Opens (again) and joins both groups; what was received and not handed over is dropped, and
  /// counted. Another network namespace is entered as diag_socket::open() does.
  /// @return the errno of socket(2), bind(2) or setsockopt(2), and of entering a namespace;
  /// errc::busy in a callback; errc::invalid_argument; errc::out_of_memory.
  [[nodiscard]] std::error_code open(const listener_options& options) noexcept;
  /// In the network namespace of the calling thread.
  [[nodiscard]] std::error_code open() noexcept { return open(listener_options{}); }

  /// Hands over what is queued, without waiting.
  /// @return success when the queue is empty. An overflow (ENOBUFS) is counted, not returned: the
  /// socket stays usable, and a counter(overflows) that has grown says that events were lost.
  /// errc::stopped: `fn` said so. Up to 31 events that were received by then are kept, and the next
  /// call begins with them; descriptor() does not tell of these, so make that call before waiting.
  /// errc::not_open before open(); errc::busy in a callback; the errno of recvmmsg(2).
  [[nodiscard]] std::error_code receive(message_callback fn, void* user) noexcept;

  /// Becomes readable when an event is queued; for poll(2). Owned by the listener, -1 when closed.
  [[nodiscard]] int descriptor() const noexcept;

  /// Bytes of queue the kernel granted (SO_RCVBUF).
  [[nodiscard]] std::size_t receive_buffer() const noexcept;

  /// A counter over the listener's life: messages, bytes, datagrams, truncated, wrong_port,
  /// refused_messages, overflows, dropped.
  [[nodiscard]] std::int64_t counter(dump_counter which) const noexcept;

  /// Adapts a function object, as diag_socket::dump() does; it must not throw.
  template <class F>
  requires visitor<std::remove_reference_t<F>, message>
  [[nodiscard]] std::error_code receive(F&& fn) noexcept {
    return receive(visit_with<std::remove_reference_t<F>, message>, visitor_of(fn));
  }

 private:
  struct impl;
  impl* impl_ = nullptr;
};

}  // namespace tcpinfo::inline v0

#endif
