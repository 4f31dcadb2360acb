// SPDX-License-Identifier: Apache-2.0
//
// The rules of a filter that include, or those that exclude, put together by kind.
#ifndef TCPINFO_INETDIAG_RULE_SET_H
#define TCPINFO_INETDIAG_RULE_SET_H

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <tcpinfo/filter.h>

#include "inetdiag/prefix_set.h"

namespace tcpinfo::inline v0 {

/// What is wrong with a rule, as filter::include() says it.
[[nodiscard]] std::error_code check_rule(const filter_rule& rule) noexcept;

/// Whether a message always tells enough to judge rules of that kind. The others only the kernel
/// can judge.
[[nodiscard]] bool can_be_judged_here(rule_kind kind) noexcept;

class rule_set {
 public:
  static constexpr std::array<rule_kind, 9> kinds = {
      rule_kind::local_ports,   rule_kind::remote_ports, rule_kind::local_prefix,
      rule_kind::remote_prefix, rule_kind::interface,    rule_kind::mark,
      rule_kind::cgroup,        rule_kind::states,       rule_kind::automatic_port};

  /// One that check_rule() accepts. May throw std::bad_alloc; nothing changed then.
  void add(const filter_rule& rule);
  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] bool has(rule_kind kind) const noexcept;

  /// Puts prefixes in order, before holds() and rules().
  void fold();

  /// Whether a rule of that kind holds, as far as `m`, of 72 bytes or more, tells.
  [[nodiscard]] bool holds(rule_kind kind, const message& m) const noexcept;

  /// The rules of a kind, as few as say the same; but `most` of them, and one more where there are
  /// more, so that the caller sees it. May throw std::bad_alloc.
  [[nodiscard]] std::vector<filter_rule> rules(rule_kind kind, std::size_t most) const;

  /// Bits of the states, 0: no rule about them.
  [[nodiscard]] std::uint32_t states() const noexcept { return states_; }

 private:
  using port_set = std::bitset<65536>;

  [[nodiscard]] const prefix_set& prefixes(rule_kind kind) const noexcept {
    return prefixes_[kind == rule_kind::local_prefix ? 0 : 1];
  }
  [[nodiscard]] const std::unique_ptr<port_set>& ports(rule_kind kind) const noexcept {
    return ports_[kind == rule_kind::local_ports ? 0 : 1];
  }

  std::array<std::unique_ptr<port_set>, 2> ports_;  // local, remote; null: none
  std::array<prefix_set, 2> prefixes_;              // local, remote
  std::vector<std::uint32_t> interfaces_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> marks_;  // value, mask
  std::vector<std::uint64_t> cgroups_;
  std::uint32_t states_ = 0;
  bool automatic_port_ = false;
};

}  // namespace tcpinfo::inline v0

#endif
