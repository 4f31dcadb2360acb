// SPDX-License-Identifier: Apache-2.0
//
// What is drawn of a record.
#ifndef TCPINFO_OFFLINE_PLOTTING_PLOT_COLUMNS_H
#define TCPINFO_OFFLINE_PLOTTING_PLOT_COLUMNS_H

#include <tcpinfo/parse.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace tcpinfo::offline {

/// The columns of a connection in a page. Those from `in_flight` on are made of several fields, or
/// of two records.
enum class plot_column : std::uint8_t {
  rtt,
  min_rtt,
  rcv_rtt,
  snd_cwnd,
  snd_ssthresh,
  delivery_rate,
  pacing_rate,
  max_pacing_rate,
  bytes_acked,
  bytes_received,
  bytes_sent,
  total_retrans,
  lost,
  dsack_dups,
  total_rto,
  reord_seen,
  delivered_ce,
  snd_wnd,
  rcv_wnd,
  notsent_bytes,
  busy_time,
  rwnd_limited,
  sndbuf_limited,
  in_flight,     ///< segments: tcp_packets_in_flight() of the kernel
  send_rate,     ///< bytes acknowledged a second since the record before
  receive_rate,  ///< bytes received a second since the record before
};
inline constexpr std::size_t plot_column_count =
    static_cast<std::size_t>(plot_column::receive_rate) + 1;

/// Its name in the page: that of tcpinfo-csv where it is a field.
[[nodiscard]] std::string_view name_of(plot_column c) noexcept;
/// Whether it only grows: what is lost of it between two records is no extreme.
[[nodiscard]] constexpr bool is_counter(plot_column c) noexcept {
  switch (c) {
    case plot_column::bytes_acked:
    case plot_column::bytes_received:
    case plot_column::bytes_sent:
    case plot_column::total_retrans:
    case plot_column::dsack_dups:
    case plot_column::total_rto:
    case plot_column::reord_seen:
    case plot_column::delivered_ce:
    case plot_column::busy_time:
    case plot_column::rwnd_limited:
    case plot_column::sndbuf_limited:
      return true;
    default:
      return false;
  }
}

inline constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

/// One record: when, in which state, and the values, no_value where it has none. A plain value.
struct plot_row {
  std::int64_t time_ns = 0;  ///< since 1970
  std::uint64_t number = 0;  ///< of its connection's records, from 0: plot_rows counts them
  std::uint8_t state = 0;
  std::array<double, plot_column_count> values{};

  [[nodiscard]] double operator[](plot_column c) const noexcept {
    return values[static_cast<std::size_t>(c)];
  }
  [[nodiscard]] double& operator[](plot_column c) noexcept {
    return values[static_cast<std::size_t>(c)];
  }
};

/// Of a decoded message. The rates are left without a value.
[[nodiscard]] plot_row plot_row_of(const snapshot& s, std::int64_t time_ns);

}  // namespace tcpinfo::offline

#endif
