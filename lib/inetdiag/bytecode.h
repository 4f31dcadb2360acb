// SPDX-License-Identifier: Apache-2.0
//
// Programs of inet_diag's bytecode, as the kernel's audit accepts them (net/ipv4/inet_diag.c).
//
// Following every op's `yes` from the start must visit each op in turn and end exactly at the end:
// there a program accepts. `no` (16 bits) may lead to any op on that way, to the end, or 4 bytes
// past the end, where a program rejects. `yes` has 8 bits, so no test can reject through it.
#ifndef TCPINFO_INETDIAG_BYTECODE_H
#define TCPINFO_INETDIAG_BYTECODE_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include <tcpinfo/bytes.h>
#include <tcpinfo/filter.h>

namespace tcpinfo::inline v0 {

/// Builds a program from alternatives: groups of conditions of which one must hold, and conditions
/// of which none may. May throw std::bad_alloc.
class bytecode {
 public:
  /// What one netlink attribute holds.
  static constexpr std::size_t most_bytes = 65'528;

  void clear() noexcept;

  /// A condition of a group; `last` ends it. A group rejects where none of its conditions holds.
  void one_of(const filter_rule& rule, bool last);
  /// A condition that rejects where it holds.
  void none_of(const filter_rule& rule);

  /// Completes the program: where rejecting leads is known only then.
  /// @return false where it is too large.
  [[nodiscard]] bool finish() noexcept;
  [[nodiscard]] bytes_view bytes() const noexcept { return bytes_; }

 private:
  void op(std::uint8_t code, std::size_t yes, std::uint16_t no);
  template <class T>
  void operand(const T& value);
  void test(std::uint8_t code, std::size_t size);
  void condition(const filter_rule& rule);
  void ports(const filter_rule& rule, std::uint8_t at_least, std::uint8_t at_most);
  void host(const ip_prefix& prefix, std::uint8_t code);
  void jump(std::vector<std::size_t>& to_patch);
  void patch(std::vector<std::size_t>& ops, std::size_t target) noexcept;

  std::vector<std::byte> bytes_;
  std::vector<std::size_t> failing_;     // tests of the latest condition
  std::vector<std::size_t> group_held_;  // jumps to behind the group
  std::vector<std::size_t> rejecting_;   // ops whose `no` rejects
  bool too_far_ = false;                 // for 16 bits
};

/// Puts a program of the caller's before one of ours: both must accept. The caller's rejects 4
/// bytes past its end, and accepts at its end, whatever follows it.
void join_bytecode(bytes_view theirs, bytes_view ours, std::vector<std::byte>& out);

}  // namespace tcpinfo::inline v0

#endif
