// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/record_observer.h"

#include <tcpinfo/tcp.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "collect/telemetry/growth.h"

namespace tcpinfo::collect {
namespace {

void count_types(std::uint64_t types, std::array<counter, counted_types>& to) noexcept {
  for (; types != 0; types &= types - 1)
    to[std::min<std::size_t>(static_cast<std::size_t>(std::countr_zero(types)), counted_types - 1)]
        .add();
}

}  // namespace

void record_observer::take_shape(bytes_view bytes) noexcept {
  last_ = {};
  headers_.clear();
  ++shapes_;
  // Where its last word lies is of no interest here.
  if (decoded_.decode({bytes}, info_layout::unknown)) return;
  // Bytes after a malformed attribute could be a good one in a message of the same size.
  bool whole = !decoded_.has(snapshot_fault::malformed_tail);
  for (const attribute& a : message{bytes}.attributes()) {
    const auto at = static_cast<std::uint32_t>(a.payload.data() - bytes.data());
    if (!headers_.add(bytes, at - wire::attribute_header_size)) whole = false;
    // Its content may be another thing each time.
    if (a.is(attribute_type::ulp_info)) whole = false;
    if (!a.is(attribute_type::info) || last_.info_at != 0) continue;
    last_.info_at = at;
    last_.info_size = static_cast<std::uint32_t>(a.payload.size());
  }
  last_.large = decoded_.attributes_with(snapshot_fault::long_attribute);
  attribute unknown;
  for (std::size_t i = 0; decoded_.unknown_at(i, unknown); ++i) {
    if (last_.skipped_count < last_.skipped.size()) {
      last_.skipped[last_.skipped_count++] = unknown.type;
    } else {
      whole = false;
      count_skipped(unknown.type);
    }
  }
  if (whole) headers_.finish(bytes);
}

void record_observer::count_skipped(std::uint16_t type) noexcept {
  to_.skipped_attributes[std::min<std::size_t>(type, counted_types - 1)].add();
}

std::uint64_t record_observer::look(observed_flow& flow, const snapshot_header& header,
                                    bytes_view bytes) noexcept {
  if (!headers_.are_of(bytes)) take_shape(bytes);
  const std::uint64_t same_shape = headers_.are_finished() ? shapes_ : 0;
  count_types(last_.large, to_.large_attributes);
  for (std::size_t i = 0; i < last_.skipped_count; ++i) count_skipped(last_.skipped[i]);
  const bytes_view info = bytes.subspan(last_.info_at, last_.info_size);
  if (traffic_ != nullptr) traffic_->see(flow.traffic, header, bytes, info);
  const auto total = [&info](tcp_field which) {
    return tcp_value(info, info_layout::unknown, which);
  };
  // A final message whose totals the kernel cleared has the last ones; one without INFO has none.
  const auto received = total(tcp_field::bytes_received);
  if (!received) return same_shape;
  // Kernels before 4.19 do not tell what was sent, only what arrived.
  auto sent = total(tcp_field::bytes_sent);
  if (!sent) sent = total(tcp_field::bytes_acked);
  if (!flow.counted && header.may_be_old != 0) {
    flow.bytes_sent = sent.value_or(0);
    flow.bytes_received = *received;
  }
  flow.counted = true;
  sent_ += growth_of(flow.bytes_sent, sent.value_or(0));
  received_ += growth_of(flow.bytes_received, *received);
  return same_shape;
}

void record_observer::publish() noexcept {
  to_.bytes_sent.add(std::exchange(sent_, 0));
  to_.bytes_received.add(std::exchange(received_, 0));
}

}  // namespace tcpinfo::collect
