// SPDX-License-Identifier: Apache-2.0
//
/// @file
/// Which sockets to be told about: rules that run in the kernel, as far as it has room for them,
/// and here on messages that it does not filter.
#ifndef TCPINFO_FILTER_H
#define TCPINFO_FILTER_H

#include <cstddef>
#include <cstdint>
#include <system_error>

#include <tcpinfo/address.h>
#include <tcpinfo/bytes.h>
#include <tcpinfo/error.h>
#include <tcpinfo/export.h>
#include <tcpinfo/message.h>
#include <tcpinfo/tcp_state.h>

namespace tcpinfo::inline v0 {

/// Every state of a socket, for dump_request::states, those that are only bound among them (they
/// come as CLOSE, without INFO); see tcp_state for single ones.
inline constexpr std::uint32_t all_states = 0x1fffU << 1U;

/// What a rule looks at. Values are frozen.
enum class rule_kind : std::uint32_t {
  local_ports = 0,     ///< filter_rule::first to `last`
  remote_ports = 1,    ///< the same of the other end
  local_prefix = 2,    ///< filter_rule::prefix
  remote_prefix = 3,   ///< the same of the other end
  interface = 4,       ///< `number` is the ifindex the socket is bound to, 0 = to none
  mark = 5,            ///< SO_MARK under `mask` is `number`
  cgroup = 6,          ///< filter_rule::cgroup is the id of its control group
  states = 7,          ///< `number` has a bit for each state, as dump_request::states
  automatic_port = 8,  ///< the kernel chose the local port: nobody bound the socket to it
};

/// One rule of a filter. Plain data; make it by one of the functions. All of them: any thread.
struct filter_rule {
  std::size_t size = sizeof(filter_rule);   ///< for later members; leave it
  rule_kind kind = rule_kind::local_ports;  ///< says which of the others count
  std::uint16_t first = 0;                  ///< lowest port, in host order
  std::uint16_t last = 0;                   ///< highest port, in host order
  std::uint32_t number = 0;                 ///< see rule_kind
  std::uint32_t mask = 0;                   ///< of a mark: the bits that count
  std::uint64_t cgroup = 0;                 ///< id of a control group (v2), not 0
  ip_prefix prefix = {};                    ///< bits behind its length do not count
  std::uint8_t reserved[6] = {};            ///< leave it

  /// Local ports from `first` to `last`, both included, in host order.
  [[nodiscard]] static constexpr filter_rule local_ports(std::uint16_t first,
                                                         std::uint16_t last) noexcept {
    return ports(rule_kind::local_ports, first, last);
  }
  /// One local port.
  [[nodiscard]] static constexpr filter_rule local_port(std::uint16_t port) noexcept {
    return ports(rule_kind::local_ports, port, port);
  }
  /// Remote ports from `first` to `last`, both included, in host order.
  [[nodiscard]] static constexpr filter_rule remote_ports(std::uint16_t first,
                                                          std::uint16_t last) noexcept {
    return ports(rule_kind::remote_ports, first, last);
  }
  /// One remote port.
  [[nodiscard]] static constexpr filter_rule remote_port(std::uint16_t port) noexcept {
    return ports(rule_kind::remote_ports, port, port);
  }
  /// Local addresses. An IPv4 prefix also means the IPv4-mapped form of its addresses; an
  /// IPv4-mapped prefix of 96 bits or more is taken as the IPv4 one.
  [[nodiscard]] static constexpr filter_rule local_prefix(const ip_prefix& prefix) noexcept {
    filter_rule rule;
    rule.kind = rule_kind::local_prefix;
    rule.prefix = prefix;
    return rule;
  }
  /// Remote addresses; all else as local_prefix().
  [[nodiscard]] static constexpr filter_rule remote_prefix(const ip_prefix& prefix) noexcept {
    filter_rule rule = local_prefix(prefix);
    rule.kind = rule_kind::remote_prefix;
    return rule;
  }
  /// Sockets bound to that interface (SO_BINDTODEVICE); 0: to none.
  [[nodiscard]] static constexpr filter_rule bound_to(std::uint32_t ifindex) noexcept {
    return numbered(rule_kind::interface, ifindex);
  }
  /// Sockets whose SO_MARK has `value` in the bits of `mask`. Dumps need CAP_NET_ADMIN then.
  [[nodiscard]] static constexpr filter_rule marked(std::uint32_t value,
                                                    std::uint32_t mask = ~0U) noexcept {
    filter_rule rule = numbered(rule_kind::mark, value);
    rule.mask = mask;
    return rule;
  }
  /// Sockets of a control group (v2), by its id: the inode of its directory. Not those of groups
  /// below it. Linux 5.9.
  [[nodiscard]] static constexpr filter_rule of_cgroup(std::uint64_t id) noexcept {
    filter_rule rule;
    rule.kind = rule_kind::cgroup;
    rule.cgroup = id;
    return rule;
  }
  /// Sockets in one of these states, bits of state_bit().
  [[nodiscard]] static constexpr filter_rule in_states(std::uint32_t states) noexcept {
    return numbered(rule_kind::states, states);
  }
  /// Sockets whose local port the kernel chose.
  [[nodiscard]] static constexpr filter_rule with_automatic_port() noexcept {
    return numbered(rule_kind::automatic_port, 0);
  }

 private:
  static constexpr filter_rule ports(rule_kind kind, std::uint16_t first,
                                     std::uint16_t last) noexcept {
    filter_rule rule;
    rule.kind = kind;
    rule.first = first;
    rule.last = last;
    return rule;
  }
  static constexpr filter_rule numbered(rule_kind kind, std::uint32_t number) noexcept {
    filter_rule rule;
    rule.kind = kind;
    rule.number = number;
    return rule;
  }
};

/// Which sockets to be told about. Of the rules that include, one of each kind that has any must
/// hold: two local ports and a remote prefix mean one of these ports and that prefix. A socket for
/// which a rule that excludes holds is left out in any case. Without rules all pass.
///
/// A dump gives the rules to the kernel (bytecode of INET_DIAG_REQ_BYTECODE), which then does not
/// even copy what does not pass. The kernel tries one rule after the other on each socket, so it
/// gets 32 of each kind that include, and 32 that exclude: those about ports, then those of the
/// largest networks. diag_socket::dump() decides about the rest, in a time that hardly grows with
/// their number. Marks, control groups and automatic ports only the kernel can judge: it gets up to
/// 512 rules about these, and more are refused. Rules that another covers cost nothing, halves of a
/// network are joined, and ports that follow one another are one rule.
///
/// Thread-compatible: const use from several threads, changes from one.
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

  /// Adds a rule that includes.
  /// @return errc::invalid_argument for a kind that has no name in rule_kind, ports of which the
  /// first is above the last, an address of no family, a length out of range, a mark with bits
  /// outside its mask (it would never hold), a control group of 0, states that are none or unknown;
  /// errc::out_of_memory. The rules are unchanged then.
  [[nodiscard]] std::error_code include(const filter_rule& rule) noexcept;
  /// Adds a rule that excludes; all else as include().
  [[nodiscard]] std::error_code exclude(const filter_rule& rule) noexcept;

  /// Whether there are no rules.
  [[nodiscard]] bool empty() const noexcept;
  /// Whether a rule excludes `m`, as far as `m` tells: a rule about a mark, a control group or an
  /// automatic port of which it has nothing does not hold. False for one of less than 72 bytes: no
  /// rule speaks of it, and the next step refuses it.
  [[nodiscard]] bool excludes(const message& m) const noexcept;
  /// Whether of each kind that has rules which include, one holds, as far as `m` tells: of what it
  /// has nothing, none holds. MARK comes with CAP_NET_ADMIN, CGROUP_ID not with destroy events, and
  /// no message tells of automatic ports. True for one of less than 72 bytes.
  [[nodiscard]] bool includes(const message& m) const noexcept;
  /// Both.
  [[nodiscard]] bool passes(const message& m) const noexcept { return includes(m) && !excludes(m); }

  /// The rules as a kernel program, without those about states, which the request has (as
  /// dump_request::states); valid until the filter changes or ends. Empty without rules.
  /// @return errc::filter_too_large: more than 512 rules that only the kernel can judge;
  /// errc::out_of_memory.
  [[nodiscard]] std::error_code program(bytes_view& out) const& noexcept;
  /// Of a filter that would be gone when `out` is used.
  std::error_code program(bytes_view& out) const&& = delete;
  /// Whether the latest program() has all rules but those about states. If not, what it lets
  /// through is to be asked about with passes().
  [[nodiscard]] bool program_is_whole() const noexcept;

 private:
  friend struct filter_access;
  struct impl;
  impl* impl_ = nullptr;
};

}  // namespace tcpinfo::inline v0

#endif
