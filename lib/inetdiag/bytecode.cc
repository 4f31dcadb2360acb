// SPDX-License-Identifier: Apache-2.0
#include "inetdiag/bytecode.h"

#include <linux/inet_diag.h>
#include <sys/socket.h>

#include <cstring>
#include <type_traits>

namespace tcpinfo::inline v0 {
namespace {

constexpr std::size_t op_size = sizeof(inet_diag_bc_op);
// Rejecting is to go on that far behind the end.
constexpr std::size_t past_end = 4;

}  // namespace

void bytecode::clear() noexcept {
  bytes_.clear();
  failing_.clear();
  group_held_.clear();
  rejecting_.clear();
  too_far_ = false;
}

template <class T>
void bytecode::operand(const T& value) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof value % op_size == 0);
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  bytes_.insert(bytes_.end(), from, from + sizeof value);
}

void bytecode::op(std::uint8_t code, std::size_t yes, std::uint16_t no) {
  operand(inet_diag_bc_op{code, static_cast<std::uint8_t>(yes), no});
}

// A test with operands, `size` bytes with them; where its `no` leads is patched.
void bytecode::test(std::uint8_t code, std::size_t size) {
  failing_.push_back(bytes_.size());
  op(code, size, 0);
}

void bytecode::jump(std::vector<std::size_t>& to_patch) {
  to_patch.push_back(bytes_.size());
  op(INET_DIAG_BC_JMP, op_size, 0);
}

void bytecode::patch(std::vector<std::size_t>& ops, std::size_t target) noexcept {
  for (const std::size_t at : ops) {
    const std::size_t distance = target - at;
    too_far_ = too_far_ || distance > UINT16_MAX;
    const auto no = static_cast<std::uint16_t>(distance);
    std::memcpy(bytes_.data() + at + offsetof(inet_diag_bc_op, no), &no, sizeof no);
  }
  ops.clear();
}

// GE and LE rather than EQ, which came with Linux 4.16. Their operand is the `no` of a second op.
void bytecode::ports(const filter_rule& rule, std::uint8_t at_least, std::uint8_t at_most) {
  test(at_least, 2 * op_size);
  op(INET_DIAG_BC_NOP, 0, rule.first);
  test(at_most, 2 * op_size);
  op(INET_DIAG_BC_NOP, 0, rule.last);
}

void bytecode::host(const ip_prefix& prefix, std::uint8_t code) {
  const bool v4 = prefix.address.family == address_family::ipv4;
  const std::size_t address_size = v4 ? 4 : 16;
  inet_diag_hostcond condition{};
  condition.family = v4 ? AF_INET : AF_INET6;
  condition.prefix_len = prefix.length;
  condition.port = -1;
  test(code, op_size + sizeof condition + address_size);
  operand(condition);
  const auto* address = reinterpret_cast<const std::byte*>(prefix.address.bytes.data());
  bytes_.insert(bytes_.end(), address, address + address_size);
}

void bytecode::condition(const filter_rule& rule) {
  switch (rule.kind) {
    case rule_kind::local_ports:
      return ports(rule, INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE);
    case rule_kind::remote_ports:
      return ports(rule, INET_DIAG_BC_D_GE, INET_DIAG_BC_D_LE);
    case rule_kind::local_prefix:
      return host(rule.prefix, INET_DIAG_BC_S_COND);
    case rule_kind::remote_prefix:
      return host(rule.prefix, INET_DIAG_BC_D_COND);
    case rule_kind::interface:
      test(INET_DIAG_BC_DEV_COND, op_size + sizeof rule.number);
      return operand(rule.number);
    case rule_kind::mark: {
      const inet_diag_markcond mark{rule.number, rule.mask};
      test(INET_DIAG_BC_MARK_COND, op_size + sizeof mark);
      return operand(mark);
    }
    case rule_kind::cgroup:
      test(INET_DIAG_BC_CGROUP_COND, op_size + sizeof rule.cgroup);
      return operand(rule.cgroup);
    case rule_kind::automatic_port:
      return test(INET_DIAG_BC_AUTO, op_size);
    case rule_kind::states:
      break;  // the request's
  }
}

void bytecode::one_of(const filter_rule& rule, bool last) {
  condition(rule);
  if (last) {
    rejecting_.insert(rejecting_.end(), failing_.begin(), failing_.end());
    failing_.clear();
    patch(group_held_, bytes_.size());
  } else {
    jump(group_held_);
    patch(failing_, bytes_.size());
  }
}

void bytecode::none_of(const filter_rule& rule) {
  condition(rule);
  jump(rejecting_);
  patch(failing_, bytes_.size());
}

bool bytecode::finish() noexcept {
  patch(rejecting_, bytes_.size() + past_end);
  return !too_far_ && bytes_.size() <= most_bytes;
}

void join_bytecode(bytes_view theirs, bytes_view ours, std::vector<std::byte>& out) {
  out.assign(theirs.begin(), theirs.end());
  const auto jump = [&](std::size_t no) {
    const inet_diag_bc_op op{INET_DIAG_BC_JMP, op_size, static_cast<std::uint16_t>(no)};
    const auto* from = reinterpret_cast<const std::byte*>(&op);
    out.insert(out.end(), from, from + op_size);
  };
  jump(2 * op_size);                       // accepted: on to ours
  jump(op_size + ours.size() + past_end);  // rejected
  out.insert(out.end(), ours.begin(), ours.end());
}

}  // namespace tcpinfo::inline v0
