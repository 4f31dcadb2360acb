// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// inet_diag over netlink: what a message of the kernel is, how to ask for messages, and how to
/// hear of sockets that end. Wire layouts are those of <linux/inet_diag.h> and <linux/netlink.h>;
/// multi-byte values are in host order except ports and addresses, which the kernel sends in
/// network order.
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

/// Address families as inet_diag numbers them (AF_INET, AF_INET6). `unspecified` is none.
enum class address_family : std::uint8_t { unspecified = 0, ipv4 = 2, ipv6 = 10 };

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

/// An IP address: 4 bytes used for IPv4, 16 for IPv6, in network order, the rest zero.
struct ip_address {
  std::array<std::uint8_t, 16> bytes{};                 ///< 4 or 16 count, from the first
  address_family family = address_family::unspecified;  ///< says how many

  /// Whether it is an IPv4-mapped one: 80 zero bits, 16 ones and the IPv4 address.
  [[nodiscard]] bool is_v4_mapped() const noexcept {
    static constexpr std::uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return family == address_family::ipv6 && std::memcmp(bytes.data(), prefix, 12) == 0;
  }
  /// Whether it is `0.0.0.0` or `::`, or none at all.
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
  /// Same family and same bytes: an IPv4 address is not its IPv4-mapped form, see unmapped().
  friend bool operator==(const ip_address&, const ip_address&) = default;
};

/// An address and how many of its leading bits count.
struct ip_prefix {
  ip_address address;       ///< bits after the prefix do not count in contains()
  std::uint8_t length = 0;  ///< bits, 0..32 or 0..128; more count as 32 or 128 in contains()

  /// Whether `a` is inside. An IPv4 prefix also contains the IPv4-mapped form of its addresses.
  [[nodiscard]] bool contains(const ip_address& a) const noexcept {
    const ip_address probe = address.family == address_family::ipv4 ? a.unmapped() : a;
    if (probe.family != address.family) return false;
    // A length beyond the address's end is that of the address.
    const unsigned most = address.family == address_family::ipv4 ? 32U : 128U;
    const unsigned bits = length < most ? length : most;
    const std::size_t whole = bits / 8U;
    if (std::memcmp(probe.bytes.data(), address.bytes.data(), whole) != 0) return false;
    const unsigned rest = bits % 8U;
    if (rest == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xff00U >> rest);
    return ((probe.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
  }
  /// Same length and same address, all of its bits.
  friend bool operator==(const ip_prefix&, const ip_prefix&) = default;
};

/// Reads "192.0.2.1" or "2001:db8::1". Any thread.
/// @return errc::invalid_argument for anything else.
[[nodiscard]] TCPINFO_API std::error_code parse_ip_address(std::string_view text,
                                                           ip_address& out) noexcept;
/// Reads an address, optionally followed by "/bits". Host bits beyond the prefix are refused. Any
/// thread.
/// @return errc::invalid_argument; `out` is unchanged then.
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

/// As socket_id::cookie in a query: whatever it is (INET_DIAG_NOCOOKIE).
inline constexpr std::uint64_t any_cookie = ~std::uint64_t{0};

/// What a TCP socket of this process is known by: its ends, the interface it is bound to and its
/// cookie (getsockname(2), getpeername(2), SO_BINDTOIFINDEX, SO_COOKIE). Works in the network
/// namespace that the socket is of, whichever the caller is in; a query must be made there.
/// @return the errno of these calls: ENOTCONN where there is no remote end, EBADF, ENOTSOCK;
/// errc::invalid_argument for a socket that is neither IPv4 nor IPv6. Any thread.
[[nodiscard]] TCPINFO_API std::error_code socket_id_of(int fd, socket_id& out) noexcept;

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
  std::uint16_t type = 0;  ///< attribute_type, or one that has no name there
  bytes_view payload;      ///< without header and padding; valid as long as the message's bytes

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
    explicit iterator(bytes_view rest) noexcept : rest_(rest) { step(); }

    /// The attribute it is at; part of the iterator, valid until that moves or ends. Not at the
    /// end.
    const attribute& operator*() const noexcept { return current_; }
    /// The same.
    const attribute* operator->() const noexcept { return &current_; }
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
  explicit attribute_range(bytes_view bytes) noexcept : bytes_(bytes) {}

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
  bytes_view bytes;  ///< header and attributes, somebody else's

  /// Makes a message of bytes that may be anything.
  /// @return errc::message_too_short below 72 bytes; `out` is unchanged then.
  [[nodiscard]] static std::error_code from(bytes_view bytes, message& out) noexcept {
    if (bytes.size() < wire::inet_diag_msg_size) return errc::message_too_short;
    out.bytes = bytes;
    return {};
  }

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
  /// TCP state number; tcp.h names it. A time-wait mini socket tells its substate.
  [[nodiscard]] std::uint8_t state() const noexcept { return u8(wire::state_at); }
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

/// Receives messages. The view is valid until the call returns. Must not throw and must not use the
/// socket that calls it.
using message_callback = void (*)(void* user, const message& m) noexcept;

/// Which connections not to be told about, as rules any of which excludes. The same rules run in
/// the kernel (bytecode of INET_DIAG_REQ_BYTECODE; any kernel since 2.6) and here, for messages
/// that the kernel does not filter (destroy events). An IPv4 rule also excludes the IPv4-mapped
/// form. Rules that another covers cost nothing, halves of a network are joined, and ports that
/// follow one another are one rule. The kernel gets 32 rules, those about ports and then those of
/// the largest networks, for it tries one after the other on each socket; diag_socket::dump()
/// decides about the rest, in a time that hardly grows with their number. Thread-compatible: const
/// use from several threads, changes from one.
class TCPINFO_API filter final {
 public:
  filter() noexcept = default;
  ~filter();
  /// `other` is default-constructed afterwards: it has no rules.
  filter(filter&& other) noexcept;
  /// `other` has what this had.
  filter& operator=(filter&& other) noexcept;
  filter(const filter&) = delete;
  filter& operator=(const filter&) = delete;

  /// Excludes connections by their local port, in host order.
  /// @return errc::out_of_memory; the rules are unchanged then.
  [[nodiscard]] std::error_code exclude_sport(std::uint16_t port) noexcept;
  /// Excludes connections by their local address. An IPv4-mapped prefix of 96 bits or more is taken
  /// as the IPv4 one.
  /// @return errc::invalid_argument for an address of no family or a length out of range;
  /// errc::out_of_memory. The rules are unchanged then.
  [[nodiscard]] std::error_code exclude_src(const ip_prefix& prefix) noexcept;
  /// Excludes connections by their remote address; all else as exclude_src().
  [[nodiscard]] std::error_code exclude_dst(const ip_prefix& prefix) noexcept;

  /// Whether there are no rules.
  [[nodiscard]] bool empty() const noexcept;
  /// Whether a rule excludes `m`. False for one of less than 72 bytes: no rule speaks of it, and
  /// the next step refuses it.
  [[nodiscard]] bool excludes(const message& m) const noexcept;
  /// The rules as a kernel program, 32 of them at most; valid until the filter changes or ends.
  /// Empty without rules.
  /// @return errc::out_of_memory.
  [[nodiscard]] std::error_code program(bytes_view& out) const noexcept;
  /// Whether the latest program() has all rules. If not, what it lets through is to be asked about
  /// with excludes().
  [[nodiscard]] bool program_is_whole() const noexcept;

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
  dump_walk walk = dump_walk::both;         ///< which sockets, and by which request
  /// Bit 1 << state for each state wanted (state_bit() in tcp.h); 0 = none, and so no socket.
  std::uint32_t states = 0;
  std::uint8_t extensions = 0;    ///< bit N-1 requests attribute N; see extension(); 0 = none
  std::uint8_t reserved[7] = {};  ///< leave it
  /// Which sockets not to deliver; run in the kernel, as far as it has room. Must live until the
  /// dump returns.
  const filter* exclude = nullptr;
  /// Called after each datagram of the dump, so that a long dump does not starve other sockets.
  void (*between)(void* user) noexcept = nullptr;
  void* between_user = nullptr;  ///< handed to `between`
};

/// Every state of a socket, for dump_request::states, those that are only bound among them (they
/// come as CLOSE, without INFO); see tcp_state in tcp.h for single ones.
inline constexpr std::uint32_t all_states = 0x1fffU << 1U;

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

/// The answer to one of many queries. Valid during the call that hands it over.
struct query_answer {
  std::size_t index = 0;  ///< of what was asked for
  std::error_code error;  ///< as diag_socket::query() returns it
  message answer;         ///< empty where there is an error
};

/// Receives answers. Must not throw and must not use the socket that calls it.
using answer_callback = void (*)(void* user, const query_answer& answer) noexcept;

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
  std::size_t size = sizeof(answer_area);  ///< for later members; leave it
  int filter = -1;                         ///< a loaded BPF_PROG_TYPE_SOCKET_FILTER; not owned
  std::uint32_t capacity = 0;              ///< of `bytes`
  const std::byte* bytes = nullptr;        ///< must stay as long as the diag_socket
  std::uint32_t* used = nullptr;           ///< must stay as long as the diag_socket
};

/// A netlink socket for dumps and point queries, kept open between them. One thread at a time.
/// Needs no privilege; some attributes (MARK) come only with CAP_NET_ADMIN. Hears the kernel only:
/// it is connected to it, so what other processes send is refused.
class TCPINFO_API diag_socket final {
 public:
  diag_socket() noexcept = default;
  ~diag_socket();
  /// `other` is default-constructed afterwards: it is closed.
  diag_socket(diag_socket&& other) noexcept;
  /// `other` has what this had.
  diag_socket& operator=(diag_socket&& other) noexcept;
  diag_socket(const diag_socket&) = delete;
  diag_socket& operator=(const diag_socket&) = delete;

  /// Opens (again) in the caller's network namespace.
  /// @return the errno of socket(2), bind(2), connect(2) or setsockopt(2); EPROTONOSUPPORT: no
  /// sock_diag in this kernel; errc::out_of_memory.
  [[nodiscard]] std::error_code open() noexcept;

  /// Walks the kernel's sockets and hands each message to `fn`. The walk is no snapshot: a socket
  /// may come twice, or be passed over, where others open and close meanwhile. Cookies tell sockets
  /// apart.
  /// @return success only when the kernel said it finished (NLMSG_DONE, status 0) and nothing was
  /// truncated or refused; otherwise the first fault, the messages up to and after it having been
  /// delivered. ENOENT: the kernel has no tcp_diag. ETIMEDOUT: it did not answer within 10 s. After
  /// a fault the socket is reopened, so that no late answer of the failed dump can reach the next
  /// one.
  [[nodiscard]] std::error_code dump(const dump_request& request, message_callback fn,
                                     void* user) noexcept;

  /// Asks for one socket by its addresses, ports and cookie: no walk, about 6 microseconds. A
  /// cookie of any_cookie is any; the kernel then answers with a listener of that port where there
  /// is no such connection. Both ends of `id` have one family. See socket_id_of() for a socket of
  /// one's own.
  /// @return ENOENT (or ESTALE, on a cookie mismatch) where it does not exist any more, so also for
  /// the default cookie of 0; errc::invalid_argument where `id.src` has no family; ETIMEDOUT, after
  /// 10 s, and the faults of dump().
  [[nodiscard]] std::error_code query(const socket_id& id, std::uint8_t extensions,
                                      message_callback fn, void* user) noexcept;

  /// The same for many sockets, in few system calls: about 4 microseconds each. Calls `fn` once for
  /// each, in no order.
  /// @return errc::not_open, errc::invalid_argument (`fn` is null), errc::out_of_memory, or why
  /// nothing could be sent: then `fn` was not called for some. What the kernel says of single
  /// sockets is told to `fn`.
  [[nodiscard]] std::error_code query_all(std::span<const socket_id> ids, std::uint8_t extensions,
                                          answer_callback fn, void* user) noexcept;

  /// Lets a socket filter keep the answers to query_all(), from now on and when the socket is
  /// opened again: a fifth less processor time. Descriptor and memory are the caller's, and must
  /// stay as long as this, or what it is moved to. Another call puts another area in its place.
  /// @return errc::not_open, errc::invalid_argument (something is missing), or the errno of
  /// setsockopt(2) (SO_ATTACH_BPF); the socket works as before then.
  [[nodiscard]] std::error_code keep_answers(const answer_area& area) noexcept;

  /// A counter of the latest dump and the queries since.
  [[nodiscard]] std::int64_t counter(dump_counter which) const noexcept;

  /// Adapts a function object, such as a lambda, `void(const message&)`; it must not throw.
  template <class F>
  requires std::is_invocable_v<F&, const message&>
  [[nodiscard]] std::error_code dump(const dump_request& request, F&& fn) noexcept {
    using callable = std::remove_reference_t<F>;
    return dump(
        request, [](void* user, const message& m) noexcept { (*static_cast<callable*>(user))(m); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }
  /// The same for query_all(), `void(const query_answer&)`.
  template <class F>
  requires std::is_invocable_v<F&, const query_answer&>
  [[nodiscard]] std::error_code query_all(std::span<const socket_id> ids, std::uint8_t extensions,
                                          F&& fn) noexcept {
    using callable = std::remove_reference_t<F>;
    return query_all(
        ids, extensions,
        [](void* user, const query_answer& a) noexcept { (*static_cast<callable*>(user))(a); },
        const_cast<void*>(static_cast<const void*>(&fn)));
  }
  /// The same for query().
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
/// for sockets too short-lived for any dump. Of attributes it has PROTOCOL and INFO only. Listeners
/// and never-connected sockets are among them; a socket that its own program aborts (SO_LINGER 0)
/// comes with remote port 0 and cleared totals. Needs no privilege. One thread at a time.
class TCPINFO_API destroy_listener final {
 public:
  destroy_listener() noexcept = default;
  ~destroy_listener();
  /// `other` is default-constructed afterwards: it is closed.
  destroy_listener(destroy_listener&& other) noexcept;
  /// `other` has what this had.
  destroy_listener& operator=(destroy_listener&& other) noexcept;
  destroy_listener(const destroy_listener&) = delete;
  destroy_listener& operator=(const destroy_listener&) = delete;

  /// Opens and joins both groups. `receive_buffer` bytes are asked of the kernel for the queue,
  /// past the system's limit where CAP_NET_ADMIN allows it, else as much as it gives; 0 = its
  /// default.
  /// @return the errno of socket(2), bind(2) or setsockopt(2); errc::out_of_memory.
  [[nodiscard]] std::error_code open(std::size_t receive_buffer) noexcept;

  /// Hands over what is queued, without waiting.
  /// @return success when the queue is empty. An overflow (ENOBUFS) is counted, not returned: the
  /// socket stays usable, and counter(overflows) having moved says that events were lost.
  /// errc::not_open before open(); the errno of recvmmsg(2).
  [[nodiscard]] std::error_code receive(message_callback fn, void* user) noexcept;

  /// Becomes readable when an event is queued; for poll(2). Owned by the listener, -1 when closed.
  [[nodiscard]] int descriptor() const noexcept;

  /// Bytes of queue the kernel granted (SO_RCVBUF).
  [[nodiscard]] std::size_t receive_buffer() const noexcept;

  /// A counter over the listener's life: messages, bytes, datagrams, truncated, wrong_port,
  /// refused_messages, overflows.
  [[nodiscard]] std::int64_t counter(dump_counter which) const noexcept;

  /// Adapts a function object, as diag_socket::dump() does; it must not throw.
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
