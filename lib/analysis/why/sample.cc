// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/sample.h"

#include <tcpinfo/tcp.h>

namespace tcpinfo::analysis::why {
namespace {

// By seen.
constexpr std::array<field_id, seen_count> fields = {
    field_id::timer,
    field_id::rqueue,
    field_id::skmem_rmem_alloc,
    field_id::skmem_rcvbuf,
    field_id::skmem_sndbuf,
    field_id::skmem_wmem_queued,
    field_id::skmem_backlog,
    field_id::skmem_drops,
    field_id::bbr_pacing_gain,
    field(tcp_field::ca_state),
    field(tcp_field::retransmits),
    field(tcp_field::probes),
    field(tcp_field::delivery_rate_app_limited),
    field(tcp_field::rto),
    field(tcp_field::snd_mss),
    field(tcp_field::rcv_mss),
    field(tcp_field::unacked),
    field(tcp_field::pmtu),
    field(tcp_field::rtt),
    field(tcp_field::rttvar),
    field(tcp_field::snd_ssthresh),
    field(tcp_field::snd_cwnd),
    field(tcp_field::reordering),
    field(tcp_field::rcv_rtt),
    field(tcp_field::total_retrans),
    field(tcp_field::pacing_rate),
    field(tcp_field::max_pacing_rate),
    field(tcp_field::bytes_acked),
    field(tcp_field::bytes_received),
    field(tcp_field::notsent_bytes),
    field(tcp_field::min_rtt),
    field(tcp_field::data_segs_in),
    field(tcp_field::data_segs_out),
    field(tcp_field::busy_time),
    field(tcp_field::rwnd_limited),
    field(tcp_field::sndbuf_limited),
    field(tcp_field::delivered),
    field(tcp_field::delivered_ce),
    field(tcp_field::bytes_sent),
    field(tcp_field::bytes_retrans),
    field(tcp_field::dsack_dups),
    field(tcp_field::reord_seen),
    field(tcp_field::rcv_ooopack),
    field(tcp_field::snd_wnd),
    field(tcp_field::rcv_wnd),
    field(tcp_field::total_rto),
    field(tcp_field::total_rto_time),
    field(tcp_field::received_ce),
};

// Those of a message's other attributes than tcp_info.
bool is_outside_info(seen f) noexcept {
  return f == seen::rmem_alloc || f == seen::rcvbuf || f == seen::sndbuf || f == seen::drops;
}

}  // namespace

field_descriptor descriptor_of(seen f) noexcept {
  return describe(fields[static_cast<std::size_t>(f)]);
}

std::string kernel_name_of(seen f) {
  const field_descriptor d = descriptor_of(f);
  switch (d.group()) {
    case field_group::info:
      return "tcpi_" + std::string(d.name());
    case field_group::header:
      return "idiag_" + std::string(d.name());
    default:
      return std::string(d.name());
  }
}

sample::sample(const snapshot& s, std::int64_t time_ns) noexcept
    : time_ns_(time_ns), state_(s.state()) {
  for (std::size_t i = 0; i < seen_count; ++i)
    if (s.value(fields[i], values_[i])) present_ |= std::uint64_t{1} << i;
}

void sample::keep_from(const sample& before) noexcept {
  for (std::size_t i = 0; i < seen_count; ++i) {
    const auto f = static_cast<seen>(i);
    if (!is_outside_info(f) || has(f) || !before.has(f)) continue;
    values_[i] = before.values_[i];
    present_ |= std::uint64_t{1} << i;
  }
}

std::optional<std::uint64_t> growth(const sample& from, const sample& to, seen f) noexcept {
  const auto before = from.get(f);
  const auto after = to.get(f);
  if (!before || !after || *after < *before) return std::nullopt;
  return *after - *before;
}

}  // namespace tcpinfo::analysis::why
