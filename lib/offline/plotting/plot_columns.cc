// SPDX-License-Identifier: Apache-2.0
#include "offline/plotting/plot_columns.h"

#include <tcpinfo/tcp.h>

namespace tcpinfo::offline {
namespace {

// By plot_column, up to those that are made of several.
constexpr std::array fields = {
    tcp_field::rtt,
    tcp_field::min_rtt,
    tcp_field::rcv_rtt,
    tcp_field::snd_cwnd,
    tcp_field::snd_ssthresh,
    tcp_field::delivery_rate,
    tcp_field::pacing_rate,
    tcp_field::max_pacing_rate,
    tcp_field::bytes_acked,
    tcp_field::bytes_received,
    tcp_field::bytes_sent,
    tcp_field::total_retrans,
    tcp_field::lost,
    tcp_field::dsack_dups,
    tcp_field::total_rto,
    tcp_field::reord_seen,
    tcp_field::delivered_ce,
    tcp_field::snd_wnd,
    tcp_field::rcv_wnd,
    tcp_field::notsent_bytes,
    tcp_field::busy_time,
    tcp_field::rwnd_limited,
    tcp_field::sndbuf_limited,
};
static_assert(fields.size() == static_cast<std::size_t>(plot_column::in_flight));

// The smoothed times are 0 until one was measured, and so is the rate.
bool is_zero_unmeasured(plot_column c) {
  return c == plot_column::rtt || c == plot_column::rcv_rtt || c == plot_column::delivery_rate;
}

double in_flight_of(const snapshot& s) {
  const auto sent = s.value(tcp_field::unacked);
  const auto sacked = s.value(tcp_field::sacked);
  const auto lost = s.value(tcp_field::lost);
  const auto again = s.value(tcp_field::retrans);
  if (!sent || !sacked || !lost || !again) return no_value;
  const double n = static_cast<double>(*sent) - static_cast<double>(*sacked) -
                   static_cast<double>(*lost) + static_cast<double>(*again);
  // No kernel has less than nothing there.
  return n < 0 ? no_value : n;
}

}  // namespace

std::string_view name_of(plot_column c) noexcept {
  switch (c) {
    case plot_column::in_flight:
      return "in_flight_segments";
    case plot_column::send_rate:
      return "send_rate_bytes_per_s";
    case plot_column::receive_rate:
      return "receive_rate_bytes_per_s";
    default:
      return describe(fields[static_cast<std::size_t>(c)]).csv_name();
  }
}

plot_row plot_row_of(const snapshot& s, std::int64_t time_ns) {
  plot_row row;
  row.time_ns = time_ns;
  row.state = static_cast<std::uint8_t>(s.state());
  row.values.fill(no_value);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto value = s.measured(fields[i]);
    if (!value || (*value == 0 && is_zero_unmeasured(static_cast<plot_column>(i)))) continue;
    row.values[i] = static_cast<double>(*value);
  }
  row[plot_column::in_flight] = in_flight_of(s);
  return row;
}

}  // namespace tcpinfo::offline
