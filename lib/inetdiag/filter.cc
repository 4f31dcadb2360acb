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
#include <atomic>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "inetdiag/prefix_set.h"

namespace tcpinfo::inline v0 {
namespace {

// The kernel tries one rule after the other on every socket, and checks the program in a time that
// grows with its square: with 3,200 rules a dump of 2,000 sockets takes 48 times as long as
// without, with 64 rules twice, with 32 a tenth longer. What it lets through costs less to receive
// and to look up here. (One netlink attribute would hold 65,531 bytes.)
constexpr std::size_t max_kernel_rules = 32;

}  // namespace

struct [[gnu::visibility("hidden")]] filter::impl {
  std::vector<std::uint16_t> sports;  // sorted
  prefix_set sources;
  prefix_set destinations;
  // Several threads may ask and dump with one filter, and the first of them puts it in order.
  std::mutex ordering;
  std::atomic<bool> ordered{true};
  std::vector<std::byte> program;
  bool built = true;  // the program is that of the rules
  bool whole = true;  // it has all of them

  void order();
  void build();
  bool put_ports(std::uint16_t first, std::uint16_t last);
  bool put_prefix(const ip_prefix& prefix, bool source);
  void put_op(std::uint8_t code, std::uint8_t yes, std::uint16_t no);
  void put_reject();
  std::vector<std::size_t> jumps;
};

void filter::impl::put_op(std::uint8_t code, std::uint8_t yes, std::uint16_t no) {
  const inet_diag_bc_op op{code, yes, no};
  const auto* from = reinterpret_cast<const std::byte*>(&op);
  program.insert(program.end(), from, from + sizeof op);
}

void filter::impl::put_reject() {
  jumps.push_back(program.size());
  put_op(INET_DIAG_BC_JMP, sizeof(inet_diag_bc_op), 0);
}

// False where there is no room for it.
bool filter::impl::put_ports(std::uint16_t first, std::uint16_t last) {
  if (jumps.size() == max_kernel_rules) return false;
  // GE and LE rather than EQ, which came with Linux 4.16.
  put_op(INET_DIAG_BC_S_GE, 8, 20);
  put_op(INET_DIAG_BC_NOP, 0, first);
  put_op(INET_DIAG_BC_S_LE, 8, 12);
  put_op(INET_DIAG_BC_NOP, 0, last);
  put_reject();
  return true;
}

bool filter::impl::put_prefix(const ip_prefix& prefix, bool source) {
  const bool v4 = prefix.address.family == address_family::ipv4;
  const std::size_t address_size = v4 ? 4 : 16;
  inet_diag_hostcond condition{};
  condition.family = v4 ? AF_INET : AF_INET6;
  condition.prefix_len = prefix.length;
  condition.port = -1;
  const std::size_t size = sizeof(inet_diag_bc_op) + sizeof condition + address_size;
  if (jumps.size() == max_kernel_rules) return false;
  put_op(source ? INET_DIAG_BC_S_COND : INET_DIAG_BC_D_COND, static_cast<std::uint8_t>(size),
         static_cast<std::uint16_t>(size + sizeof(inet_diag_bc_op)));
  const auto* from = reinterpret_cast<const std::byte*>(&condition);
  program.insert(program.end(), from, from + sizeof condition);
  const auto* address = reinterpret_cast<const std::byte*>(prefix.address.bytes.data());
  program.insert(program.end(), address, address + address_size);
  put_reject();
  return true;
}

void filter::impl::order() {
  if (ordered.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(ordering);
  if (ordered.load(std::memory_order_relaxed)) return;
  sources.fold();
  destinations.fold();
  ordered.store(true, std::memory_order_release);
}

// Only when somebody asks for it: it takes as long as there are rules.
void filter::impl::build() {
  program.clear();
  jumps.clear();
  whole = true;
  for (std::size_t i = 0; i < sports.size() && whole;) {
    std::size_t end = i + 1;
    while (end < sports.size() && sports[end] == sports[end - 1] + 1) ++end;
    whole = put_ports(sports[i], sports[end - 1]);
    i = end;
  }
  struct host_rule {
    const ip_prefix* prefix;
    bool source;
  };
  std::vector<host_rule> hosts;
  for (const bool source : {true, false}) {
    const prefix_set& set = source ? sources : destinations;
    for (const auto& prefixes : {set.v4(), set.v6()})
      for (const ip_prefix& prefix : prefixes) hosts.push_back({&prefix, source});
  }
  // Where not all have room, those of large networks leave out the most.
  std::stable_sort(hosts.begin(), hosts.end(), [](const host_rule& a, const host_rule& b) {
    return a.prefix->length < b.prefix->length;
  });
  for (std::size_t i = 0; i < hosts.size() && whole; ++i)
    whole = put_prefix(*hosts[i].prefix, hosts[i].source);
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
  impl_->sources.add(as_ipv4_where_mapped(prefix));
  impl_->ordered = impl_->built = false;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

std::error_code filter::exclude_dst(const ip_prefix& prefix) noexcept try {
  if (const auto ec = check(prefix)) return ec;
  if (impl_ == nullptr) impl_ = new impl;
  impl_->destinations.add(as_ipv4_where_mapped(prefix));
  impl_->ordered = impl_->built = false;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

bool filter::empty() const noexcept {
  return impl_ == nullptr ||
         (impl_->sports.empty() && impl_->sources.empty() && impl_->destinations.empty());
}

bool filter::excludes(const message& m) const noexcept {
  if (empty() || m.bytes.size() < wire::inet_diag_msg_size) return false;
  impl_->order();
  return std::binary_search(impl_->sports.begin(), impl_->sports.end(), m.sport()) ||
         impl_->sources.contains(m.src()) || impl_->destinations.contains(m.dst());
}

std::error_code filter::program(bytes_view& out) const noexcept try {
  out = {};
  if (impl_ == nullptr) return {};
  impl_->order();
  const std::lock_guard lock(impl_->ordering);
  if (!impl_->built) impl_->build();
  out = impl_->program;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

bool filter::program_is_whole() const noexcept {
  if (impl_ == nullptr) return true;
  const std::lock_guard lock(impl_->ordering);
  return impl_->built && impl_->whole;
}

}  // namespace tcpinfo::inline v0
