// SPDX-License-Identifier: Apache-2.0
//
// Lets a BPF program of the collector's keep the kernel's answers to many queries. Not installed.
#ifndef TCPINFO_INCLUDE_INTERNAL_TCPINFO_INTERNAL_ANSWER_AREA_H
#define TCPINFO_INCLUDE_INTERNAL_TCPINFO_INTERNAL_ANSWER_AREA_H

#include <cstddef>
#include <cstdint>
#include <system_error>

#include <tcpinfo/inetdiag.h>

namespace tcpinfo::inline v0 {

/// Memory that a socket filter of the caller's, a BPF program, shares with diag_socket: it puts
/// answers there, and nothing has to be received. The kernel answers query_all() within the call
/// that sends the requests, so the answers are there when it returns.
///
/// While `*used` is less than `capacity` the filter appends each datagram that finds room to
/// `bytes`, at `*used`, moves that by the datagram's length rounded up to a multiple of 4, and
/// returns 0, so that the kernel drops it. What finds no room it lets pass whole; it comes by way
/// of the socket's queue. The library sets `*used` to 0 before it asks, and to `capacity`
/// afterwards: then all pass.
struct answer_area {
  int filter = -1;                   ///< a loaded BPF_PROG_TYPE_SOCKET_FILTER; not owned
  std::uint32_t capacity = 0;        ///< of `bytes`
  const std::byte* bytes = nullptr;  ///< must stay as long as the diag_socket
  std::uint32_t* used = nullptr;     ///< must stay as long as the diag_socket
};

/// What of a diag_socket only its library and its collector may reach.
struct diag_socket_internal {
  [[nodiscard]] static std::error_code keep_answers(diag_socket& socket,
                                                    const answer_area& area) noexcept;
};

/// Lets a socket filter keep the answers to query_all(), from now on and when the socket is opened
/// again: a fifth less processor time. Descriptor and memory are the caller's, and must stay as
/// long as the socket, or what it is moved to. Another call puts another area in its place.
/// @return errc::not_open, errc::busy, errc::invalid_argument (something is missing), or the errno
/// of setsockopt(2) (SO_ATTACH_BPF); the socket works as before then.
[[nodiscard]] inline std::error_code keep_answers(diag_socket& socket,
                                                  const answer_area& area) noexcept {
  return diag_socket_internal::keep_answers(socket, area);
}

}  // namespace tcpinfo::inline v0

#endif
