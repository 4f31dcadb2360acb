// SPDX-License-Identifier: Apache-2.0
//
// The destroy multicast: one datagram for each full socket the kernel frees.
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

#include "common/errno_of.h"
#include "inetdiag/counters.h"
#include "inetdiag/datagram.h"
#include "inetdiag/netlink_socket.h"

namespace tcpinfo::inline v0 {
namespace {

// An event is 380 bytes on Linux 6.18; many are read by one call when sockets close in bursts.
constexpr std::size_t slot_size = 4096;
constexpr std::size_t slots = 32;

}  // namespace

struct [[gnu::visibility("hidden")]] destroy_listener::impl {
  netlink_socket socket;
  std::size_t granted = 0;
  dump_counters counters;
  mmsghdr headers[slots];
  iovec parts[slots];
  sockaddr_nl senders[slots];
  alignas(8) std::byte buffers[slots][slot_size];
  std::size_t used = slots;  // of these, by the last call or before the first

  void prepare() noexcept;
  [[nodiscard]] std::error_code open(std::size_t wanted) noexcept;
  void ask_for_buffer(std::size_t wanted) noexcept;
  void deliver(std::size_t slot, message_callback fn, void* user) noexcept;
};

void destroy_listener::impl::ask_for_buffer(std::size_t wanted) noexcept {
  const int size =
      static_cast<int>(std::min<std::size_t>(wanted, std::numeric_limits<int>::max() / 2));
  // Without CAP_NET_ADMIN the kernel refuses the first and silently limits the second; what came of
  // it is read back, so neither result needs a look.
  if (size > 0 && setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    (void)setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  int got = 0;
  socklen_t length = sizeof got;
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &got, &length) == 0)
    granted = static_cast<std::size_t>(got);
}

std::error_code destroy_listener::impl::open(std::size_t wanted) noexcept {
  if (const auto ec = socket.open()) return ec;
  ask_for_buffer(wanted);
  // Bound by open(): an unbound socket joins without an error and never receives.
  std::error_code ec = socket.join(SKNLGRP_INET_TCP_DESTROY);
  if (!ec) ec = socket.join(SKNLGRP_INET6_TCP_DESTROY);
  // With one group of the two it would give half the events and no error.
  if (ec) socket.close();
  return ec;
}

// Only what the last call has used: most calls find nothing.
void destroy_listener::impl::prepare() noexcept {
  for (std::size_t i = 0; i < used; ++i) {
    parts[i] = {buffers[i], slot_size};
    headers[i] = {};
    headers[i].msg_hdr.msg_name = &senders[i];
    headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    headers[i].msg_hdr.msg_iov = &parts[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  used = 0;
}

void destroy_listener::impl::deliver(std::size_t slot, message_callback fn, void* user) noexcept {
  const mmsghdr& header = headers[slot];
  ++counters[dump_counter::datagrams];
  counters[dump_counter::bytes] += header.msg_len;
  if (senders[slot].nl_pid != 0) {
    ++counters[dump_counter::wrong_port];
    return;
  }
  if ((header.msg_hdr.msg_flags & MSG_TRUNC) != 0) ++counters[dump_counter::truncated];
  datagram_walk walk(bytes_view(buffers[slot], std::min<std::size_t>(header.msg_len, slot_size)));
  netlink_message m;
  while (walk.next(m)) {
    message event;
    if (!is_inet_diag_type(m.header.nlmsg_type) || message::from(m.payload, event)) {
      ++counters[dump_counter::refused_messages];
      continue;
    }
    ++counters[dump_counter::messages];
    fn(user, event);
  }
  if (walk.malformed()) ++counters[dump_counter::refused_messages];
}

destroy_listener::~destroy_listener() { delete impl_; }
destroy_listener::destroy_listener(destroy_listener&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}
destroy_listener& destroy_listener::operator=(destroy_listener&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::error_code destroy_listener::open(std::size_t receive_buffer) noexcept {
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  return impl_->open(receive_buffer);
}

std::error_code destroy_listener::receive(message_callback fn, void* user) noexcept {
  if (impl_ == nullptr || !impl_->socket.is_open()) return errc::not_open;
  if (fn == nullptr) return errc::invalid_argument;
  for (;;) {
    impl_->prepare();
    const int received = recvmmsg(impl_->socket.fd(), impl_->headers, slots, MSG_DONTWAIT, nullptr);
    if (received < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
      if (errno != ENOBUFS) return last_error();
      ++impl_->counters[dump_counter::overflows];
      continue;
    }
    impl_->used = static_cast<std::size_t>(received);
    for (int i = 0; i < received; ++i) impl_->deliver(static_cast<std::size_t>(i), fn, user);
    if (static_cast<std::size_t>(received) < slots) return {};
  }
}

int destroy_listener::descriptor() const noexcept {
  return impl_ == nullptr ? -1 : impl_->socket.fd();
}

std::size_t destroy_listener::receive_buffer() const noexcept {
  return impl_ == nullptr ? 0 : impl_->granted;
}

std::int64_t destroy_listener::counter(dump_counter which) const noexcept {
  return impl_ == nullptr ? 0 : impl_->counters.get(which);
}

}  // namespace tcpinfo::inline v0
