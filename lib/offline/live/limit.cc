// SPDX-License-Identifier: Apache-2.0
#include "offline/live/limit.h"

#include <algorithm>
#include <array>

namespace tcpinfo::offline {
namespace {

using analysis::why::grown;
using analysis::why::growth;
using analysis::why::sample;
using analysis::why::seen;

// The kernel counts these times in jiffies, of 10 ms at most.
constexpr std::int64_t shortest_us = 50'000;
// As docs/why.md has it: tcp_ca_state is Loss after a retransmission timeout.
constexpr std::uint64_t ca_loss = 4;

}  // namespace

std::string_view name_of(limit of) noexcept {
  constexpr std::array<std::string_view, 10> names = {
      "timeout", "handshake",   "peer_window", "send_buffer", "losses",
      "network", "application", "receiving",   "idle",        "unknown"};
  return names[static_cast<std::size_t>(of)];
}

limit limit_between(const sample& before, const sample& now) noexcept {
  if (now.state() == tcp_state::syn_sent || now.state() == tcp_state::syn_recv)
    return limit::handshake;
  const std::int64_t time_us = (now.time_ns() - before.time_ns()) / 1000;
  if (!now.has_info() || !before.has_info() || time_us < shortest_us) return limit::unknown;
  if (now.or_zero(seen::retransmits) > 0 || now.or_zero(seen::ca_state) == ca_loss)
    return limit::timeout;
  const std::uint64_t sent = grown(before, now, seen::bytes_acked);
  const std::uint64_t received = grown(before, now, seen::bytes_received);
  const auto busy_us = growth(before, now, seen::busy_time);
  if (received > sent) return limit::receiving;
  if (!busy_us) return limit::unknown;
  const std::uint64_t window_us = grown(before, now, seen::rwnd_limited);
  const std::uint64_t buffer_us = grown(before, now, seen::sndbuf_limited);
  const std::uint64_t all_us = std::max(static_cast<std::uint64_t>(time_us), *busy_us);
  const std::uint64_t network_us = *busy_us - std::min(*busy_us, window_us + buffer_us);
  const std::uint64_t application_us = all_us - *busy_us;
  const std::uint64_t most = std::max({window_us, buffer_us, network_us, application_us});
  if (*busy_us == 0 && sent == 0) return limit::idle;
  if (most == window_us) return limit::window;
  if (most == buffer_us) return limit::send_buffer;
  if (most == application_us) return limit::application;
  return grown(before, now, seen::total_retrans) > 0 ? limit::losses : limit::network;
}

}  // namespace tcpinfo::offline
