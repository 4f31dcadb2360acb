// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_WHY_SAMPLE_H
#define TCPINFO_ANALYSIS_WHY_SAMPLE_H

#include <tcpinfo/parse.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tcpinfo::analysis::why {

/// The fields that the rules read, by their names in a message.
enum class seen : std::uint8_t {
  timer,
  rqueue,
  rmem_alloc,
  rcvbuf,
  sndbuf,
  wmem_queued,
  backlog,
  drops,
  bbr_pacing_gain,
  ca_state,
  retransmits,
  probes,
  app_limited,
  rto,
  snd_mss,
  rcv_mss,
  unacked,
  pmtu,
  rtt,
  rttvar,
  snd_ssthresh,
  snd_cwnd,
  reordering,
  rcv_rtt,
  total_retrans,
  pacing_rate,
  max_pacing_rate,
  bytes_acked,
  bytes_received,
  notsent_bytes,
  min_rtt,
  data_segs_in,
  data_segs_out,
  busy_time,
  rwnd_limited,
  sndbuf_limited,
  delivered,
  delivered_ce,
  bytes_sent,
  bytes_retrans,
  dsack_dups,
  reord_seen,
  rcv_ooopack,
  snd_wnd,
  rcv_wnd,
  total_rto,
  total_rto_time,
  received_ce,
};
inline constexpr std::size_t seen_count = static_cast<std::size_t>(seen::received_ce) + 1;

/// What the library knows of that field.
[[nodiscard]] field_descriptor descriptor_of(seen f) noexcept;
/// The kernel's name with its prefix: "tcpi_rtt", "idiag_rqueue".
[[nodiscard]] std::string kernel_name_of(seen f);

/// One record: its time and these fields, each there or absent. A plain value.
class sample {
 public:
  sample() noexcept = default;
  /// Of a decoded message. `time_ns`: since 1970.
  sample(const snapshot& s, std::int64_t time_ns) noexcept;

  [[nodiscard]] std::int64_t time_ns() const noexcept { return time_ns_; }
  [[nodiscard]] tcp_state state() const noexcept { return state_; }
  /// Whether it has tcp_info: mini sockets have none.
  [[nodiscard]] bool has_info() const noexcept { return has(seen::rtt); }
  [[nodiscard]] bool has(seen f) const noexcept { return (present_ >> bit_of(f) & 1U) != 0; }
  [[nodiscard]] std::optional<std::uint64_t> get(seen f) const noexcept {
    return has(f) ? std::optional(values_[bit_of(f)]) : std::nullopt;
  }
  /// 0 where it is absent.
  [[nodiscard]] std::uint64_t or_zero(seen f) const noexcept {
    return has(f) ? values_[bit_of(f)] : 0;
  }
  /// Takes over what this message does not have, and an earlier one had: that of a connection's end
  /// has tcp_info alone.
  void keep_from(const sample& before) noexcept;

 private:
  static constexpr std::size_t bit_of(seen f) noexcept { return static_cast<std::size_t>(f); }

  std::int64_t time_ns_ = 0;
  std::uint64_t present_ = 0;
  std::array<std::uint64_t, seen_count> values_{};
  tcp_state state_{};
};
static_assert(seen_count <= 64);

/// How much a counter grew; nullopt where one of them has no value, or where it was cleared.
[[nodiscard]] std::optional<std::uint64_t> growth(const sample& from, const sample& to,
                                                  seen f) noexcept;
/// 0 in place of nullopt.
[[nodiscard]] inline std::uint64_t grown(const sample& from, const sample& to, seen f) noexcept {
  return growth(from, to, f).value_or(0);
}

}  // namespace tcpinfo::analysis::why

#endif
