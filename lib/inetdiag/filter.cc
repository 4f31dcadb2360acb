// SPDX-License-Identifier: Apache-2.0
//
// Rules, run in the kernel as inet_diag bytecode and here on messages.
#include <tcpinfo/filter.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "common/known_part.h"
#include "inetdiag/bytecode.h"
#include "inetdiag/filter_access.h"
#include "inetdiag/rule_set.h"

namespace tcpinfo::inline v0 {
namespace {

// The kernel tries one rule after the other on every socket, and checks the program in a time that
// grows with its square: with 3,200 rules a dump of 2,000 sockets takes 48 times as long as
// without, with 64 rules twice, with 32 a tenth longer. What it lets through costs less to receive
// and to look up here.
constexpr std::size_t most_shared_rules = 32;

// Of those that only the kernel can judge.
constexpr std::size_t most_kernel_rules = 512;

}  // namespace

struct [[gnu::visibility("hidden")]] filter::impl {
  rule_set included;
  rule_set excluded;
  // Several threads may ask and dump with one filter, and the first of them puts it in order.
  std::mutex ordering;
  std::atomic<bool> ordered{true};
  bytecode program;
  bool built = true;       // the program is that of the rules
  bool whole = true;       // it has all of them
  bool too_large = false;  // there is none: it would lack what only the kernel can judge

  void order();
  void build();
  void build_included();
  void build_excluded();
};

void filter::impl::order() {
  if (ordered.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(ordering);
  if (ordered.load(std::memory_order_relaxed)) return;
  included.fold();
  excluded.fold();
  ordered.store(true, std::memory_order_release);
}

// One rule of each kind must hold. So the program may leave out a kind as a whole, which user space
// then checks.
void filter::impl::build_included() {
  for (const rule_kind kind : rule_set::kinds) {
    const std::size_t most = can_be_judged_here(kind) ? most_shared_rules : most_kernel_rules;
    const auto rules = included.rules(kind, most);
    if (rules.size() > most) {
      if (can_be_judged_here(kind))
        whole = false;
      else
        too_large = true;
      continue;
    }
    for (std::size_t i = 0; i < rules.size(); ++i) program.one_of(rules[i], i + 1 == rules.size());
  }
}

// No rule may hold. So the program may leave out any, which user space then checks.
void filter::impl::build_excluded() {
  std::size_t shared = 0;
  std::vector<filter_rule> prefixes;
  const auto put = [&](const std::vector<filter_rule>& rules) {
    const std::size_t room = std::min(most_shared_rules - shared, rules.size());
    for (std::size_t i = 0; i < room; ++i) program.none_of(rules[i]);
    shared += room;
    whole = whole && room == rules.size();
  };
  for (const rule_kind kind : rule_set::kinds) {
    const std::size_t most = can_be_judged_here(kind) ? most_shared_rules : most_kernel_rules;
    const auto rules = excluded.rules(kind, most);
    if (!can_be_judged_here(kind)) {
      too_large = too_large || rules.size() > most;
      for (const filter_rule& rule : rules) program.none_of(rule);
    } else if (kind == rule_kind::local_prefix || kind == rule_kind::remote_prefix) {
      prefixes.insert(prefixes.end(), rules.begin(), rules.end());
    } else {
      put(rules);
    }
  }
  std::stable_sort(prefixes.begin(), prefixes.end(),
                   [](const auto& a, const auto& b) { return a.prefix.length < b.prefix.length; });
  put(prefixes);
}

// Only when somebody asks for it: it takes as long as there are rules.
void filter::impl::build() {
  program.clear();
  whole = true;
  too_large = false;
  build_included();
  build_excluded();
  too_large = !program.finish() || too_large;
  built = true;
}

filter::~filter() { delete impl_; }
filter::filter(filter&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}
filter& filter::operator=(filter&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

namespace {

std::error_code check_known(const filter_rule& given, filter_rule& rule) noexcept {
  if (const auto ec = read_known(given, rule)) return ec;
  return check_rule(rule);
}

}  // namespace

std::error_code filter::include(const filter_rule& given) noexcept try {
  filter_rule rule;
  if (const auto ec = check_known(given, rule)) return ec;
  if (impl_ == nullptr) impl_ = new impl;
  impl_->included.add(rule);
  impl_->ordered = impl_->built = false;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

std::error_code filter::exclude(const filter_rule& given) noexcept try {
  filter_rule rule;
  if (const auto ec = check_known(given, rule)) return ec;
  if (impl_ == nullptr) impl_ = new impl;
  impl_->excluded.add(rule);
  impl_->ordered = impl_->built = false;
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

bool filter::empty() const noexcept {
  return impl_ == nullptr || (impl_->included.empty() && impl_->excluded.empty());
}

bool filter::excludes(const message& m) const noexcept {
  if (impl_ == nullptr || m.bytes.size() < wire::inet_diag_msg_size) return false;
  impl_->order();
  const rule_set& rules = impl_->excluded;
  return std::any_of(rules.kinds.begin(), rules.kinds.end(),
                     [&](rule_kind kind) { return rules.holds(kind, m); });
}

bool filter::includes(const message& m) const noexcept {
  if (impl_ == nullptr || m.bytes.size() < wire::inet_diag_msg_size) return true;
  impl_->order();
  const rule_set& rules = impl_->included;
  return std::all_of(rules.kinds.begin(), rules.kinds.end(),
                     [&](rule_kind kind) { return !rules.has(kind) || rules.holds(kind, m); });
}

std::error_code filter::program(bytes_view& out) const& noexcept try {
  out = {};
  if (impl_ == nullptr) return {};
  impl_->order();
  const std::lock_guard lock(impl_->ordering);
  if (!impl_->built) impl_->build();
  if (impl_->too_large) return errc::filter_too_large;
  out = impl_->program.bytes();
  return {};
} catch (const std::bad_alloc&) {
  return errc::out_of_memory;
}

bool filter::program_is_whole() const noexcept {
  if (impl_ == nullptr) return true;
  const std::lock_guard lock(impl_->ordering);
  return impl_->built && impl_->whole && !impl_->too_large;
}

std::uint32_t filter_access::states(const filter& f, std::uint32_t wanted) noexcept {
  if (f.impl_ == nullptr) return wanted;
  const std::uint32_t included = f.impl_->included.states();
  return wanted & (included != 0 ? included : ~0U) & ~f.impl_->excluded.states();
}

bool filter_access::passes_here(const filter& f, const message& m) noexcept {
  if (f.impl_ == nullptr) return true;
  f.impl_->order();
  const rule_set& must = f.impl_->included;
  const rule_set& must_not = f.impl_->excluded;
  return std::all_of(rule_set::kinds.begin(), rule_set::kinds.end(), [&](rule_kind kind) {
    if (kind == rule_kind::states || !can_be_judged_here(kind)) return true;
    return (!must.has(kind) || must.holds(kind, m)) && !must_not.holds(kind, m);
  });
}

}  // namespace tcpinfo::inline v0
