// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/thinning.h"

#include <tcpinfo/tcp.h>

#include <algorithm>
#include <iterator>
#include <new>

namespace tcpinfo::collect {
namespace {

constexpr tcp_field telling[] = {
    tcp_field::ca_state,   tcp_field::lost,          tcp_field::retrans,
    tcp_field::dsack_dups, tcp_field::total_retrans, tcp_field::bytes_retrans,
};

}  // namespace

void thinning::begin(std::uint64_t cookie, std::int64_t now_ns) noexcept try {
  if (!is_on()) return;
  flow& f = flows_[cookie];
  settle(f);
  f = {.first_ns = now_ns, .recorded_ns = now_ns};
} catch (const std::bad_alloc&) {
  flows_.erase(cookie);
}

bool tells_of_trouble(const message& before, const message& now) noexcept {
  if (before.state() != now.state()) return true;
  const auto old_info = before.find(attribute_type::info);
  const auto info = now.find(attribute_type::info);
  if (!old_info || !info) return old_info.has_value() != info.has_value();
  // None of these is in the last word, whose layout depends on the kernel.
  return std::any_of(std::begin(telling), std::end(telling), [&](tcp_field field) {
    return tcp_value(*old_info, info_layout::unknown, field) !=
           tcp_value(*info, info_layout::unknown, field);
  });
}

}  // namespace tcpinfo::collect
