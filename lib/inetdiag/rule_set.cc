// SPDX-License-Identifier: Apache-2.0
#include "inetdiag/rule_set.h"

#include <algorithm>

namespace tcpinfo::inline v0 {
namespace {

std::error_code check_prefix(const ip_prefix& prefix) noexcept {
  switch (prefix.address.family) {
    case address_family::ipv4:
      return prefix.length <= 32 ? errc::ok : errc::invalid_argument;
    case address_family::ipv6:
      return prefix.length <= 128 ? errc::ok : errc::invalid_argument;
    case address_family::unspecified:
      break;
  }
  return errc::invalid_argument;
}

// An IPv4-mapped prefix names IPv4 traffic: as an IPv4 rule it catches both kinds of socket.
ip_prefix as_ipv4_where_mapped(const ip_prefix& prefix) noexcept {
  if (prefix.length < 96 || !prefix.address.is_v4_mapped()) return prefix;
  return {prefix.address.unmapped(), static_cast<std::uint8_t>(prefix.length - 96)};
}

template <class T>
void add_once(std::vector<T>& to, const T& value) {
  if (std::find(to.begin(), to.end(), value) == to.end()) to.push_back(value);
}

// A number of an attribute, where it is there and long enough.
template <class T>
std::optional<T> number_of(const message& m, attribute_type type) noexcept {
  const auto payload = m.find(type);
  if (!payload || payload->size() < sizeof(T)) return std::nullopt;
  return wire::load<T>(payload->data());
}

// Messages tell of two states by the name of another; of CLOSE it cannot be told which it is.
bool is_in(tcp_state state, std::uint32_t states) noexcept {
  const auto number = static_cast<unsigned>(state);
  if (number < 32 && (states >> number & 1U) != 0) return true;
  if (state == tcp_state::syn_recv) return (states & state_bit(tcp_state::new_syn_recv)) != 0;
  return state == tcp_state::close && (states & state_bit(tcp_state::bound_inactive)) != 0;
}

}  // namespace

std::error_code check_rule(const filter_rule& rule) noexcept {
  for (const std::uint8_t byte : rule.reserved)
    if (byte != 0) return errc::invalid_argument;
  switch (rule.kind) {
    case rule_kind::local_ports:
    case rule_kind::remote_ports:
      return rule.first <= rule.last ? errc::ok : errc::invalid_argument;
    case rule_kind::local_prefix:
    case rule_kind::remote_prefix:
      return check_prefix(rule.prefix);
    case rule_kind::mark:
      return (rule.number & ~rule.mask) == 0 ? errc::ok : errc::invalid_argument;
    case rule_kind::cgroup:
      return rule.cgroup != 0 ? errc::ok : errc::invalid_argument;
    case rule_kind::states:
      return rule.number != 0 && (rule.number & ~all_states) == 0 ? errc::ok
                                                                  : errc::invalid_argument;
    case rule_kind::interface:
    case rule_kind::automatic_port:
      return errc::ok;
  }
  return errc::invalid_argument;
}

bool can_be_judged_here(rule_kind kind) noexcept {
  return kind != rule_kind::mark && kind != rule_kind::cgroup && kind != rule_kind::automatic_port;
}

void rule_set::add(const filter_rule& rule) {
  switch (rule.kind) {
    case rule_kind::local_ports:
    case rule_kind::remote_ports: {
      auto& set = ports_[rule.kind == rule_kind::local_ports ? 0 : 1];
      if (set == nullptr) set = std::make_unique<port_set>();
      for (std::size_t port = rule.first; port <= rule.last; ++port) set->set(port);
      break;
    }
    case rule_kind::local_prefix:
    case rule_kind::remote_prefix:
      prefixes_[rule.kind == rule_kind::local_prefix ? 0 : 1].add(
          as_ipv4_where_mapped(rule.prefix));
      break;
    case rule_kind::interface:
      add_once(interfaces_, rule.number);
      break;
    case rule_kind::mark:
      add_once(marks_, {rule.number, rule.mask});
      break;
    case rule_kind::cgroup:
      add_once(cgroups_, rule.cgroup);
      break;
    case rule_kind::states:
      states_ |= rule.number;
      break;
    case rule_kind::automatic_port:
      automatic_port_ = true;
      break;
  }
}

bool rule_set::has(rule_kind kind) const noexcept {
  switch (kind) {
    case rule_kind::local_ports:
    case rule_kind::remote_ports:
      return ports(kind) != nullptr;
    case rule_kind::local_prefix:
    case rule_kind::remote_prefix:
      return !prefixes(kind).empty();
    case rule_kind::interface:
      return !interfaces_.empty();
    case rule_kind::mark:
      return !marks_.empty();
    case rule_kind::cgroup:
      return !cgroups_.empty();
    case rule_kind::states:
      return states_ != 0;
    case rule_kind::automatic_port:
      return automatic_port_;
  }
  return false;
}

bool rule_set::empty() const noexcept {
  return std::none_of(kinds.begin(), kinds.end(), [this](rule_kind kind) { return has(kind); });
}

void rule_set::fold() {
  for (prefix_set& set : prefixes_) set.fold();
}

bool rule_set::holds(rule_kind kind, const message& m) const noexcept {
  switch (kind) {
    case rule_kind::local_ports:
      return ports(kind) != nullptr && ports(kind)->test(m.sport());
    case rule_kind::remote_ports:
      return ports(kind) != nullptr && ports(kind)->test(m.dport());
    case rule_kind::local_prefix:
      return prefixes(kind).contains(m.src());
    case rule_kind::remote_prefix:
      return prefixes(kind).contains(m.dst());
    case rule_kind::interface:
      return std::find(interfaces_.begin(), interfaces_.end(), m.interface()) != interfaces_.end();
    case rule_kind::mark: {
      if (marks_.empty()) return false;
      const auto mark = number_of<std::uint32_t>(m, attribute_type::mark);
      return mark && std::any_of(marks_.begin(), marks_.end(), [&](const auto& one) {
               return (*mark & one.second) == one.first;
             });
    }
    case rule_kind::cgroup: {
      if (cgroups_.empty()) return false;
      const auto id = number_of<std::uint64_t>(m, attribute_type::cgroup_id);
      return id && std::find(cgroups_.begin(), cgroups_.end(), *id) != cgroups_.end();
    }
    case rule_kind::states:
      return states_ != 0 && is_in(m.state(), states_);
    case rule_kind::automatic_port:
      return false;
  }
  return false;
}

std::vector<filter_rule> rule_set::rules(rule_kind kind, std::size_t most) const {
  std::vector<filter_rule> out;
  switch (kind) {
    case rule_kind::local_ports:
    case rule_kind::remote_ports: {
      if (ports(kind) == nullptr) break;
      const port_set& set = *ports(kind);
      filter_rule rule;
      rule.kind = kind;
      for (std::size_t port = 0; port < set.size() && out.size() <= most; ++port) {
        if (!set.test(port)) continue;
        rule.first = static_cast<std::uint16_t>(port);
        while (port + 1 < set.size() && set.test(port + 1)) ++port;
        rule.last = static_cast<std::uint16_t>(port);
        out.push_back(rule);
      }
      break;
    }
    case rule_kind::local_prefix:
    case rule_kind::remote_prefix: {
      filter_rule rule;
      rule.kind = kind;
      for (const auto& list : {prefixes(kind).v4(), prefixes(kind).v6()})
        for (const ip_prefix& prefix : list) {
          rule.prefix = prefix;
          out.push_back(rule);
        }
      // Where not all have room, those of large networks say the most.
      std::stable_sort(out.begin(), out.end(), [](const filter_rule& a, const filter_rule& b) {
        return a.prefix.length < b.prefix.length;
      });
      break;
    }
    case rule_kind::interface:
      for (const std::uint32_t one : interfaces_) out.push_back(filter_rule::bound_to(one));
      break;
    case rule_kind::mark:
      for (const auto& [value, mask] : marks_) out.push_back(filter_rule::marked(value, mask));
      break;
    case rule_kind::cgroup:
      for (const std::uint64_t one : cgroups_) out.push_back(filter_rule::of_cgroup(one));
      break;
    case rule_kind::automatic_port:
      if (automatic_port_) out.push_back(filter_rule::with_automatic_port());
      break;
    case rule_kind::states:
      break;
  }
  if (out.size() > most + 1) out.resize(most + 1);
  return out;
}

}  // namespace tcpinfo::inline v0
