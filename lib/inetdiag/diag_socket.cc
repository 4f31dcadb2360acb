// SPDX-License-Identifier: Apache-2.0
//
// Requests and their answers.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <tcpinfo/inetdiag.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <utility>

#include "common/errno_of.h"
#include "common/known_part.h"
#include "inetdiag/counters.h"
#include "inetdiag/datagram.h"
#include "inetdiag/netlink_socket.h"

namespace tcpinfo::inline v0 {
namespace {

// The kernel fills at most 32 KiB a datagram, or one page where pages are larger.
constexpr std::size_t buffer_size = 64 * 1024;

// libnl asks for 32 KiB; a filter may fill one attribute.
constexpr int send_buffer = 256 * 1024;

// libnl asks for 32 KiB here as well: a batch of answers takes three times as much of the queue,
// for what the kernel allocates is counted, not what it fills.
constexpr int receive_buffer = 256 * 1024;

// A dump answers as fast as it is read. Waiting this long means that the answer is not coming.
constexpr timeval receive_timeout{10, 0};

std::int64_t monotonic_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inet_diag_sockid to_wire(const socket_id& id) noexcept {
  inet_diag_sockid wire{};
  wire.idiag_sport = htons(id.sport);
  wire.idiag_dport = htons(id.dport);
  std::memcpy(wire.idiag_src, id.src.bytes.data(), sizeof wire.idiag_src);
  std::memcpy(wire.idiag_dst, id.dst.bytes.data(), sizeof wire.idiag_dst);
  wire.idiag_if = id.interface;
  wire.idiag_cookie[0] = static_cast<std::uint32_t>(id.cookie);
  wire.idiag_cookie[1] = static_cast<std::uint32_t>(id.cookie >> 32);
  return wire;
}

inet_diag_req_v2 query_body(const socket_id& id, std::uint8_t extensions) noexcept {
  inet_diag_req_v2 body{};
  body.sdiag_family = static_cast<std::uint8_t>(id.src.family);
  body.sdiag_protocol = IPPROTO_TCP;
  body.idiag_ext = extensions;
  body.idiag_states = ~0U;
  body.id = to_wire(id);
  return body;
}

}  // namespace

// Requests that are sent at once, and room for their answers. The kernel answers within the call
// that sends, so the answers must find room in the socket's queue.
struct query_batch {
  static constexpr std::size_t most = 64;
  // 516 bytes on Linux 6.18. No multiple of a page: then all would share the same few lines of the
  // processor's cache.
  static constexpr std::size_t answer_size = 4096 + 64;

  struct request {
    nlmsghdr header;
    inet_diag_req_v2 body;
  };
  request requests[most];
  bool answered[most];
  mmsghdr headers[most];
  iovec parts[most];
  alignas(8) std::byte answers[most][answer_size];
};

// A batch that was sent.
struct asked {
  std::size_t first;  // of its requests, among all
  std::size_t count;
  std::uint32_t first_sequence;
};

struct [[gnu::visibility("hidden")]] diag_socket::impl {
  netlink_socket socket;
  std::uint32_t sequence = 0;
  dump_counters counters;
  alignas(8) std::byte buffer[buffer_size];
  std::unique_ptr<query_batch> batch;
  answer_area kept;  // capacity 0: nobody keeps answers

  [[nodiscard]] std::error_code reopen() noexcept;
  [[nodiscard]] std::error_code send(std::uint16_t type, std::uint16_t flags, bytes_view body,
                                     bytes_view program) noexcept;
  [[nodiscard]] std::error_code receive(bytes_view & datagram) noexcept;
  [[nodiscard]] std::error_code send_dump(const dump_request& request) noexcept;
  [[nodiscard]] bool is_answer(const nlmsghdr& header) noexcept;
  [[nodiscard]] bool deliver(bytes_view payload, const filter* unwanted, message_callback fn,
                             void* user) noexcept;
  [[nodiscard]] std::error_code read_dump(const dump_request& request, message_callback fn,
                                          void* user) noexcept;
  [[nodiscard]] std::error_code read_answer(message_callback fn, void* user) noexcept;
  [[nodiscard]] std::error_code send_batch(std::span<const socket_id> ids,
                                           std::uint8_t extensions) noexcept;
  [[nodiscard]] std::error_code prepare() noexcept;
  [[nodiscard]] std::error_code attach_filter() noexcept;
  void read_batch(const asked& what, answer_callback fn, void* user) noexcept;
  std::size_t take_kept(const asked& what, answer_callback fn, void* user) noexcept;
  bool take_answer(const netlink_message& m, const asked& what, answer_callback fn,
                   void* user) noexcept;
};

// Closed where anything fails: half a socket would be taken for a whole one.
std::error_code diag_socket::impl::reopen() noexcept {
  if (const auto ec = socket.open()) return ec;
  const auto ec = prepare();
  if (ec) socket.close();
  // Without it the answers are received, which is dearer and nothing else.
  if (!ec && kept.capacity > 0) (void)attach_filter();
  return ec;
}

std::error_code diag_socket::impl::prepare() noexcept {
  // Whoever has CAP_NET_ADMIN could send to this socket otherwise.
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel))
    return last_error();
  if (setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &receive_timeout, sizeof receive_timeout))
    return last_error();
  // Where less is granted, the largest filters are refused when they are sent.
  (void)setsockopt(socket.fd(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  // Where less is granted, answers that find no room are asked for one by one.
  (void)setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  return {};
}

std::error_code diag_socket::impl::attach_filter() noexcept {
  *kept.used = kept.capacity;
  if (setsockopt(socket.fd(), SOL_SOCKET, SO_ATTACH_BPF, &kept.filter, sizeof kept.filter))
    return last_error();
  return {};
}

std::error_code diag_socket::impl::send(std::uint16_t type, std::uint16_t flags, bytes_view body,
                                        bytes_view program) noexcept {
  nlmsghdr header{};
  nlattr attribute{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = ++sequence;
  header.nlmsg_pid = socket.port();
  std::size_t length = sizeof header + body.size();
  iovec parts[4] = {{&header, sizeof header},
                    {const_cast<std::byte*>(body.data()), body.size()},
                    {nullptr, 0},
                    {nullptr, 0}};
  if (!program.empty()) {
    attribute.nla_type = INET_DIAG_REQ_BYTECODE;
    attribute.nla_len = static_cast<std::uint16_t>(sizeof attribute + program.size());
    parts[2] = {&attribute, sizeof attribute};
    parts[3] = {const_cast<std::byte*>(program.data()), program.size()};
    length += attribute.nla_len;
  }
  header.nlmsg_len = static_cast<std::uint32_t>(length);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = parts;
  message.msg_iovlen = program.empty() ? 2 : 4;
  while (sendmsg(socket.fd(), &message, 0) < 0)
    if (errno != EINTR) return last_error();
  return {};
}

std::error_code diag_socket::impl::receive(bytes_view& datagram) noexcept {
  for (;;) {
    sockaddr_nl from{};
    iovec part{buffer, sizeof buffer};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t received = recvmsg(socket.fd(), &message, 0);
    if (received < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return system_error(ETIMEDOUT);
      return last_error();
    }
    ++counters[dump_counter::datagrams];
    counters[dump_counter::bytes] += received;
    if (from.nl_pid != 0) {
      // It came before the socket was connected; only the kernel is believed.
      ++counters[dump_counter::wrong_port];
      continue;
    }
    datagram = bytes_view(buffer, static_cast<std::size_t>(received));
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      ++counters[dump_counter::truncated];
      return errc::datagram_truncated;
    }
    return {};
  }
}

bool diag_socket::impl::is_answer(const nlmsghdr& header) noexcept {
  if (header.nlmsg_pid != socket.port()) {
    ++counters[dump_counter::wrong_port];
    return false;
  }
  if (header.nlmsg_seq != sequence) {
    ++counters[dump_counter::wrong_sequence];
    return false;
  }
  return true;
}

bool diag_socket::impl::deliver(bytes_view payload, const filter* unwanted, message_callback fn,
                                void* user) noexcept {
  message m;
  if (message::from(payload, m)) {
    ++counters[dump_counter::refused_messages];
    return false;
  }
  if (unwanted != nullptr && unwanted->excludes(m)) return true;
  ++counters[dump_counter::messages];
  fn(user, m);
  return true;
}

std::error_code diag_socket::impl::send_dump(const dump_request& request) noexcept {
  bytes_view program;
  if (request.exclude != nullptr)
    if (const auto ec = request.exclude->program(program)) return ec;
  if (request.walk == dump_walk::both) {
    inet_diag_req body{};
    body.idiag_ext = request.extensions;
    body.idiag_states = request.states;
    return send(TCPDIAG_GETSOCK, NLM_F_DUMP, std::as_bytes(std::span(&body, 1)), program);
  }
  inet_diag_req_v2 body{};
  body.sdiag_family = request.walk == dump_walk::ipv4 ? AF_INET : AF_INET6;
  body.sdiag_protocol = IPPROTO_TCP;
  body.idiag_ext = request.extensions;
  body.idiag_states = request.states;
  return send(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, std::as_bytes(std::span(&body, 1)), program);
}

std::error_code diag_socket::impl::read_dump(const dump_request& request, message_callback fn,
                                             void* user) noexcept {
  std::error_code first_fault;
  // What the kernel had no room for is decided about here.
  const bool all_in_kernel = request.exclude == nullptr || request.exclude->program_is_whole();
  const filter* const unwanted = all_in_kernel ? nullptr : request.exclude;
  const auto note = [&](std::error_code ec) {
    if (!first_fault) first_fault = ec;
  };
  for (;;) {
    bytes_view datagram;
    if (const auto ec = receive(datagram)) {
      note(ec);
      // A truncated datagram's end is missing, perhaps with the NLMSG_DONE we would wait for.
      return first_fault;
    }
    datagram_walk walk(datagram);
    netlink_message m;
    while (walk.next(m)) {
      if (!is_answer(m.header)) continue;
      if ((m.header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
        ++counters[dump_counter::interrupted];
        note(errc::dump_incomplete);
      }
      if (is_inet_diag_type(m.header.nlmsg_type)) {
        if (!deliver(m.payload, unwanted, fn, user)) note(errc::message_too_short);
      } else if (m.header.nlmsg_type == NLMSG_DONE) {
        const std::int32_t status =
            m.payload.size() >= 4 ? wire::load<std::int32_t>(m.payload.data()) : 0;
        counters[dump_counter::done_status] = status;
        if (status < 0) note(system_error(-status));
        return first_fault;
      } else if (m.header.nlmsg_type == NLMSG_ERROR) {
        const std::int32_t error =
            m.payload.size() >= 4 ? wire::load<std::int32_t>(m.payload.data()) : -EPROTO;
        note(error < 0 ? system_error(-error) : std::error_code(errc::unexpected_reply));
        return first_fault;
      } else if (m.header.nlmsg_type != NLMSG_NOOP) {
        ++counters[dump_counter::refused_messages];
        note(errc::unexpected_reply);
      }
    }
    if (walk.malformed()) {
      ++counters[dump_counter::refused_messages];
      note(errc::malformed_attribute);
      return first_fault;
    }
    if (request.between != nullptr) request.between(request.between_user);
  }
}

std::error_code diag_socket::impl::read_answer(message_callback fn, void* user) noexcept {
  for (;;) {
    bytes_view datagram;
    if (const auto ec = receive(datagram)) return ec;
    datagram_walk walk(datagram);
    netlink_message m;
    while (walk.next(m)) {
      if (!is_answer(m.header)) continue;
      if (is_inet_diag_type(m.header.nlmsg_type))
        return deliver(m.payload, nullptr, fn, user) ? errc::ok : errc::message_too_short;
      if (m.header.nlmsg_type == NLMSG_ERROR && m.payload.size() >= 4) {
        const auto error = wire::load<std::int32_t>(m.payload.data());
        if (error < 0) return system_error(-error);
      }
      return errc::unexpected_reply;
    }
    if (walk.malformed()) return errc::unexpected_reply;
  }
}

diag_socket::~diag_socket() { delete impl_; }
diag_socket::diag_socket(diag_socket&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}
diag_socket& diag_socket::operator=(diag_socket&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::error_code diag_socket::open() noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  return impl_->reopen();
}

std::error_code diag_socket::dump(const dump_request& given, message_callback fn,
                                  void* user) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (fn == nullptr) return errc::invalid_argument;
  const dump_request request = known_part(given);
  impl_->counters.reset();
  // A reopening that failed after the last fault is tried again here.
  if (!impl_->socket.is_open())
    if (const auto ec = impl_->reopen()) return ec;
  const std::int64_t start = monotonic_ns();
  std::error_code ec = impl_->send_dump(request);
  if (!ec) ec = impl_->read_dump(request, fn, user);
  impl_->counters[dump_counter::duration_ns] = monotonic_ns() - start;
  if (!ec) {
    impl_->counters[dump_counter::completed] = 1;
    return {};
  }
  // Whatever the kernel still has to say on this socket belongs to a dump that failed.
  if (impl_->reopen()) impl_->socket.close();
  return ec;
}

std::error_code diag_socket::query(const socket_id& id, std::uint8_t extensions,
                                   message_callback fn, void* user) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (fn == nullptr || id.src.family == address_family::unspecified) return errc::invalid_argument;
  if (!impl_->socket.is_open())
    if (const auto ec = impl_->reopen()) return ec;
  const inet_diag_req_v2 body = query_body(id, extensions);
  if (const auto ec = impl_->send(SOCK_DIAG_BY_FAMILY, 0, std::as_bytes(std::span(&body, 1)), {}))
    return ec;
  const std::error_code ec = impl_->read_answer(fn, user);
  const bool kernel_said_no = is_errno(ec, ENOENT) || is_errno(ec, ESTALE);
  if (ec && !kernel_said_no && impl_->reopen()) impl_->socket.close();
  return ec;
}

std::error_code diag_socket::impl::send_batch(std::span<const socket_id> ids,
                                              std::uint8_t extensions) noexcept {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    query_batch::request& r = batch->requests[i];
    r.header = {sizeof r, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, ++sequence, socket.port()};
    r.body = query_body(ids[i], extensions);
    batch->answered[i] = false;
  }
  if (kept.capacity > 0) *kept.used = 0;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (sendto(socket.fd(), batch->requests, ids.size() * sizeof *batch->requests, 0,
                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    if (errno == EINTR) continue;
    const auto ec = last_error();
    if (kept.capacity > 0) *kept.used = kept.capacity;
    return ec;
  }
  return {};
}

bool diag_socket::impl::take_answer(const netlink_message& m, const asked& what, answer_callback fn,
                                    void* user) noexcept {
  if (m.header.nlmsg_pid != socket.port()) return false;
  const std::size_t at = m.header.nlmsg_seq - what.first_sequence;
  if (at >= what.count || batch->answered[at]) return false;
  query_answer answer{what.first + at, {}, {}};
  if (is_inet_diag_type(m.header.nlmsg_type) && !message::from(m.payload, answer.answer)) {
    ++counters[dump_counter::messages];
  } else if (m.header.nlmsg_type == NLMSG_ERROR && m.payload.size() >= 4) {
    const auto error = wire::load<std::int32_t>(m.payload.data());
    // An acknowledgement is no message: it says nothing of the socket that was asked for.
    answer.error = error < 0 ? system_error(-error) : std::error_code(errc::unexpected_reply);
  } else {
    return false;
  }
  batch->answered[at] = true;
  fn(user, answer);
  return true;
}

// What the filter has kept lies there like one datagram.
std::size_t diag_socket::impl::take_kept(const asked& what, answer_callback fn,
                                         void* user) noexcept {
  if (kept.capacity == 0) return 0;
  const std::size_t used = std::min(std::exchange(*kept.used, kept.capacity), kept.capacity);
  counters[dump_counter::bytes] += static_cast<std::int64_t>(used);
  datagram_walk walk(bytes_view(kept.bytes, used));
  netlink_message m;
  std::size_t taken = 0;
  while (walk.next(m)) {
    ++counters[dump_counter::datagrams];
    if (take_answer(m, what, fn, user)) ++taken;
  }
  return taken;
}

// Reads what is there. What found no room in the queue, or in ours, stays unanswered.
void diag_socket::impl::read_batch(const asked& what, answer_callback fn, void* user) noexcept {
  for (std::size_t read = take_kept(what, fn, user); read < what.count;) {
    const std::size_t missing = what.count - read;
    for (std::size_t i = 0; i < missing; ++i) {
      batch->parts[i] = {batch->answers[i], query_batch::answer_size};
      batch->headers[i] = {};
      batch->headers[i].msg_hdr.msg_iov = &batch->parts[i];
      batch->headers[i].msg_hdr.msg_iovlen = 1;
    }
    const int got = recvmmsg(socket.fd(), batch->headers, static_cast<unsigned>(missing),
                             MSG_DONTWAIT, nullptr);
    if (got <= 0) {
      if (got < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
      return;
    }
    read += static_cast<std::size_t>(got);
    for (int i = 0; i < got; ++i) {
      const mmsghdr& received = batch->headers[i];
      ++counters[dump_counter::datagrams];
      counters[dump_counter::bytes] += received.msg_len;
      if ((received.msg_hdr.msg_flags & MSG_TRUNC) != 0) continue;
      datagram_walk walk(bytes_view(batch->answers[i], received.msg_len));
      netlink_message m;
      if (walk.next(m)) (void)take_answer(m, what, fn, user);
    }
  }
}

std::error_code diag_socket::query_all(std::span<const socket_id> ids, std::uint8_t extensions,
                                       answer_callback fn, void* user) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (fn == nullptr) return errc::invalid_argument;
  if (impl_->batch == nullptr) impl_->batch.reset(new (std::nothrow) query_batch);
  if (impl_->batch == nullptr) return errc::out_of_memory;
  for (std::size_t first = 0; first < ids.size(); first += query_batch::most) {
    if (!impl_->socket.is_open())
      if (const auto ec = impl_->reopen()) return ec;
    const auto some = ids.subspan(first, std::min(query_batch::most, ids.size() - first));
    if (const auto ec = impl_->send_batch(some, extensions)) return ec;
    const std::uint32_t last = impl_->sequence;
    impl_->read_batch({first, some.size(), last - static_cast<std::uint32_t>(some.size()) + 1}, fn,
                      user);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (impl_->batch->answered[i]) continue;
      // Rare: it was too large, or found no room.
      bool told = false;
      const auto ec = query(some[i], extensions, [&](const message& m) noexcept {
        told = true;
        fn(user, {first + i, {}, m});
      });
      if (!told) fn(user, {first + i, ec ? ec : std::error_code(errc::unexpected_reply), {}});
    }
  }
  return {};
}

std::error_code diag_socket::keep_answers(const answer_area& given) noexcept {
  if (impl_ == nullptr || !impl_->socket.is_open()) return errc::not_open;
  const answer_area area = known_part(given);
  if (area.filter < 0 || area.capacity == 0 || area.bytes == nullptr || area.used == nullptr)
    return errc::invalid_argument;
  const answer_area before = std::exchange(impl_->kept, area);
  const auto ec = impl_->attach_filter();
  if (ec) impl_->kept = before;
  return ec;
}

std::int64_t diag_socket::counter(dump_counter which) const noexcept {
  return impl_ == nullptr ? 0 : impl_->counters.get(which);
}

}  // namespace tcpinfo::inline v0
