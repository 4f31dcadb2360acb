// SPDX-License-Identifier: Apache-2.0
//
// A query about one socket.
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <tcpinfo/inetdiag.h>

#include "common/known_part.h"
#include "inetdiag/diag_socket_impl.h"

namespace tcpinfo::inline v0 {

std::error_code diag_socket::impl::read_answer(message_callback fn, void* user) noexcept {
  for (;;) {
    bytes_view datagram;
    if (const auto ec = receive(datagram, 0)) return ec;
    for (const datagram_item& item : messages(datagram)) {
      if (!is_answer(item)) continue;
      switch (item.status) {
        case datagram_status::message: {
          ++counters[dump_counter::messages];
          const callback_scope scope(in_callback);
          (void)fn(user, item.answer());
          return {};
        }
        case datagram_status::too_short:
          ++counters[dump_counter::refused_messages];
          return errc::message_too_short;
        case datagram_status::error:
          if (item.code < 0) return item.error();
          return errc::unexpected_reply;
        default:
          return errc::unexpected_reply;
      }
    }
  }
}

std::error_code diag_socket::impl::query_one(const socket_id& id, const query_request& request,
                                             message_callback fn, void* user) noexcept {
  if (!can_be_queried(id)) return errc::invalid_argument;
  if (const auto ec = ready(request.timeout_ns)) return ec;
  const inet_diag_req_v2 body = query_body(id, request);
  if (const auto ec =
          send(SOCK_DIAG_BY_FAMILY, 0, std::as_bytes(std::span(&body, 1)), {}, request.protocol))
    return ec;
  const std::error_code ec = read_answer(fn, user);
  if (ec && !is_gone(ec) && reopen()) socket.close();
  return ec;
}

std::error_code diag_socket::query(const socket_id& id, const query_request& given,
                                   message_callback fn, void* user) noexcept {
  if (impl_ == nullptr) return errc::not_open;
  if (impl_->busy()) return errc::busy;
  if (fn == nullptr) return errc::invalid_argument;
  query_request request;
  if (const auto ec = read_known(given, request)) return ec;
  if (const auto ec = check_request(request)) return ec;
  return impl_->query_one(id, request, fn, user);
}

}  // namespace tcpinfo::inline v0
