// SPDX-License-Identifier: Apache-2.0
//
// Queries about many sockets, sent and answered in few system calls.
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "common/errno_of.h"
#include "common/known_part.h"
#include "inetdiag/diag_socket_impl.h"

namespace tcpinfo::inline v0 {

std::error_code diag_socket::impl::send_batch(std::span<const socket_id> ids,
                                              const query_request& request) noexcept {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    query_batch::request& r = batch->requests[i];
    // What cannot be asked for keeps its place: the kernel passes over it, ask_again() tells of it.
    const bool good = can_be_queried(ids[i]);
    const auto type = static_cast<std::uint16_t>(good ? SOCK_DIAG_BY_FAMILY : NLMSG_NOOP);
    r.header = {sizeof r, type, NLM_F_REQUEST, ++sequence, socket.port()};
    r.body = query_body(ids[i], request);
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

void diag_socket::impl::tell(asked& what, const query_answer& answer) noexcept {
  if (what.stopped) {
    if (!answer.answer.bytes.empty()) ++counters[dump_counter::dropped];
    return;
  }
  if (!answer.answer.bytes.empty()) ++counters[dump_counter::messages];
  const callback_scope scope(in_callback);
  what.stopped = what.fn(what.user, answer) == iteration::stop;
}

bool diag_socket::impl::take_answer(const datagram_item& item, asked& what) noexcept {
  if (item.port != socket.port()) return false;
  const std::size_t at = item.sequence - what.first_sequence;
  if (at >= what.count || batch->answered[at]) return false;
  query_answer answer{what.first + at, {}, {}};
  if (item.status == datagram_status::message) {
    answer.answer = item.answer();
  } else if (item.status == datagram_status::error) {
    // An acknowledgement is no message: it says nothing of the socket that was asked for.
    answer.error = item.code < 0 ? item.error() : std::error_code(errc::unexpected_reply);
  } else {
    return false;
  }
  batch->answered[at] = true;
  tell(what, answer);
  return true;
}

// What the filter has kept lies there like one datagram.
std::size_t diag_socket::impl::take_kept(asked& what) noexcept {
  if (kept.capacity == 0) return 0;
  const std::size_t used = std::min(std::exchange(*kept.used, kept.capacity), kept.capacity);
  counters[dump_counter::bytes] += static_cast<std::int64_t>(used);
  std::size_t taken = 0;
  for (const datagram_item& item : messages(bytes_view(kept.bytes, used))) {
    ++counters[dump_counter::datagrams];
    if (take_answer(item, what)) ++taken;
  }
  return taken;
}

// Reads what is there, also where the callback wants no more of it: the next request would find it.
// What found no room in the queue, or in ours, stays unanswered.
void diag_socket::impl::read_batch(asked& what) noexcept {
  for (std::size_t read = take_kept(what); read < what.count;) {
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
      const auto first = messages(bytes_view(batch->answers[i], received.msg_len)).begin();
      if (first != std::default_sentinel) (void)take_answer(*first, what);
    }
  }
}

// Rare: an answer was too large, or found no room; or there was no question.
void diag_socket::impl::ask_again(std::span<const socket_id> ids, const query_request& request,
                                  asked& what) noexcept {
  for (std::size_t i = 0; i < ids.size() && !what.stopped; ++i) {
    if (batch->answered[i]) continue;
    struct context {
      asked* what;
      std::size_t index;
      bool told;
    } told{&what, what.first + i, false};
    const auto ec = query_one(
        ids[i], request,
        [](void* user, const message& m) noexcept {
          auto& c = *static_cast<context*>(user);
          c.told = true;
          c.what->stopped = c.what->fn(c.what->user, {c.index, {}, m}) == iteration::stop;
          return iteration::go_on;
        },
        &told);
    if (!told.told) tell(what, {told.index, ec ? ec : std::error_code(errc::unexpected_reply), {}});
  }
}

std::error_code diag_socket::query_all(std::span<const socket_id> ids, const query_request& given,
                                       answer_callback fn, void* user) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy()) return errc::busy;
  if (fn == nullptr) return errc::invalid_argument;
  query_request request;
  if (const auto ec = read_known(given, request)) return ec;
  if (const auto ec = check_request(request)) return ec;
  if (impl_->batch == nullptr) impl_->batch.reset(new (std::nothrow) query_batch);
  if (impl_->batch == nullptr) return errc::out_of_memory;
  for (std::size_t first = 0; first < ids.size(); first += query_batch::most) {
    if (const auto ec = impl_->ready(request.timeout_ns)) return ec;
    const auto some = ids.subspan(first, std::min(query_batch::most, ids.size() - first));
    if (const auto ec = impl_->send_batch(some, request)) return ec;
    const std::uint32_t last = impl_->sequence;
    asked what{first, some.size(), last - static_cast<std::uint32_t>(some.size()) + 1, fn, user};
    impl_->read_batch(what);
    impl_->ask_again(some, request, what);
    if (what.stopped) return errc::stopped;
  }
  return {};
}

}  // namespace tcpinfo::inline v0
