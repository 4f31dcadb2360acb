// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/exclusions.h"

#include <string_view>

namespace tcpinfo::collect {
namespace {

// Addresses that mean this machine or its link; RFC 6890, RFC 4291. Not multicast, which cannot be
// an end of a TCP connection: the kernel compares each socket with each of these in every poll.
constexpr std::string_view local_prefixes[] = {
    "127.0.0.0/8",
    "169.254.0.0/16",
    "::1/128",
    "fe80::/10",
};

}  // namespace

std::error_code exclusions::set(bool include_local, std::span<const std::uint16_t> sports,
                                std::span<const ip_prefix> destinations) {
  filter fresh;
  for (const std::uint16_t port : sports)
    if (const auto ec = fresh.exclude(filter_rule::local_port(port))) return ec;
  if (!include_local) {
    for (const std::string_view text : local_prefixes) {
      ip_prefix prefix;
      if (const auto ec = parse_ip_prefix(text, prefix)) return ec;
      if (const auto ec = fresh.exclude(filter_rule::local_prefix(prefix))) return ec;
      if (const auto ec = fresh.exclude(filter_rule::remote_prefix(prefix))) return ec;
    }
  }
  for (const ip_prefix& prefix : destinations)
    if (const auto ec = fresh.exclude(filter_rule::remote_prefix(prefix))) return ec;
  bytes_view program;
  if (const auto ec = fresh.program(program)) return ec;
  rules_ = std::move(fresh);
  return {};
}

bool exclusions::excludes(const message& m) const noexcept {
  if (m.bytes.size() < wire::inet_diag_msg_size) return false;  // the next step refuses it
  const ip_address dst = m.dst();
  if (dst.is_unspecified() || dst.unmapped().is_unspecified()) return true;
  return rules_.excludes(m);
}

}  // namespace tcpinfo::collect
