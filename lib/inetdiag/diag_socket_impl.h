// SPDX-License-Identifier: Apache-2.0
//
// What is behind a diag_socket. Its parts: the socket and what is sent and received by it
// (diag_socket.cc), a dump (dump.cc), a query (query.cc), many queries (batch.cc).
#ifndef TCPINFO_INETDIAG_DIAG_SOCKET_IMPL_H
#define TCPINFO_INETDIAG_DIAG_SOCKET_IMPL_H

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/internal/answer_area.h>

#include "common/callback_scope.h"
#include "inetdiag/counters.h"
#include "inetdiag/netlink_socket.h"
#include "inetdiag/request.h"

namespace tcpinfo::inline v0 {

/// Requests that are sent at once, and room for their answers. The kernel answers within the call
/// that sends, so the answers must find room in the socket's queue.
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

/// A batch that was sent, and who is told of its answers.
struct asked {
  std::size_t first;  // of its requests, among all
  std::size_t count;
  std::uint32_t first_sequence;
  answer_callback fn;
  void* user;
  bool stopped = false;  // by the callback: what else comes is dropped
};

/// A dump from its request to its end.
struct running_dump {
  bool active = false;
  dump_request request;
  bytes_view program;            // ours and the caller's, while requests are sent
  bool judged_by_kernel = true;  // all rules of the filter
  bool second_walk = false;      // of two: IPv6
  std::int64_t started_ns = 0;   // monotonic
  std::error_code first_fault;
};

struct [[gnu::visibility("hidden")]] diag_socket::impl {
  // The kernel fills at most 32 KiB a datagram, or one page where pages are larger.
  static constexpr std::size_t buffer_size = 64 * 1024;

  netlink_socket socket;
  std::uint32_t sequence = 0;
  std::int64_t timeout_ns = 0;  // that the socket has
  bool in_callback = false;
  dump_counters counters;
  running_dump dump;
  std::vector<std::byte> joined;  // a program of two
  alignas(8) std::byte buffer[buffer_size];
  std::unique_ptr<query_batch> batch;
  answer_area kept;  // capacity 0: nobody keeps answers

  [[nodiscard]] bool busy() const noexcept { return in_callback || dump.active; }

  // The socket.
  [[nodiscard]] std::error_code reopen() noexcept;
  [[nodiscard]] std::error_code prepare() noexcept;
  [[nodiscard]] std::error_code attach_filter() noexcept;
  [[nodiscard]] std::error_code use_timeout(std::int64_t ns) noexcept;
  [[nodiscard]] std::error_code ready(std::int64_t wanted_timeout_ns) noexcept;
  [[nodiscard]] std::error_code send(std::uint16_t type, std::uint16_t flags, bytes_view body,
                                     bytes_view program, transport protocol) noexcept;
  [[nodiscard]] std::error_code receive(bytes_view & datagram, int flags) noexcept;
  [[nodiscard]] bool is_answer(const datagram_item& item) noexcept;

  // A dump.
  [[nodiscard]] std::error_code compile(const dump_request& request) noexcept;
  [[nodiscard]] std::error_code begin(const dump_request& given) noexcept;
  [[nodiscard]] std::error_code send_dump() noexcept;
  [[nodiscard]] std::error_code read_datagram(message_callback fn, void* user, int flags,
                                              bool& done) noexcept;
  [[nodiscard]] bool take(const datagram_item& item, message_callback fn, void* user,
                          bool& stopped) noexcept;
  [[nodiscard]] bool walk_has_ended() noexcept;
  [[nodiscard]] std::error_code finish(bool stopped) noexcept;

  // Queries.
  [[nodiscard]] std::error_code query_one(const socket_id& id, const query_request& request,
                                          message_callback fn, void* user) noexcept;
  [[nodiscard]] std::error_code read_answer(message_callback fn, void* user) noexcept;
  [[nodiscard]] std::error_code send_batch(std::span<const socket_id> ids,
                                           const query_request& request) noexcept;
  void tell(asked & what, const query_answer& answer) noexcept;
  void read_batch(asked & what) noexcept;
  std::size_t take_kept(asked & what) noexcept;
  bool take_answer(const datagram_item& item, asked& what) noexcept;
  void ask_again(std::span<const socket_id> ids, const query_request& request,
                 asked& what) noexcept;
};

}  // namespace tcpinfo::inline v0

#endif
