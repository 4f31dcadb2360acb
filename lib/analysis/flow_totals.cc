// SPDX-License-Identifier: Apache-2.0
#include "analysis/flow_totals.h"

#include <tcpinfo/tcp.h>

#include <cstring>

namespace tcpinfo::analysis {
namespace {

// By total.
constexpr std::array<tcp_field, total_count> fields = {
    tcp_field::bytes_acked,    tcp_field::bytes_received, tcp_field::bytes_sent,
    tcp_field::bytes_retrans,  tcp_field::busy_time,      tcp_field::rwnd_limited,
    tcp_field::sndbuf_limited, tcp_field::total_retrans,  tcp_field::segs_out,
    tcp_field::segs_in,        tcp_field::data_segs_out,  tcp_field::data_segs_in,
    tcp_field::delivered,      tcp_field::delivered_ce,   tcp_field::unacked,
    tcp_field::dsack_dups,     tcp_field::reord_seen,     tcp_field::total_rto_time,
    tcp_field::total_rto,      tcp_field::options,        tcp_field::retransmits,
    tcp_field::probes,
};

// Where they stand in tcp_info: asking the snapshot for each takes ten times as long.
struct place {
  field_descriptor field;
  std::size_t at = 0;
  std::size_t end = 0;
};
const std::array<place, total_count>& places() noexcept {
  static const auto all = [] {
    std::array<place, total_count> found;
    for (std::size_t i = 0; i < total_count; ++i) {
      const field_descriptor f = describe(field(fields[i]));
      found[i] = {f, f.offset(), f.offset() + f.size()};
    }
    return found;
  }();
  return all;
}

}  // namespace

field_descriptor field_of(total t) noexcept { return places()[static_cast<std::size_t>(t)].field; }

void flow_totals::take(const snapshot& s) noexcept {
  bytes_view info;
  (void)s.payload(attribute_type::info, info);
  const auto& all = places();
  present_ = 0;
  // Each member is as wide as the field. What the payload does not hold whole is absent.
  const auto fill = [&](auto& to, std::size_t from) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      const place& p = all[from + i];
      to[i] = 0;
      if (p.end > info.size()) continue;
      std::memcpy(&to[i], info.data() + p.at, sizeof to[i]);
      present_ |= 1U << (from + i);
    }
  };
  fill(wide_, 0);
  fill(narrow_, narrow_from);
  fill(short_, short_from);
  fill(tiny_, tiny_from);
}

}  // namespace tcpinfo::analysis
