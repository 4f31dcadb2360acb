// SPDX-License-Identifier: Apache-2.0
//
// Walks the netlink messages of one datagram with every length checked.
#ifndef TCPINFO_INETDIAG_DATAGRAM_H
#define TCPINFO_INETDIAG_DATAGRAM_H

#include <linux/netlink.h>
#include <tcpinfo/inetdiag.h>

namespace tcpinfo::inline v0 {

struct netlink_message {
  nlmsghdr header{};
  bytes_view payload;
};

class datagram_walk {
 public:
  explicit datagram_walk(bytes_view datagram) noexcept : rest_(datagram) {}

  /// The next message. False at the end, or where a header's length is out of bounds: then
  /// malformed() is true and the rest of the datagram cannot be read.
  [[nodiscard]] bool next(netlink_message& out) noexcept {
    if (rest_.empty()) return false;
    if (rest_.size() < sizeof out.header) return fail();
    std::memcpy(&out.header, rest_.data(), sizeof out.header);
    const std::size_t length = out.header.nlmsg_len;
    if (length < sizeof out.header || length > rest_.size()) return fail();
    out.payload = rest_.subspan(sizeof out.header, length - sizeof out.header);
    const std::size_t next = wire::align4(length);
    rest_ = next < rest_.size() ? rest_.subspan(next) : bytes_view{};
    return true;
  }
  [[nodiscard]] bool malformed() const noexcept { return malformed_; }

 private:
  bool fail() noexcept {
    malformed_ = true;
    rest_ = {};
    return false;
  }

  bytes_view rest_;
  bool malformed_ = false;
};

/// inet_diag answers carry the type of their request: SOCK_DIAG_BY_FAMILY or the old
/// TCPDIAG_GETSOCK.
[[nodiscard]] inline bool is_inet_diag_type(std::uint16_t type) noexcept {
  constexpr std::uint16_t tcpdiag_getsock = 18;
  constexpr std::uint16_t sock_diag_by_family = 20;
  return type == sock_diag_by_family || type == tcpdiag_getsock;
}

}  // namespace tcpinfo::inline v0

#endif
