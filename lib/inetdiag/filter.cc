// SPDX-License-Identifier: Apache-2.0
//
// Exclusion rules, run in the kernel as inet_diag bytecode and here on messages.
//
// The kernel accepts a program only when following every op's `yes` from the start visits each op
// in turn and ends exactly at the end, so a test cannot reject through `yes` (8 bits wide besides):
// it falls through to a jump whose `no` (16 bits) leads to rejection, and skips that jump when it
// fails.
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <tcpinfo/inetdiag.h>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace tcpinfo::inline v0 {
namespace {

// A netlink attribute's length field has 16 bits and counts its own header.
constexpr std::size_t max_program = 0xffff - 4;

struct host_rule {
  ip_prefix prefix;
  bool source = false;
};

}  // namespace

struct [[gnu::visibility("hidden")]] filter::impl {
  std::vector<std::uint16_t> sports;
  std::vector<host_rule> hosts;
  std::mutex building;  // several threads may dump with one filter
  std::vector<std::byte> program;
  bool built = true;  // the program is that of the rules
  bool too_large = false;

  void build();
  void put_op(std::uint8_t code, std::uint8_t yes, std::uint16_t no);
  void put_reject(std::vector<std::size_t> & jumps);
};

void filter::impl::put_op(std::uint8_t code, std::uint8_t yes, std::uint16_t no) {
  const inet_diag_bc_op op{code, yes, no};
  const auto* from = reinterpret_cast<const std::byte*>(&op);
  program.insert(program.end(), from, from + sizeof op);
}

void filter::impl::put_reject(std::vector<std::size_t>& jumps) {
  jumps.push_back(program.size());
  put_op(INET_DIAG_BC_JMP, sizeof(inet_diag_bc_op), 0);
}

// Only when somebody asks for it: it takes as long as there are rules.
void filter::impl::build() {
  program.clear();
  too_large = false;
  std::vector<std::size_t> jumps;
  for (const std::uint16_t port : sports) {
    // GE and LE rather than EQ, which came with Linux 4.16.
    put_op(INET_DIAG_BC_S_GE, 8, 20);
    put_op(INET_DIAG_BC_NOP, 0, port);
    put_op(INET_DIAG_BC_S_LE, 8, 12);
    put_op(INET_DIAG_BC_NOP, 0, port);
    put_reject(jumps);
  }
  for (const host_rule& rule : hosts) {
    const bool v4 = rule.prefix.address.family == address_family::ipv4;
    const std::size_t address_size = v4 ? 4 : 16;
    inet_diag_hostcond condition{};
    condition.family = v4 ? AF_INET : AF_INET6;
    condition.prefix_len = rule.prefix.length;
    condition.port = -1;
    const std::size_t size = sizeof(inet_diag_bc_op) + sizeof condition + address_size;
    put_op(rule.source ? INET_DIAG_BC_S_COND : INET_DIAG_BC_D_COND, static_cast<std::uint8_t>(size),
           static_cast<std::uint16_t>(size + sizeof(inet_diag_bc_op)));
    const auto* from = reinterpret_cast<const std::byte*>(&condition);
    program.insert(program.end(), from, from + sizeof condition);
    const auto* address = reinterpret_cast<const std::byte*>(rule.prefix.address.bytes.data());
    program.insert(program.end(), address, address + address_size);
    put_reject(jumps);
  }
  if (program.size() > max_program) {
    too_large = built = true;
    program.clear();
    return;
  }
  // Past the end by one op means "reject".
  for (const std::size_t at : jumps) {
    const auto no = static_cast<std::uint16_t>(program.size() + 4 - at);
    std::memcpy(program.data() + at + offsetof(inet_diag_bc_op, no), &no, sizeof no);
  }
  built = true;
}

filter::~filter() { delete impl_; }
filter::filter(filter&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}
filter& filter::operator=(filter&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

std::error_code filter::exclude_sport(std::uint16_t port) noexcept try {
  if (impl_ == nullptr) impl_ = new impl;
  const auto at = std::lower_bound(impl_->sports.begin(), impl_->sports.end(), port);
  if (at != impl_->sports.end() && *at == port) return {};
  impl_->sports.insert(at, port);
  impl_->built = false;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

namespace {

std::error_code check(const ip_prefix& prefix) noexcept {
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

}  // namespace

std::error_code filter::exclude_src(const ip_prefix& prefix) noexcept try {
  if (const auto ec = check(prefix)) return ec;
  if (impl_ == nullptr) impl_ = new impl;
  impl_->hosts.push_back({as_ipv4_where_mapped(prefix), true});
  impl_->built = false;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

std::error_code filter::exclude_dst(const ip_prefix& prefix) noexcept try {
  if (const auto ec = check(prefix)) return ec;
  if (impl_ == nullptr) impl_ = new impl;
  impl_->hosts.push_back({as_ipv4_where_mapped(prefix), false});
  impl_->built = false;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

bool filter::empty() const noexcept {
  return impl_ == nullptr || (impl_->sports.empty() && impl_->hosts.empty());
}

bool filter::excludes(const message& m) const noexcept {
  if (empty()) return false;
  if (std::binary_search(impl_->sports.begin(), impl_->sports.end(), m.sport())) return true;
  const ip_address src = m.src();
  const ip_address dst = m.dst();
  return std::any_of(impl_->hosts.begin(), impl_->hosts.end(), [&](const host_rule& rule) {
    return rule.prefix.contains(rule.source ? src : dst);
  });
}

std::error_code filter::program(bytes_view& out) const noexcept try {
  out = {};
  if (impl_ == nullptr) return {};
  const std::lock_guard lock(impl_->building);
  if (!impl_->built) impl_->build();
  if (impl_->too_large) return errc::filter_too_large;
  out = impl_->program;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

}  // namespace tcpinfo::inline v0
