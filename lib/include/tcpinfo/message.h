// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// A message of inet_diag as the kernel sends it: its header, its attributes, and the datagrams it
/// comes in. Views all of them: nothing here owns, allocates or calls the system. Wire layouts are
/// those of <linux/inet_diag.h> and <linux/netlink.h>; multi-byte values are in host order except
/// ports and addresses, which the kernel sends in network order.
#ifndef TCPINFO_MESSAGE_H
#define TCPINFO_MESSAGE_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <system_error>
#include <type_traits>

#include <tcpinfo/address.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/tcp_state.h>

namespace tcpinfo::inline v0 {

/// The attributes of a message, INET_DIAG_* of <linux/inet_diag.h>. A value not named here is a
/// newer kernel's and is kept as it is.
enum class attribute_type : std::uint16_t {
  none = 0,              ///< no attribute has it
  meminfo = 1,           ///< struct inet_diag_meminfo
  info = 2,              ///< struct tcp_info
  vegasinfo = 3,         ///< struct tcpvegas_info, of Vegas and its like
  cong = 4,              ///< name of the congestion control algorithm
  tos = 5,               ///< u8, type of service
  tclass = 6,            ///< u8, IPv6 traffic class
  skmeminfo = 7,         ///< u32 each, as SK_MEMINFO_* number them
  shutdown = 8,          ///< u8, directions shut down
  dctcpinfo = 9,         ///< struct tcp_dctcp_info
  protocol = 10,         ///< u8, IPPROTO_*
  skv6only = 11,         ///< u8, IPV6_V6ONLY
  locals = 12,           ///< SCTP: local addresses
  peers = 13,            ///< SCTP: addresses of the peer
  pad = 14,              ///< filler before a 64-bit value
  mark = 15,             ///< u32, SO_MARK; only with CAP_NET_ADMIN
  bbrinfo = 16,          ///< struct tcp_bbr_info
  class_id = 17,         ///< u32, traffic class or priority
  md5sig = 18,           ///< struct tcp_diag_md5sig, any number: secret keys
  ulp_info = 19,         ///< attributes of its own: the upper layer protocol
  sk_bpf_storages = 20,  ///< BPF storage of the socket
  cgroup_id = 21,        ///< u64, control group
  sockopt = 22,          ///< struct inet_diag_sockopt
};

/// Parts of a message as bits of a 32-bit set: bit N is the attribute of type N (up to 31). Bit 0,
/// which is no attribute's, is the connection's ends: both addresses and ports, "ID" in archives.
inline constexpr std::uint32_t ends_bit = 1;
/// The bit of an attribute; 0 for a type above 31.
[[nodiscard]] constexpr std::uint32_t attribute_bit(std::size_t type) noexcept {
  return type < 32 ? std::uint32_t{1} << type : 0;
}
/// The bit of an attribute.
[[nodiscard]] constexpr std::uint32_t attribute_bit(attribute_type type) noexcept {
  return attribute_bit(static_cast<std::size_t>(type));
}

/// Where things are in the bytes of a message (`<linux/inet_diag.h>`; frozen UAPI).
namespace wire {

/// Size of struct inet_diag_msg; the offsets of its members follow.
inline constexpr std::size_t inet_diag_msg_size = 72;
inline constexpr std::size_t family_at = 0;      ///< u8
inline constexpr std::size_t state_at = 1;       ///< u8
inline constexpr std::size_t timer_at = 2;       ///< u8
inline constexpr std::size_t retrans_at = 3;     ///< u8
inline constexpr std::size_t sport_at = 4;       ///< u16, network order
inline constexpr std::size_t dport_at = 6;       ///< u16, network order
inline constexpr std::size_t src_at = 8;         ///< 16 bytes, 4 of them used for IPv4
inline constexpr std::size_t dst_at = 24;        ///< the same
inline constexpr std::size_t interface_at = 40;  ///< u32
inline constexpr std::size_t cookie_at = 44;     ///< two u32, low word first
inline constexpr std::size_t expires_at = 52;    ///< u32, milliseconds
inline constexpr std::size_t rqueue_at = 56;     ///< u32
inline constexpr std::size_t wqueue_at = 60;     ///< u32
inline constexpr std::size_t uid_at = 64;        ///< u32
inline constexpr std::size_t inode_at = 68;      ///< u32
/// Before an attribute's payload: length, header included, and type; u16 each.
inline constexpr std::size_t attribute_header_size = 4;
/// NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags in an attribute's type.
inline constexpr std::uint16_t attribute_type_mask = 0x3fff;

/// Reads a host-order integer from any alignment.
template <class T>
requires std::is_integral_v<T>
[[nodiscard]] inline T load(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Attributes start at multiples of 4.
[[nodiscard]] constexpr std::size_t align4(std::size_t n) noexcept {
  return (n + 3U) & ~std::size_t{3};
}

}  // namespace wire

/// One attribute: its type without flags, and its payload.
struct attribute {
  std::uint16_t type = 0;   ///< attribute_type, or one that has no name there
  bytes_view payload = {};  ///< without header and padding; valid as long as the message's bytes

  /// Whether it is of that type.
  [[nodiscard]] bool is(attribute_type t) const noexcept {
    return type == static_cast<std::uint16_t>(t);
  }
};

/// Walks netlink attributes; never reads past the span it was given. A malformed attribute ends the
/// walk: what came before it is good, `remainder()` of the iterator is what could not be read.
class attribute_range {
 public:
  /// An input iterator that holds the attribute it is at; compare it with end(). A default-made one
  /// is at none and does not equal end().
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;  ///< for std::iterator_traits
    using value_type = attribute;                       ///< what it walks over
    using difference_type = std::ptrdiff_t;             ///< of no use: iterators have no distance
    using pointer = const attribute*;                   ///< what operator->() gives
    using reference = const attribute&;                 ///< what operator*() gives

    iterator() noexcept = default;
    /// At the first attribute of `rest`, whose bytes must outlive it.
    explicit iterator(bytes_view rest TCPINFO_LIFETIMEBOUND) noexcept : rest_(rest) { step(); }

    /// The attribute it is at; part of the iterator, valid until that moves or ends. Not at the
    /// end.
    const attribute& operator*() const noexcept TCPINFO_LIFETIMEBOUND { return current_; }
    /// The same.
    const attribute* operator->() const noexcept TCPINFO_LIFETIMEBOUND { return &current_; }
    /// Goes to the next attribute, or to the end. Not at the end.
    iterator& operator++() noexcept {
      step();
      return *this;
    }
    /// The same, but gives nothing back.
    void operator++(int) noexcept { step(); }
    /// Whether the walk has ended.
    friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept {
      return it.done_;
    }
    /// After the end: the bytes that are no attribute, empty when all were read.
    [[nodiscard]] bytes_view remainder() const noexcept { return rest_; }

   private:
    void step() noexcept {
      if (rest_.size() < wire::attribute_header_size) {
        // Nothing left, or too little to be an attribute: then it stays in the remainder.
        done_ = true;
        return;
      }
      const auto length = wire::load<std::uint16_t>(rest_.data());
      if (length < wire::attribute_header_size || length > rest_.size()) {
        done_ = true;
        return;
      }
      const auto raw = wire::load<std::uint16_t>(rest_.data() + 2);
      current_.type = static_cast<std::uint16_t>(raw & wire::attribute_type_mask);
      current_.payload =
          rest_.subspan(wire::attribute_header_size, length - wire::attribute_header_size);
      const std::size_t next = wire::align4(length);
      rest_ = next < rest_.size() ? rest_.subspan(next) : bytes_view{};
    }

    bytes_view rest_;
    attribute current_;
    bool done_ = false;
  };

  attribute_range() noexcept = default;
  /// Of `bytes`, which begin with an attribute's header and must outlive range and iterators.
  explicit attribute_range(bytes_view bytes TCPINFO_LIFETIMEBOUND) noexcept : bytes_(bytes) {}
  /// Of a container that would be gone before the walk begins.
  template <owning_temporary Bytes>
  explicit attribute_range(Bytes&& bytes) = delete;

  /// Begins a walk; any number of them.
  [[nodiscard]] iterator begin() const noexcept { return iterator(bytes_); }
  /// What an iterator equals when the walk has ended.
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

  /// Whether every byte belongs to an attribute (or is padding).
  [[nodiscard]] bool well_formed() const noexcept {
    iterator it = begin();
    while (it != end()) ++it;
    return it.remainder().empty();
  }

 private:
  bytes_view bytes_;
};

/// A message of inet_diag: struct inet_diag_msg and the attributes after it, without the netlink
/// header. A view: it owns nothing and is valid as long as the bytes are, which for messages handed
/// to a callback means until the callback returns. Copying it copies the view. All accessors need
/// at least 72 bytes; message::from checks that once.
struct message {
  bytes_view bytes = {};  ///< header and attributes, somebody else's

  /// Makes a message of bytes that may be anything.
  /// @return errc::message_too_short below 72 bytes; `out` is unchanged then.
  [[nodiscard]] static std::error_code from(bytes_view bytes, message& out) noexcept {
    if (bytes.size() < wire::inet_diag_msg_size) return errc::message_too_short;
    out.bytes = bytes;
    return {};
  }
  /// Of a container that would be gone when `out` is used.
  template <owning_temporary Bytes>
  static std::error_code from(Bytes&& bytes, message& out) = delete;

  /// The byte at an offset; unchecked, as u32().
  [[nodiscard]] std::uint8_t u8(std::size_t at) const noexcept {
    return static_cast<std::uint8_t>(bytes[at]);
  }
  /// The four bytes from an offset on, in host order.
  [[nodiscard]] std::uint32_t u32(std::size_t at) const noexcept {
    return wire::load<std::uint32_t>(bytes.data() + at);
  }

  /// As the message says it, be it one that has a name or not.
  [[nodiscard]] address_family family() const noexcept {
    return static_cast<address_family>(u8(wire::family_at));
  }
  /// TCP state, be it one that has a name or not (state_name() in tcp.h). A time-wait mini socket
  /// tells its substate.
  [[nodiscard]] tcp_state state() const noexcept {
    return static_cast<tcp_state>(u8(wire::state_at));
  }
  /// 0 off, 1 on (retransmit, TLP, reordering), 2 keepalive, 3 time-wait, 4 probe0, 5 delayed ACK.
  [[nodiscard]] std::uint8_t timer() const noexcept { return u8(wire::timer_at); }
  /// How often the timer has fired in a row.
  [[nodiscard]] std::uint8_t retrans() const noexcept { return u8(wire::retrans_at); }
  /// Local port, in host order.
  [[nodiscard]] std::uint16_t sport() const noexcept { return port(wire::sport_at); }
  /// Remote port, in host order; 0 where there is no remote end.
  [[nodiscard]] std::uint16_t dport() const noexcept { return port(wire::dport_at); }
  /// Local address.
  [[nodiscard]] ip_address src() const noexcept { return address(wire::src_at); }
  /// Remote address; unspecified where there is no remote end.
  [[nodiscard]] ip_address dst() const noexcept { return address(wire::dst_at); }
  /// Index of the interface the socket is bound to, 0 = none.
  [[nodiscard]] std::uint32_t interface() const noexcept { return u32(wire::interface_at); }
  /// The socket's number, unique on this machine until reboot (SO_COOKIE). In the bytes it is two
  /// u32, low word first, whatever the machine's byte order.
  [[nodiscard]] std::uint64_t cookie() const noexcept {
    return u32(wire::cookie_at) | std::uint64_t{u32(wire::cookie_at + 4)} << 32;
  }
  /// Milliseconds until the timer fires.
  [[nodiscard]] std::uint32_t expires_ms() const noexcept { return u32(wire::expires_at); }
  /// The same.
  [[nodiscard]] std::chrono::milliseconds expires() const noexcept {
    return std::chrono::milliseconds(expires_ms());
  }
  /// Unread bytes; for a listener the accept queue's length.
  [[nodiscard]] std::uint32_t rqueue() const noexcept { return u32(wire::rqueue_at); }
  /// Bytes written and not yet acknowledged; for a listener the accept queue's limit.
  [[nodiscard]] std::uint32_t wqueue() const noexcept { return u32(wire::wqueue_at); }
  /// User who owns the socket.
  [[nodiscard]] std::uint32_t uid() const noexcept { return u32(wire::uid_at); }
  /// Inode of the socket; 0 where no process holds it.
  [[nodiscard]] std::uint32_t inode() const noexcept { return u32(wire::inode_at); }

  /// Ends, interface and cookie at once: what diag_socket::query() asks by.
  [[nodiscard]] socket_id id() const noexcept {
    return {src(), dst(), sport(), dport(), interface(), cookie()};
  }

  /// The 72 bytes of struct inet_diag_msg.
  [[nodiscard]] bytes_view header() const noexcept { return bytes.first(wire::inet_diag_msg_size); }
  /// What comes after them; valid as long as the message's bytes.
  [[nodiscard]] attribute_range attributes() const noexcept {
    return attribute_range(bytes.subspan(wire::inet_diag_msg_size));
  }
  /// The payload of the first attribute of that type, nullopt where absent.
  [[nodiscard]] std::optional<bytes_view> find(attribute_type type) const noexcept {
    const attribute_range range = attributes();
    for (auto it = range.begin(); it != range.end(); ++it)
      if (it->is(type)) return it->payload;
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::uint16_t port(std::size_t at) const noexcept {
    return static_cast<std::uint16_t>(u8(at) << 8 | u8(at + 1));
  }
  [[nodiscard]] ip_address address(std::size_t at) const noexcept {
    ip_address a;
    a.family = family();
    std::memcpy(a.bytes.data(), bytes.data() + at, a.family == address_family::ipv4 ? 4 : 16);
    return a;
  }
};

/// What a netlink message of a datagram is. Values are frozen.
enum class datagram_status : std::uint32_t {
  message = 0,    ///< sock_diag's, about a socket: datagram_item::answer(); see its family()
  done = 1,       ///< NLMSG_DONE, the end of a dump; `code` is its status
  error = 2,      ///< NLMSG_ERROR; `code` is 0 in an acknowledgement
  other = 3,      ///< of any other type, NLMSG_NOOP among them
  too_short = 4,  ///< inet_diag's, with less than 72 bytes; the walk goes on
  malformed = 5,  ///< a length out of bounds: what follows cannot be read, the walk ends
  request = 6,    ///< what a program asks of the kernel: captures hold both directions
};

/// A netlink message of a datagram. A view: valid as long as the datagram's bytes.
struct datagram_item {
  datagram_status status = datagram_status::other;  ///< says which of the others count
  std::int32_t code = 0;       ///< of done and error: 0, or the errno as a negative number
  std::uint16_t type = 0;      ///< nlmsg_type
  std::uint16_t flags = 0;     ///< nlmsg_flags
  std::uint32_t sequence = 0;  ///< nlmsg_seq, that of the request
  std::uint32_t port = 0;      ///< nlmsg_pid, that of the socket that asked
  std::uint32_t reserved = 0;  ///< always 0
  bytes_view payload = {};     ///< without netlink header; of malformed: what cannot be read

  /// Whether the kernel says that the table changed under the dump (NLM_F_DUMP_INTR), so that
  /// sockets may be missing. It may say so beside any status.
  [[nodiscard]] bool interrupted() const noexcept { return (flags & 0x10U) != 0; }
  /// Whether a program asks this of the kernel (NLM_F_REQUEST). Requests have the type of their
  /// answers.
  [[nodiscard]] bool is_request() const noexcept { return (flags & 0x1U) != 0; }
  /// The message; only where `status` is message.
  [[nodiscard]] message answer() const noexcept { return {payload}; }
  /// What is wrong, nothing in most: the kernel's errno of error and done, errc::message_too_short,
  /// errc::malformed_attribute; errc::dump_incomplete where interrupted().
  [[nodiscard]] std::error_code error() const noexcept {
    if (status == datagram_status::malformed) return errc::malformed_attribute;
    if (status == datagram_status::too_short) return errc::message_too_short;
    if (code < 0) return {static_cast<int>(-std::int64_t{code}), std::system_category()};
    if (interrupted()) return errc::dump_incomplete;
    return {};
  }
};

/// The netlink messages of one datagram, each length checked; never reads past its bytes. A fault
/// is an item of its own, so that nothing is passed over in silence.
class datagram_range {
 public:
  /// An input iterator that holds the item it is at; compare it with end().
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;  ///< for std::iterator_traits
    using value_type = datagram_item;                   ///< what it walks over
    using difference_type = std::ptrdiff_t;             ///< of no use: iterators have no distance
    using pointer = const datagram_item*;               ///< what operator->() gives
    using reference = const datagram_item&;             ///< what operator*() gives

    iterator() noexcept = default;
    /// At the first message of `rest`, whose bytes must outlive it.
    explicit iterator(bytes_view rest TCPINFO_LIFETIMEBOUND) noexcept : rest_(rest) { step(); }

    /// The item it is at; part of the iterator, valid until that moves or ends. Not at the end.
    const datagram_item& operator*() const noexcept TCPINFO_LIFETIMEBOUND { return current_; }
    /// The same.
    const datagram_item* operator->() const noexcept TCPINFO_LIFETIMEBOUND { return &current_; }
    /// Goes to the next message, or to the end. Not at the end.
    iterator& operator++() noexcept {
      step();
      return *this;
    }
    /// The same, but gives nothing back.
    void operator++(int) noexcept { step(); }
    /// Whether the walk has ended.
    friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept {
      return it.done_;
    }

   private:
    static constexpr std::size_t header_size = 16;

    void step() noexcept {
      if (rest_.empty()) {
        done_ = true;
        return;
      }
      const std::size_t length =
          rest_.size() < header_size ? 0 : wire::load<std::uint32_t>(rest_.data());
      if (length < header_size || length > rest_.size()) {
        current_ = {};
        current_.status = datagram_status::malformed;
        current_.payload = rest_;
        rest_ = {};
        return;
      }
      current_.type = wire::load<std::uint16_t>(rest_.data() + 4);
      current_.flags = wire::load<std::uint16_t>(rest_.data() + 6);
      current_.sequence = wire::load<std::uint32_t>(rest_.data() + 8);
      current_.port = wire::load<std::uint32_t>(rest_.data() + 12);
      current_.payload = rest_.subspan(header_size, length - header_size);
      current_.code = 0;
      classify();
      const std::size_t next = wire::align4(length);
      rest_ = next < rest_.size() ? rest_.subspan(next) : bytes_view{};
    }

    // Answers carry the type of their request: SOCK_DIAG_BY_FAMILY or the old TCPDIAG_GETSOCK.
    void classify() noexcept {
      constexpr std::uint16_t error = 2, done = 3, tcpdiag_getsock = 18, sock_diag_by_family = 20;
      constexpr std::int32_t no_code = -71;  // EPROTO
      if (current_.type == sock_diag_by_family || current_.type == tcpdiag_getsock) {
        if (current_.is_request())
          current_.status = datagram_status::request;
        else
          current_.status = current_.payload.size() >= wire::inet_diag_msg_size
                                ? datagram_status::message
                                : datagram_status::too_short;
      } else if (current_.type == done || current_.type == error) {
        current_.status = current_.type == done ? datagram_status::done : datagram_status::error;
        if (current_.payload.size() >= sizeof current_.code)
          current_.code = wire::load<std::int32_t>(current_.payload.data());
        else if (current_.type == error)
          current_.code = no_code;
      } else {
        current_.status = datagram_status::other;
      }
    }

    bytes_view rest_;
    datagram_item current_;
    bool done_ = false;
  };

  datagram_range() noexcept = default;
  /// Of `datagram`, which must outlive range and iterators.
  explicit datagram_range(bytes_view datagram TCPINFO_LIFETIMEBOUND) noexcept : bytes_(datagram) {}
  /// Of a container that would be gone before the walk begins.
  template <owning_temporary Bytes>
  explicit datagram_range(Bytes&& datagram) = delete;

  /// Begins a walk; any number of them.
  [[nodiscard]] iterator begin() const noexcept { return iterator(bytes_); }
  /// What an iterator equals when the walk has ended.
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

 private:
  bytes_view bytes_;
};

/// The netlink messages of a datagram that somebody received, in this machine's byte order:
/// `for (const datagram_item& item : messages(datagram))`. The bytes must outlive the range.
[[nodiscard]] inline datagram_range messages(bytes_view datagram TCPINFO_LIFETIMEBOUND) noexcept {
  return datagram_range(datagram);
}
/// Of a container that would be gone before the walk begins.
template <owning_temporary Bytes>
datagram_range messages(Bytes&& datagram) = delete;

}  // namespace tcpinfo::inline v0

#endif
