// SPDX-License-Identifier: Apache-2.0
//
// The kernel's bytecode machine of inet_diag (net/ipv4/inet_diag.c: inet_diag_bc_audit, valid_cc,
// inet_diag_bc_run), written after it, for tests: what it accepts, and what a program says of a
// socket.
#ifndef TCPINFO_TEST_UNIT_INETDIAG_BYTECODE_MACHINE_H
#define TCPINFO_TEST_UNIT_INETDIAG_BYTECODE_MACHINE_H

#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <tcpinfo/inetdiag.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bytecode_machine {

/// What the kernel knows of a socket when it runs a program: struct inet_diag_entry.
struct entry {
  tcpinfo::ip_address src;
  tcpinfo::ip_address dst;
  std::uint16_t sport = 0;
  std::uint16_t dport = 0;
  std::uint32_t interface = 0;
  std::uint32_t mark = 0;
  std::uint64_t cgroup = 0;
  bool bound_port = false;  ///< SOCK_BINDPORT_LOCK
};

inline inet_diag_bc_op op_at(tcpinfo::bytes_view program, std::size_t at) {
  inet_diag_bc_op op;
  std::memcpy(&op, program.data() + at, sizeof op);
  return op;
}

template <class T>
T operand_at(tcpinfo::bytes_view program, std::size_t at) {
  T value;
  std::memcpy(&value, program.data() + at + sizeof(inet_diag_bc_op), sizeof value);
  return value;
}

/// Whether following `yes` from the start comes to where `cc` bytes are left.
inline bool is_on_the_way(tcpinfo::bytes_view program, long cc) {
  long left = static_cast<long>(program.size());
  std::size_t at = 0;
  while (left >= 0) {
    if (cc > left) return false;
    if (cc == left) return true;
    const auto op = op_at(program, at);
    if (op.yes < 4 || (op.yes & 3) != 0) return false;
    at += op.yes;
    left -= op.yes;
  }
  return false;
}

/// Whether the kernel takes a program.
inline bool audit(tcpinfo::bytes_view program, bool net_admin = true) {
  if (program.size() < sizeof(inet_diag_bc_op)) return false;
  long left = static_cast<long>(program.size());
  std::size_t at = 0;
  while (left > 0) {
    const auto op = op_at(program, at);
    long least = sizeof op;
    switch (op.code) {
      case INET_DIAG_BC_S_COND:
      case INET_DIAG_BC_D_COND: {
        least += sizeof(inet_diag_hostcond);
        if (left < least) return false;
        const auto cond = operand_at<inet_diag_hostcond>(program, at);
        const int size = cond.family == AF_INET ? 4 : cond.family == AF_INET6 ? 16 : 0;
        if (size == 0 && cond.family != AF_UNSPEC) return false;
        least += size;
        if (left < least || cond.prefix_len > 8 * size) return false;
        break;
      }
      case INET_DIAG_BC_S_EQ:
      case INET_DIAG_BC_D_EQ:
      case INET_DIAG_BC_S_GE:
      case INET_DIAG_BC_S_LE:
      case INET_DIAG_BC_D_GE:
      case INET_DIAG_BC_D_LE:
      case INET_DIAG_BC_DEV_COND:
        least += 4;
        break;
      case INET_DIAG_BC_MARK_COND:
        if (!net_admin) return false;
        least += 8;
        break;
      case INET_DIAG_BC_CGROUP_COND:
        least += 8;
        break;
      case INET_DIAG_BC_AUTO:
      case INET_DIAG_BC_JMP:
      case INET_DIAG_BC_NOP:
        break;
      default:
        return false;
    }
    if (left < least) return false;
    if (op.code != INET_DIAG_BC_NOP) {
      if (op.no < least || op.no > left + 4 || (op.no & 3) != 0) return false;
      if (op.no < left && !is_on_the_way(program, left - op.no)) return false;
    }
    if (op.yes < least || op.yes > left || (op.yes & 3) != 0) return false;
    at += op.yes;
    left -= op.yes;
  }
  return left == 0;
}

inline bool leading_bits_equal(const std::uint8_t* a, const std::uint8_t* b, unsigned bits) {
  for (unsigned bit = 0; bit < bits; ++bit)
    if (((a[bit / 8] ^ b[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  return true;
}

inline bool host_matches(const inet_diag_hostcond& cond, const std::uint8_t* wanted,
                         const tcpinfo::ip_address& address, std::uint16_t port) {
  if (cond.port != -1 && cond.port != port) return false;
  const auto family = address.family == tcpinfo::address_family::ipv4 ? AF_INET : AF_INET6;
  if (cond.family != AF_UNSPEC && cond.family != family)
    return family == AF_INET6 && cond.family == AF_INET && address.is_v4_mapped() &&
           leading_bits_equal(address.bytes.data() + 12, wanted, cond.prefix_len);
  return cond.prefix_len == 0 || leading_bits_equal(address.bytes.data(), wanted, cond.prefix_len);
}

/// What an audited program says of a socket: whether it passes.
inline bool run(tcpinfo::bytes_view program, const entry& e) {
  long left = static_cast<long>(program.size());
  std::size_t at = 0;
  while (left > 0) {
    const auto op = op_at(program, at);
    const auto port = [&] { return op_at(program, at + 4).no; };
    bool yes = true;
    switch (op.code) {
      case INET_DIAG_BC_JMP:
        yes = false;
        break;
      case INET_DIAG_BC_S_EQ:
        yes = e.sport == port();
        break;
      case INET_DIAG_BC_D_EQ:
        yes = e.dport == port();
        break;
      case INET_DIAG_BC_S_GE:
        yes = e.sport >= port();
        break;
      case INET_DIAG_BC_S_LE:
        yes = e.sport <= port();
        break;
      case INET_DIAG_BC_D_GE:
        yes = e.dport >= port();
        break;
      case INET_DIAG_BC_D_LE:
        yes = e.dport <= port();
        break;
      case INET_DIAG_BC_AUTO:
        yes = !e.bound_port;
        break;
      case INET_DIAG_BC_S_COND:
      case INET_DIAG_BC_D_COND: {
        const auto cond = operand_at<inet_diag_hostcond>(program, at);
        const auto* wanted =
            reinterpret_cast<const std::uint8_t*>(program.data() + at + 4 + sizeof cond);
        const bool source = op.code == INET_DIAG_BC_S_COND;
        yes = host_matches(cond, wanted, source ? e.src : e.dst, source ? e.sport : e.dport);
        break;
      }
      case INET_DIAG_BC_DEV_COND:
        yes = operand_at<std::uint32_t>(program, at) == e.interface;
        break;
      case INET_DIAG_BC_MARK_COND: {
        const auto cond = operand_at<inet_diag_markcond>(program, at);
        yes = (e.mark & cond.mask) == cond.mark;
        break;
      }
      case INET_DIAG_BC_CGROUP_COND:
        yes = operand_at<std::uint64_t>(program, at) == e.cgroup;
        break;
      default:
        break;
    }
    const std::size_t step = yes ? op.yes : op.no;
    at += step;
    left -= static_cast<long>(step);
  }
  return left == 0;
}

}  // namespace bytecode_machine

#endif
