// SPDX-License-Identifier: Apache-2.0
#include "analysis/flow_totals.h"

#include <tcpinfo/tcp.h>

#include <cstring>
#include <utility>

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

// A field's number is its first bit.
constexpr std::size_t place_of(std::size_t i) noexcept {
  return (static_cast<std::uint32_t>(fields[i]) & 0xffffU) / 8;
}

template <bool Whole, std::size_t From, class T, std::size_t Count, std::size_t... I>
void fill(std::array<T, Count>& to, bytes_view info, std::uint32_t& present,
          std::index_sequence<I...>) noexcept {
  const auto one = [&]<std::size_t At>() {
    constexpr std::size_t place = place_of(From + At);
    // What the payload does not hold whole is absent.
    if (Whole || place + sizeof(T) <= info.size()) {
      std::memcpy(&to[At], info.data() + place, sizeof(T));
      present |= std::uint32_t{1} << (From + At);
    } else {
      to[At] = 0;
    }
  };
  (one.template operator()<I>(), ...);
}

}  // namespace

field_descriptor field_of(total t) noexcept {
  return describe(field(fields[static_cast<std::size_t>(t)]));
}

template <bool Whole>
void flow_totals::take_fields(bytes_view info) noexcept {
  present_ = 0;
  // Each member is as wide as the field.
  fill<Whole, 0>(wide_, info, present_, std::make_index_sequence<narrow_from>());
  fill<Whole, narrow_from>(narrow_, info, present_,
                           std::make_index_sequence<short_from - narrow_from>());
  fill<Whole, short_from>(short_, info, present_,
                          std::make_index_sequence<tiny_from - short_from>());
  fill<Whole, tiny_from>(tiny_, info, present_,
                         std::make_index_sequence<total_count - tiny_from>());
}

// Today's kernels send them all.
void flow_totals::take(bytes_view info) noexcept {
  if (info.size() >= tcp_info_known_size)
    take_fields<true>(info);
  else
    take_fields<false>(info);
}

void flow_totals::set(total t, std::uint64_t value) noexcept {
  const auto at = static_cast<std::size_t>(t);
  present_ |= bit(t);
  if (at < narrow_from)
    wide_[at] = value;
  else if (at < short_from)
    narrow_[at - narrow_from] = static_cast<std::uint32_t>(value);
  else if (at < tiny_from)
    short_[at - short_from] = static_cast<std::uint16_t>(value);
  else
    tiny_[at - tiny_from] = static_cast<std::uint8_t>(value);
}

}  // namespace tcpinfo::analysis
