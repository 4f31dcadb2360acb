// SPDX-License-Identifier: Apache-2.0
#include "cache/totals.h"

#include <tcpinfo/parse.h>

namespace tcpinfo::inline v0 {
namespace {

constexpr tcp_field wide_totals[] = {tcp_field::bytes_acked, tcp_field::bytes_received,
                                     tcp_field::bytes_sent, tcp_field::bytes_retrans};
constexpr tcp_field narrow_totals[] = {tcp_field::segs_out, tcp_field::segs_in,
                                       tcp_field::data_segs_in, tcp_field::data_segs_out,
                                       tcp_field::total_retrans};

template <class T>
bool any_lower(std::span<const tcp_field> fields, bytes_view before, bytes_view after) noexcept {
  for (const tcp_field field : fields) {
    const std::size_t at = static_cast<std::size_t>(field) / 8;
    if (at + sizeof(T) > before.size() || at + sizeof(T) > after.size()) continue;
    const T growth =
        static_cast<T>(wire::load<T>(after.data() + at) - wire::load<T>(before.data() + at));
    if (growth > ~T{0} / 2) return true;
  }
  return false;
}

template <class T>
bool all_zero(std::span<const tcp_field> fields, bytes_view info) noexcept {
  for (const tcp_field field : fields) {
    const std::size_t at = static_cast<std::size_t>(field) / 8;
    if (at + sizeof(T) <= info.size() && wire::load<T>(info.data() + at) != 0) return false;
  }
  return true;
}

}  // namespace

bool totals_are_zero(bytes_view info) noexcept {
  return all_zero<std::uint64_t>(wide_totals, info) && all_zero<std::uint32_t>(narrow_totals, info);
}

bool totals_went_back(bytes_view before, bytes_view after) noexcept {
  return any_lower<std::uint64_t>(wide_totals, before, after) ||
         any_lower<std::uint32_t>(narrow_totals, before, after);
}

}  // namespace tcpinfo::inline v0
