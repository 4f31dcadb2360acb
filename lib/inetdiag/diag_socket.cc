// SPDX-License-Identifier: Apache-2.0
//
// The socket that requests are sent by: its life, and what goes through it.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

#include "common/errno_of.h"
#include "common/known_part.h"
#include "inetdiag/diag_socket_impl.h"

namespace tcpinfo::inline v0 {
namespace {

// libnl asks for 32 KiB; a filter may fill one attribute.
constexpr int send_buffer = 256 * 1024;

// libnl asks for 32 KiB here as well: a batch of answers takes three times as much of the queue,
// for what the kernel allocates is counted, not what it fills.
constexpr int receive_buffer = 256 * 1024;

}  // namespace

// Closed where anything fails: half a socket would be taken for a whole one.
std::error_code diag_socket::impl::reopen() noexcept {
  timeout_ns = 0;
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
  // Where less is granted, the largest filters are refused when they are sent.
  (void)setsockopt(socket.fd(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
  // Where less is granted, answers that find no room are asked for one by one.
  (void)setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  return use_timeout(default_timeout_ns);
}

std::error_code diag_socket::impl::attach_filter() noexcept {
  *kept.used = kept.capacity;
  if (setsockopt(socket.fd(), SOL_SOCKET, SO_ATTACH_BPF, &kept.filter, sizeof kept.filter))
    return last_error();
  return {};
}

// The kernel answers as fast as it is read. Waiting that long means that no answer is coming.
std::error_code diag_socket::impl::use_timeout(std::int64_t ns) noexcept {
  if (ns == timeout_ns) return {};
  // Microseconds, of which 0 would be for ever.
  const std::int64_t us = std::max<std::int64_t>(ns / 1000, 1);
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  timeval wait{};
  wait.tv_sec = static_cast<decltype(wait.tv_sec)>(std::min(us / 1'000'000, most));
  wait.tv_usec = static_cast<decltype(wait.tv_usec)>(us % 1'000'000);
  if (setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait)) return last_error();
  timeout_ns = ns;
  return {};
}

// A reopening that failed after the last fault is tried again here.
std::error_code diag_socket::impl::ready(std::int64_t wanted_timeout_ns) noexcept {
  if (!socket.is_open())
    if (const auto ec = reopen()) return ec;
  return use_timeout(wanted_timeout_ns);
}

std::error_code diag_socket::impl::send(std::uint16_t type, std::uint16_t flags, bytes_view body,
                                        bytes_view program, transport protocol) noexcept {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = ++sequence;
  header.nlmsg_pid = socket.port();
  iovec parts[5] = {{&header, sizeof header}, {const_cast<std::byte*>(body.data()), body.size()}};
  std::size_t count = 2;
  struct {
    nlattr header;
    std::uint32_t number;
  } of_protocol{{sizeof of_protocol, INET_DIAG_REQ_PROTOCOL}, static_cast<std::uint32_t>(protocol)};
  if (protocol_byte(protocol) == 0) parts[count++] = {&of_protocol, sizeof of_protocol};
  nlattr of_program{};
  if (!program.empty()) {
    of_program.nla_type = INET_DIAG_REQ_BYTECODE;
    of_program.nla_len = static_cast<std::uint16_t>(sizeof of_program + program.size());
    parts[count++] = {&of_program, sizeof of_program};
    parts[count++] = {const_cast<std::byte*>(program.data()), program.size()};
  }
  std::size_t length = 0;
  for (std::size_t i = 0; i < count; ++i) length += parts[i].iov_len;
  header.nlmsg_len = static_cast<std::uint32_t>(length);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = parts;
  message.msg_iovlen = count;
  while (sendmsg(socket.fd(), &message, 0) < 0)
    if (errno != EINTR) return last_error();
  return {};
}

// EAGAIN where the flags say not to wait and nothing is there.
std::error_code diag_socket::impl::receive(bytes_view& datagram, int flags) noexcept {
  for (;;) {
    sockaddr_nl from{};
    iovec part{buffer, sizeof buffer};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t received = recvmsg(socket.fd(), &message, flags);
    if (received < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN && (flags & MSG_DONTWAIT) == 0) return system_error(ETIMEDOUT);
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

bool diag_socket::impl::is_answer(const datagram_item& item) noexcept {
  if (item.status == datagram_status::malformed) return true;
  if (item.port != socket.port()) {
    ++counters[dump_counter::wrong_port];
    return false;
  }
  if (item.sequence != sequence) {
    ++counters[dump_counter::wrong_sequence];
    return false;
  }
  return true;
}

diag_socket::~diag_socket() { delete impl_; }
diag_socket::diag_socket(diag_socket&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}
diag_socket& diag_socket::operator=(diag_socket&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::error_code diag_socket::open(const diag_socket_options& given) noexcept {
  if (impl_ != nullptr && impl_->in_callback) return errc::busy;
  diag_socket_options options;
  if (const auto ec = read_known(given, options)) return ec;
  if (options.netns < -1 || options.reserved != 0) return errc::invalid_argument;
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  if (const auto ec = impl_->socket.use_netns(options.netns)) return ec;
  impl_->dump.active = false;
  return impl_->reopen();
}

std::error_code diag_socket_internal::keep_answers(diag_socket& socket,
                                                   const answer_area& area) noexcept {
  diag_socket::impl* const impl = socket.impl_;
  if (impl == nullptr || !impl->socket.is_open()) return errc::not_open;
  if (impl->busy()) return errc::busy;
  if (area.filter < 0 || area.capacity == 0 || area.bytes == nullptr || area.used == nullptr)
    return errc::invalid_argument;
  const answer_area before = std::exchange(impl->kept, area);
  const auto ec = impl->attach_filter();
  if (ec) impl->kept = before;
  return ec;
}

int diag_socket::descriptor() const noexcept { return impl_ == nullptr ? -1 : impl_->socket.fd(); }

std::int64_t diag_socket::counter(dump_counter which) const noexcept {
  return impl_ == nullptr ? 0 : impl_->counters.get(which);
}

}  // namespace tcpinfo::inline v0
