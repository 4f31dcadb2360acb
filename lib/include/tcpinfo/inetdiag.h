// SPDX-License-Identifier: Apache-2.0
//
// inet_diag over netlink: what a message of the kernel is, how to ask for messages, and how to hear
// of sockets that end. Wire layouts are those of <linux/inet_diag.h> and <linux/netlink.h>;
// multi-byte values are in host order except ports and addresses, which the kernel sends in network
// order.
#ifndef TCPINFO_INETDIAG_H
#define TCPINFO_INETDIAG_H

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/export.h>

namespace tcpinfo::inline v0 {

/// Address families as inet_diag numbers them (AF_INET, AF_INET6).
enum class address_family : std::uint8_t { unspecified = 0, ipv4 = 2, ipv6 = 10 };

/// The attributes of a message, INET_DIAG_* of <linux/inet_diag.h>. A value not named here is a
/// newer kernel's and is kept as it is.
enum class attribute_type : std::uint16_t {
  none = 0,
  meminfo = 1,
  info = 2,
  vegasinfo = 3,
  cong = 4,
  tos = 5,
  tclass = 6,
  skmeminfo = 7,
  shutdown = 8,
  dctcpinfo = 9,
  protocol = 10,
  skv6only = 11,
  locals = 12,
  peers = 13,
  pad = 14,
  mark = 15,
  bbrinfo = 16,
  class_id = 17,
  md5sig = 18,
  ulp_info = 19,
  sk_bpf_storages = 20,
  cgroup_id = 21,
  sockopt = 22,
};

/// An IP address: 4 bytes used for IPv4, 16 for IPv6, in network order, the rest zero.
struct ip_address {
  std::array<std::uint8_t, 16> bytes{};
  address_family family = address_family::unspecified;

  /// ::ffff:a.b.c.d
  [[nodiscard]] bool is_v4_mapped() const noexcept {
    static constexpr std::uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return family == address_family::ipv6 && std::memcmp(bytes.data(), prefix, 12) == 0;
  }
  /// 0.0.0.0 or ::
  [[nodiscard]] bool is_unspecified() const noexcept {
    for (const std::uint8_t b : bytes)
      if (b != 0) return false;
    return true;
  }
  /// The IPv4 address inside an IPv4-mapped one; any other address unchanged.
  [[nodiscard]] ip_address unmapped() const noexcept {
    if (!is_v4_mapped()) return *this;
    ip_address v4;
    v4.family = address_family::ipv4;
    std::memcpy(v4.bytes.data(), bytes.data() + 12, 4);
    return v4;
  }
  friend bool operator==(const ip_address&, const ip_address&) = default;
};

/// An address and how many of its leading bits count.
struct ip_prefix {
  ip_address address;
  std::uint8_t length = 0;  ///< bits, 0..32 or 0..128

  /// Whether `a` is inside. An IPv4 prefix also contains the IPv4-mapped form of its addresses.
  [[nodiscard]] bool contains(const ip_address& a) const noexcept {
    const ip_address probe = address.family == address_family::ipv4 ? a.unmapped() : a;
    if (probe.family != address.family) return false;
    const std::size_t whole = length / 8U;
    if (std::memcmp(probe.bytes.data(), address.bytes.data(), whole) != 0) return false;
    const unsigned rest = length % 8U;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
    return ((probe.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
  }
  friend bool operator==(const ip_prefix&, const ip_prefix&) = default;
};

/// Reads "192.0.2.1" or "2001:db8::1". Any thread.
/// @return errc::invalid_argument for anything else.
[[nodiscard]] TCPINFO_API std::error_code parse_ip_address(std::string_view text,
                                                           ip_address& out) noexcept;
/// Reads an address, optionally followed by "/bits". Host bits beyond the prefix are refused.
[[nodiscard]] TCPINFO_API std::error_code parse_ip_prefix(std::string_view text,
                                                          ip_prefix& out) noexcept;
/// Writes the address as text (dotted quad, or RFC 5952), not NUL-terminated, and returns its
/// length; 46 characters always suffice. Returns 0 where `out` is too small.
[[nodiscard]] TCPINFO_API std::size_t format_ip_address(const ip_address& address,
                                                        std::span<char> out) noexcept;
/// The same as a string. May throw std::bad_alloc.
[[nodiscard]] inline std::string to_string(const ip_address& address) {
  std::array<char, 64> text;
  return {text.data(), format_ip_address(address, text)};
}

/// struct inet_diag_sockid, decoded: ports in host order.
struct socket_id {
  ip_address src;               ///< the local end
  ip_address dst;               ///< the remote end
  std::uint16_t sport = 0;      ///< local port
  std::uint16_t dport = 0;      ///< remote port
  std::uint32_t interface = 0;  ///< ifindex the socket is bound to, 0 = none
  std::uint64_t cookie = 0;     ///< unique on this machine until reboot (SO_COOKIE)
};

namespace wire {

/// Size of struct inet_diag_msg, and where its members are (<linux/inet_diag.h>; frozen UAPI).
inline constexpr std::size_t inet_diag_msg_size = 72;
inline constexpr std::size_t family_at = 0;
inline constexpr std::size_t state_at = 1;
inline constexpr std::size_t timer_at = 2;
inline constexpr std::size_t retrans_at = 3;
inline constexpr std::size_t sport_at = 4;
inline constexpr std::size_t dport_at = 6;
inline constexpr std::size_t src_at = 8;
inline constexpr std::size_t dst_at = 24;
inline constexpr std::size_t interface_at = 40;
inline constexpr std::size_t cookie_at = 44;
inline constexpr std::size_t expires_at = 52;
inline constexpr std::size_t rqueue_at = 56;
inline constexpr std::size_t wqueue_at = 60;
inline constexpr std::size_t uid_at = 64;
inline constexpr std::size_t inode_at = 68;
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
  std::uint16_t type = 0;
  bytes_view payload;

  [[nodiscard]] bool is(attribute_type t) const noexcept {
    return type == static_cast<std::uint16_t>(t);
  }
};

/// Walks netlink attributes; never reads past the span it was given. A malformed attribute ends the
/// walk: what came before it is good, `remainder()` of the iterator is what could not be read.
class attribute_range {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = attribute;
    using difference_type = std::ptrdiff_t;
    using pointer = const attribute*;
    using reference = const attribute&;

    iterator() noexcept = default;
    explicit iterator(bytes_view rest) noexcept : rest_(rest) { step(); }

    const attribute& operator*() const noexcept { return current_; }
    const attribute* operator->() const noexcept { return &current_; }
    iterator& operator++() noexcept {
      step();
      return *this;
    }
    void operator++(int) noexcept { step(); }
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
  explicit attribute_range(bytes_view bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] iterator begin() const noexcept { return iterator(bytes_); }
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
/// to a callback means until the callback returns. Copying it copies the view. Accessors other than
/// those of attributes need at least 72 bytes; message::from checks that once.
struct message {
  bytes_view bytes;

  /// @return errc::message_too_short below 72 bytes.
  [[nodiscard]] static std::error_code from(bytes_view bytes, message& out) noexcept {
    if (bytes.size() < wire::inet_diag_msg_size) return errc::message_too_short;
    out.bytes = bytes;
    return {};
  }

  [[nodiscard]] std::uint8_t u8(std::size_t at) const noexcept {
    return static_cast<std::uint8_t>(bytes[at]);
  }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const noexcept {
    return wire::load<std::uint32_t>(bytes.data() + at);
  }

  [[nodiscard]] address_family family() const noexcept {
    return static_cast<address_family>(u8(wire::family_at));
  }
  /// TCP state number; tcp.h names it. A time-wait mini socket tells its substate.
  [[nodiscard]] std::uint8_t state() const noexcept { return u8(wire::state_at); }
  /// 0 off, 1 on (retransmit, TLP, reordering), 2 keepalive, 3 time-wait, 4 probe0, 5 delayed ACK.
  [[nodiscard]] std::uint8_t timer() const noexcept { return u8(wire::timer_at); }
  [[nodiscard]] std::uint8_t retrans() const noexcept { return u8(wire::retrans_at); }
  [[nodiscard]] std::uint16_t sport() const noexcept { return port(wire::sport_at); }
  [[nodiscard]] std::uint16_t dport() const noexcept { return port(wire::dport_at); }
  [[nodiscard]] ip_address src() const noexcept { return address(wire::src_at); }
  [[nodiscard]] ip_address dst() const noexcept { return address(wire::dst_at); }
  [[nodiscard]] std::uint32_t interface() const noexcept { return u32(wire::interface_at); }
  /// Two u32, low word first, whatever the machine's byte order.
  [[nodiscard]] std::uint64_t cookie() const noexcept {
    return u32(wire::cookie_at) | std::uint64_t{u32(wire::cookie_at + 4)} << 32;
  }
  [[nodiscard]] std::uint32_t expires_ms() const noexcept { return u32(wire::expires_at); }
  /// Unread bytes; for a listener the accept queue's length.
  [[nodiscard]] std::uint32_t rqueue() const noexcept { return u32(wire::rqueue_at); }
  /// Bytes written and not yet acknowledged; for a listener the accept queue's limit.
  [[nodiscard]] std::uint32_t wqueue() const noexcept { return u32(wire::wqueue_at); }
  [[nodiscard]] std::uint32_t uid() const noexcept { return u32(wire::uid_at); }
  [[nodiscard]] std::uint32_t inode() const noexcept { return u32(wire::inode_at); }

  [[nodiscard]] socket_id id() const noexcept {
    return {src(), dst(), sport(), dport(), interface(), cookie()};
  }

  [[nodiscard]] bytes_view header() const noexcept { return bytes.first(wire::inet_diag_msg_size); }
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

/// Receives messages. The view is valid until the call returns. Must not throw and must not use the
/// socket that calls it.
using message_callback = void (*)(void* user, const message& m) noexcept;

/// Which connections not to be told about, as rules any of which excludes. The same rules run in
/// the kernel (bytecode of INET_DIAG_REQ_BYTECODE; any kernel since 2.6) and here, for messages
/// that the kernel does not filter (destroy events). An IPv4 rule also excludes the IPv4-mapped
/// form. Thread-compatible: const use from several threads, changes from one.
class TCPINFO_API filter final {
 public:
  filter() noexcept = default;
  ~filter();
  filter(filter&& other) noexcept;
  filter& operator=(filter&& other) noexcept;
  filter(const filter&) = delete;
  filter& operator=(const filter&) = delete;

  [[nodiscard]] std::error_code exclude_sport(std::uint16_t port) noexcept;
  [[nodiscard]] std::error_code exclude_src(const ip_prefix& prefix) noexcept;
  [[nodiscard]] std::error_code exclude_dst(const ip_prefix& prefix) noexcept;

  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] bool excludes(const message& m) const noexcept;
  /// The rules as a kernel program, valid until the filter changes or ends. Empty without rules.
  /// @return errc::filter_too_large where the program exceeds one attribute (65,531 bytes).
  [[nodiscard]] std::error_code program(bytes_view& out) const noexcept;

 private:
  struct impl;
  impl* impl_ = nullptr;
};

/// How a dump walks the kernel's table.
enum class dump_walk : std::uint32_t {
  both = 0,  ///< the old request (type 18): IPv4 and IPv6 in one walk
  ipv4 = 1,  ///< SOCK_DIAG_BY_FAMILY, IPv4 (its sockets only)
  ipv6 = 2,  ///< SOCK_DIAG_BY_FAMILY, IPv6 (IPv4-mapped ones among them)
};

/// What to dump.
struct dump_request {
  std::size_t size = sizeof(dump_request);  ///< for later members; leave it
  dump_walk walk = dump_walk::both;
  std::uint32_t states = 0;     ///< bit 1 << state for each state wanted
  std::uint8_t extensions = 0;  ///< bit N-1 requests attribute N; see extension()
  std::uint8_t reserved[7] = {};
  const filter* exclude = nullptr;  ///< run in the kernel; must live until the dump returns
  /// Called after each datagram of the dump, so that a long dump does not starve other sockets.
  void (*between)(void* user) noexcept = nullptr;
  void* between_user = nullptr;
};

/// The bit of `type` in dump_request::extensions. Only attributes 1 to 8 have one.
[[nodiscard]] constexpr std::uint8_t extension(attribute_type type) noexcept {
  return static_cast<std::uint8_t>(1U << (static_cast<unsigned>(type) - 1U));
}
/// Every extension there is: all attributes the kernel is willing to send.
inline constexpr std::uint8_t all_extensions = 0xff;

/// Counters of the latest dump (dump_counter) and of a listener's life. Values are frozen.
enum class dump_counter : std::uint32_t {
  messages = 0,          ///< sock_diag messages handed to the callback
  bytes = 1,             ///< bytes received, netlink headers included
  datagrams = 2,         ///< datagrams received
  truncated = 3,         ///< datagrams larger than the buffer (MSG_TRUNC)
  wrong_sequence = 4,    ///< messages of another request
  wrong_port = 5,        ///< messages for or from somebody else
  refused_messages = 6,  ///< messages too short or with a length out of bounds
  interrupted = 7,       ///< messages with NLM_F_DUMP_INTR
  done_status = 8,       ///< status in NLMSG_DONE, as int64; 0 = the kernel finished the walk
  completed = 9,         ///< 1 when NLMSG_DONE came with status 0 and no fault was counted
  duration_ns = 10,      ///< request sent to NLMSG_DONE, monotonic clock
  overflows = 11,        ///< listener: times the kernel said ENOBUFS; events were lost each time
};

/// A netlink socket for dumps and point queries, kept open between them. One thread at a time.
/// Needs no privilege; some attributes (MARK) come only with CAP_NET_ADMIN.
class TCPINFO_API diag_socket final {
 public:
  diag_socket() noexcept = default;
  ~diag_socket();
  diag_socket(diag_socket&& other) noexcept;
  diag_socket& operator=(diag_socket&& other) noexcept;
  diag_socket(const diag_socket&) = delete;
  diag_socket& operator=(const diag_socket&) = delete;

  /// Opens (again) in the caller's network namespace.
  /// @return the errno of socket(2) or bind(2); EPROTONOSUPPORT: no sock_diag in this kernel.
  [[nodiscard]] std::error_code open() noexcept;

  /// Walks the kernel's sockets and hands each message to `fn`.
  /// @return success only when the kernel said it finished (NLMSG_DONE, status 0) and nothing was
  /// truncated or refused; otherwise the first fault, the messages up to and after it having been
  /// delivered. ENOENT: the kernel has no tcp_diag. After a fault the socket is reopened, so that
  /// no late answer of the failed dump can reach the next one.
  [[nodiscard]] std::error_code dump(const dump_request& request, message_callback fn,
                                     void* user) noexcept;

  /// Asks for one socket by its addresses, ports and cookie: no walk, about 6 microseconds.
  /// @return ENOENT (ESTALE on a cookie mismatch) where it does not exist any more.
  [[nodiscard]] std::error_code query(const socket_id& id, std::uint8_t extensions,
                                      message_callback fn, void* user) noexcept;

  /// A counter of the latest dump.
  [[nodiscard]] std::int64_t counter(dump_counter which) const noexcept;

  /// Adapts any callable `void(const message&)`; it must not throw.
  template <class F>
  requires std::is_invocable_v<F&, const message&>
  [[nodiscard]] std::error_code dump(const dump_request& request, F&& fn) noexcept {
    using callable = std::remove_reference_t<F>;
    return dump(
        request, [](void* user, const message& m) noexcept { (*static_cast<callable*>(user))(m); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }
  template <class F>
  requires std::is_invocable_v<F&, const message&>
  [[nodiscard]] std::error_code query(const socket_id& id, std::uint8_t extensions,
                                      F&& fn) noexcept {
    using callable = std::remove_reference_t<F>;
    return query(
        id, extensions,
        [](void* user, const message& m) noexcept { (*static_cast<callable*>(user))(m); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }

 private:
  struct impl;
  impl* impl_ = nullptr;
};

/// Hears of every full TCP socket that ends, IPv4 and IPv6 (groups SKNLGRP_INET_TCP_DESTROY and
/// SKNLGRP_INET6_TCP_DESTROY, Linux 4.2): a message in state CLOSE with the final tcp_info, also
/// for sockets too short-lived for any dump. Listeners and never-connected sockets are among them.
/// Needs no privilege. One thread at a time.
class TCPINFO_API destroy_listener final {
 public:
  destroy_listener() noexcept = default;
  ~destroy_listener();
  destroy_listener(destroy_listener&& other) noexcept;
  destroy_listener& operator=(destroy_listener&& other) noexcept;
  destroy_listener(const destroy_listener&) = delete;
  destroy_listener& operator=(const destroy_listener&) = delete;

  /// Opens and joins both groups. `receive_buffer` bytes are asked of the kernel for the queue,
  /// past the system's limit where CAP_NET_ADMIN allows it, else as much as it gives; 0 = its
  /// default.
  [[nodiscard]] std::error_code open(std::size_t receive_buffer) noexcept;

  /// Hands over what is queued, without waiting.
  /// @return success when the queue is empty. An overflow (ENOBUFS) is counted, not returned: the
  /// socket stays usable, and counter(overflows) having moved says that events were lost.
  [[nodiscard]] std::error_code receive(message_callback fn, void* user) noexcept;

  /// Becomes readable when an event is queued; for poll(2). Owned by the listener, -1 when closed.
  [[nodiscard]] int descriptor() const noexcept;

  /// Bytes of queue the kernel granted (SO_RCVBUF).
  [[nodiscard]] std::size_t receive_buffer() const noexcept;

  /// A counter over the listener's life: messages, bytes, datagrams, truncated, wrong_port,
  /// refused_messages, overflows.
  [[nodiscard]] std::int64_t counter(dump_counter which) const noexcept;

  template <class F>
  requires std::is_invocable_v<F&, const message&>
  [[nodiscard]] std::error_code receive(F&& fn) noexcept {
    using callable = std::remove_reference_t<F>;
    return receive(
        [](void* user, const message& m) noexcept { (*static_cast<callable*>(user))(m); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }

 private:
  struct impl;
  impl* impl_ = nullptr;
};

}  // namespace tcpinfo::inline v0

#endif
