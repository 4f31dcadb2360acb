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

#include "common/callback_scope.h"
#include "common/errno_of.h"
#include "common/known_part.h"
#include "inetdiag/counters.h"
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
  // What was received and not handed over, since the callback said stop.
  std::size_t next = slots;     // the slot it goes on with
  datagram_range::iterator at;  // and where in that; counts if `begun`
  bool begun = false;
  bool in_callback = false;

  void prepare() noexcept;
  [[nodiscard]] std::error_code open(const listener_options& options) noexcept;
  void ask_for_buffer(std::size_t wanted) noexcept;
  [[nodiscard]] bool begin_slot() noexcept;
  [[nodiscard]] iteration deliver(message_callback fn, void* user) noexcept;
  [[nodiscard]] iteration hand_over(message_callback fn, void* user) noexcept;
  void drop_rest() noexcept;
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

std::error_code destroy_listener::impl::open(const listener_options& options) noexcept {
  if (const auto ec = socket.use_netns(options.netns)) return ec;
  drop_rest();
  if (const auto ec = socket.open()) return ec;
  ask_for_buffer(options.receive_buffer);
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

// False where there is nothing of the kernel's in it.
bool destroy_listener::impl::begin_slot() noexcept {
  const mmsghdr& header = headers[next];
  ++counters[dump_counter::datagrams];
  counters[dump_counter::bytes] += header.msg_len;
  if (senders[next].nl_pid != 0) {
    ++counters[dump_counter::wrong_port];
    return false;
  }
  if ((header.msg_hdr.msg_flags & MSG_TRUNC) != 0) ++counters[dump_counter::truncated];
  const std::size_t size = std::min<std::size_t>(header.msg_len, slot_size);
  at = messages(bytes_view(buffers[next], size)).begin();
  return true;
}

// The rest of a slot. Where it is stopped, `at` is behind the message that was handed over.
iteration destroy_listener::impl::deliver(message_callback fn, void* user) noexcept {
  while (at != std::default_sentinel) {
    if (at->status != datagram_status::message) {
      ++counters[dump_counter::refused_messages];
      ++at;
      continue;
    }
    const message event = at->answer();
    ++at;
    ++counters[dump_counter::messages];
    const callback_scope scope(in_callback);
    if (fn(user, event) == iteration::stop) return iteration::stop;
  }
  return iteration::go_on;
}

// What is in the slots.
iteration destroy_listener::impl::hand_over(message_callback fn, void* user) noexcept {
  for (; next < used; ++next, begun = false) {
    if (!begun && !begin_slot()) continue;
    begun = true;
    if (deliver(fn, user) == iteration::stop) return iteration::stop;
  }
  return iteration::go_on;
}

void destroy_listener::impl::drop_rest() noexcept {
  const std::int64_t handed_over = counters[dump_counter::messages];
  (void)hand_over([](void*, const message&) noexcept { return iteration::go_on; }, nullptr);
  counters[dump_counter::dropped] += counters[dump_counter::messages] - handed_over;
  counters[dump_counter::messages] = handed_over;
}

destroy_listener::~destroy_listener() { delete impl_; }
destroy_listener::destroy_listener(destroy_listener&& other) noexcept
    : impl_(std::exchange(other.impl_, nullptr)) {}
destroy_listener& destroy_listener::operator=(destroy_listener&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::error_code destroy_listener::open(const listener_options& given) noexcept {
  if (impl_ != nullptr && impl_->in_callback) return errc::busy;
  listener_options options;
  if (const auto ec = read_known(given, options)) return ec;
  if (options.netns < -1 || options.reserved != 0) return errc::invalid_argument;
  if (impl_ == nullptr) impl_ = new (std::nothrow) impl;
  if (impl_ == nullptr) return errc::out_of_memory;
  return impl_->open(options);
}

std::error_code destroy_listener::receive(message_callback fn, void* user) noexcept {
  if (impl_ == nullptr || !impl_->socket.is_open()) return errc::not_open;
  if (impl_->in_callback) return errc::busy;
  if (fn == nullptr) return errc::invalid_argument;
  if (impl_->hand_over(fn, user) == iteration::stop) return errc::stopped;
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
    impl_->next = 0;
    if (impl_->hand_over(fn, user) == iteration::stop) return errc::stopped;
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
