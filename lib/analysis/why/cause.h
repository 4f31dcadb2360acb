// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_WHY_CAUSE_H
#define TCPINFO_ANALYSIS_WHY_CAUSE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tcpinfo::analysis::why {

/// What limited a flow. docs/why.md has the rule of each. Summaries in segments keep times in this
/// order: a new one goes to the end.
enum class cause : std::uint8_t {
  none,
  cannot_tell,
  application,
  peer_window,
  peer_reads_slowly,
  send_buffer,
  receive_autotuning,
  shaped_bottleneck,
  bufferbloat,
  policer,
  random_loss,
  ecn,
  pacing_cap,
  slow_start_never_left,
  slow_start_left_early,
  bbr_phase,
  rto_stall,
  tail_loss,
  spurious_rto,
  reordering,
  delayed_ack_nagle,
  handshake,
  mtu_hole,
  host_drops,
  congested_path,
};
inline constexpr std::size_t cause_count = static_cast<std::size_t>(cause::congested_path) + 1;

/// Its name in text, JSON and docs: "random_loss".
[[nodiscard]] std::string_view name_of(cause c) noexcept;

/// Nanoseconds by cause.
using cause_times = std::array<std::int64_t, cause_count>;

[[nodiscard]] constexpr std::size_t index_of(cause c) noexcept {
  return static_cast<std::size_t>(c);
}

/// Whether time was lost by a timeout.
[[nodiscard]] constexpr bool is_of_timeout(cause c) noexcept {
  return c == cause::rto_stall || c == cause::tail_loss || c == cause::spurious_rto ||
         c == cause::mtu_hole;
}

}  // namespace tcpinfo::analysis::why

#endif
