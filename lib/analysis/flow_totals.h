// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_ANALYSIS_FLOW_TOTALS_H
#define TCPINFO_ANALYSIS_FLOW_TOTALS_H

#include <tcpinfo/bytes.h>
#include <tcpinfo/parse.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace tcpinfo::analysis {

/// The fields of tcp_info that a connection's totals are made of, by their names: first those of 64
/// bits, then those of 32, of 16 and of 8.
enum class total : std::uint8_t {
  bytes_acked,
  bytes_received,
  bytes_sent,
  bytes_retrans,
  busy_time,
  rwnd_limited,
  sndbuf_limited,
  total_retrans,
  segs_out,
  segs_in,
  data_segs_out,
  data_segs_in,
  delivered,
  delivered_ce,
  unacked,
  dsack_dups,
  reord_seen,
  total_rto_time,
  total_rto,
  options,
  retransmits,
  probes,
};
inline constexpr std::size_t total_count = static_cast<std::size_t>(total::probes) + 1;

/// What the library knows of that field.
[[nodiscard]] field_descriptor field_of(total t) noexcept;

/// These fields of one message. A field that the kernel did not send is absent.
class flow_totals {
 public:
  /// `info`: the payload of INFO.
  void take(bytes_view info) noexcept;
  /// Only as much of it as the kernel's field holds.
  void set(total t, std::uint64_t value) noexcept;

  [[nodiscard]] std::optional<std::uint64_t> get(total t) const noexcept {
    if ((present_ & bit(t)) == 0) return std::nullopt;
    return or_zero(t);
  }
  [[nodiscard]] std::uint64_t or_zero(total t) const noexcept {
    const auto at = static_cast<std::size_t>(t);
    if (at < narrow_from) return wide_[at];
    if (at < short_from) return narrow_[at - narrow_from];
    if (at < tiny_from) return short_[at - short_from];
    return tiny_[at - tiny_from];
  }

  /// Data bytes sent once: without retransmissions, SYN and FIN.
  [[nodiscard]] std::optional<std::uint64_t> unique() const noexcept {
    if ((present_ & bit(total::bytes_sent)) == 0 || (present_ & bit(total::bytes_retrans)) == 0)
      return std::nullopt;
    const std::uint64_t sent = or_zero(total::bytes_sent);
    const std::uint64_t again = or_zero(total::bytes_retrans);
    if (again > sent) return std::nullopt;
    return sent - again;
  }
  /// Of these what was acknowledged, one too many at most (see flow_summary::sent()).
  [[nodiscard]] std::uint64_t acked_data() const noexcept {
    const auto most = unique();
    const std::uint64_t acked = or_zero(total::bytes_acked);
    return most ? std::min(acked, *most) : acked;
  }

 private:
  template <bool Whole>
  void take_fields(bytes_view info) noexcept;

  static constexpr auto narrow_from = static_cast<std::size_t>(total::total_retrans);
  static constexpr auto short_from = static_cast<std::size_t>(total::total_rto);
  static constexpr auto tiny_from = static_cast<std::size_t>(total::options);
  static constexpr std::uint32_t bit(total t) noexcept { return 1U << static_cast<unsigned>(t); }

  // There may be a million of them: each has the room of the kernel's field.
  std::array<std::uint64_t, narrow_from> wide_{};
  std::array<std::uint32_t, short_from - narrow_from> narrow_{};
  std::uint32_t present_ = 0;
  std::array<std::uint16_t, tiny_from - short_from> short_{};
  std::array<std::uint8_t, total_count - tiny_from> tiny_{};
};

}  // namespace tcpinfo::analysis

#endif
