// SPDX-License-Identifier: Apache-2.0
#include "collect/telemetry/observations.h"

#include <tcpinfo/tcp.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace tcpinfo::collect {
namespace {

// Bounds are those of M-Lab's collector, so that what was computed from its buckets can be computed
// from ours.
constexpr std::array time_bounds = {0.001,  0.00125, 0.0016, 0.002,  0.0025, 0.0032, 0.004, 0.005,
                                    0.0063, 0.0079,  0.01,   0.0125, 0.016,  0.02,   0.025, 0.032,
                                    0.04,   0.05,    0.063,  0.079,  0.1,    0.125,  0.16,  0.2};
constexpr auto interval_bounds = [] {
  std::array<double, 30> bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<double>(i) / 1000;
  return bounds;
}();
// The peer's buckets end at 29 ms.
constexpr std::array wide_interval_bounds = {
    0.001, 0.002, 0.005, 0.0095, 0.0105, 0.011, 0.012, 0.015, 0.02, 0.03, 0.05,
    0.075, 0.1,   0.15,  0.2,    0.3,    0.5,   0.75,  1.,    2.,   5.,   10.};
constexpr std::array count_bounds = {
    1.,    2.,     3.,     4.,     5.,     6.,     8.,     10.,    12.5,   16.,    20.,    25.,
    32.,   40.,    50.,    63.,    79.,    100.,   125.,   160.,   200.,   250.,   320.,   400.,
    500.,  630.,   790.,   1000.,  1250.,  1600.,  2000.,  2500.,  3200.,  4000.,  5000.,  6300.,
    7900., 10000., 12500., 16000., 20000., 25000., 32000., 40000., 50000., 63000., 79000., 1e7};
constexpr std::array rate_bounds = {
    0.,     1.,     10.,    100.,   1e3,    1.58e3, 2.51e3, 3.98e3, 6.31e3, 1e4,    1.58e4, 2.51e4,
    3.98e4, 6.31e4, 1e5,    1.58e5, 2.51e5, 3.98e5, 6.31e5, 1e6,    1.58e6, 2.51e6, 3.98e6, 6.31e6,
    1e7,    1.58e7, 2.51e7, 3.98e7, 6.31e7, 1e8,    1.58e8, 2.51e8, 3.98e8, 6.31e8, 1e9,    1.26e9,
    1.58e9, 2e9,    2.51e9, 3.16e9, 3.98e9, 5.01e9, 6.31e9, 7.94e9, 1e10};
static_assert(count_bounds.size() <= histogram::max_bounds);

constexpr std::int64_t second = 1'000'000'000;

double seconds(std::int64_t ns) noexcept { return static_cast<double>(ns) * 1e-9; }

// What a total grew by. A socket that is used again begins anew.
std::uint64_t growth(std::uint64_t& last, std::uint64_t now) noexcept {
  const std::uint64_t by = now >= last ? now - last : now;
  last = now;
  return by;
}

void count_types(std::uint64_t types, std::array<counter, counted_types>& to) noexcept {
  for (; types != 0; types &= types - 1)
    to[std::min<std::size_t>(static_cast<std::size_t>(std::countr_zero(types)), counted_types - 1)]
        .add();
}

}  // namespace

observations::observations(event_server* events) noexcept
    : syscall_time_both(time_bounds),
      syscall_time_ipv4(time_bounds),
      syscall_time_ipv6(time_bounds),
      polling_interval(interval_bounds),
      achieved_interval(wide_interval_bounds),
      connections_ipv4(count_bounds),
      connections_ipv6(count_bounds),
      cached(count_bounds),
      send_rate(rate_bounds),
      receive_rate(rate_bounds),
      events_(events) {}

void observations::opened(const socket_id& id, std::int64_t time_ns) noexcept {
  flows_opened.add();
  if (events_ != nullptr) events_->opened(id, time_ns);
}

void observations::closed(std::uint64_t cookie, std::int64_t time_ns) noexcept {
  flows_closed.add();
  if (events_ != nullptr) events_->closed(cookie, time_ns);
}

void poll_observer::end(const poll_report& report, std::size_t flows) noexcept {
  const std::pair<histogram&, std::int64_t> walks[] = {{to_.syscall_time_both, report.both_ns},
                                                       {to_.syscall_time_ipv4, report.ipv4_ns},
                                                       {to_.syscall_time_ipv6, report.ipv6_ns}};
  for (const auto& [times, ns] : walks)
    if (ns > 0) times.add(seconds(ns));
  to_.dump_messages.add(static_cast<std::uint64_t>(report.messages));
  to_.dump_bytes.add(static_cast<std::uint64_t>(report.bytes));
  // What a failed poll did not show is not zero connections.
  if (report.complete) {
    to_.connections_ipv4.add(static_cast<double>(ipv4_));
    to_.connections_ipv6.add(static_cast<double>(ipv6_));
  }
  to_.cached.add(static_cast<double>(flows));
  set(report.complete ? ipv4_ + ipv6_ : sockets_, flows);
}

// Differences, which wrap where they are negative: others have their share in the sums.
void poll_observer::set(std::uint64_t sockets, std::uint64_t flows) noexcept {
  to_.sockets_now.fetch_add(sockets - sockets_, std::memory_order_relaxed);
  to_.open_flows.fetch_add(flows - flows_, std::memory_order_relaxed);
  sockets_ = sockets;
  flows_ = flows;
}

// One observation for each second that has passed, on average over all of them where polls are
// rarer.
void observations::observe_rates(std::int64_t now_ns) noexcept {
  constexpr std::int64_t most = 3600;
  if (rates_since_ns_ == 0) rates_since_ns_ = now_ns;
  const std::int64_t passed = (now_ns - rates_since_ns_) / second;
  if (passed <= 0) return;
  rates_since_ns_ += passed * second;
  const auto sent = static_cast<double>(growth(rates_sent_, bytes_sent.get()));
  const auto received = static_cast<double>(growth(rates_received_, bytes_received.get()));
  const std::int64_t observed = std::min(passed, most);
  for (std::int64_t i = 0; i < observed; ++i) {
    send_rate.add(8 * sent / static_cast<double>(observed));
    receive_rate.add(8 * received / static_cast<double>(observed));
  }
}

bool record_observer::has_last_shape(bytes_view bytes) const noexcept {
  if (bytes.size() != last_.size) return false;
  std::uint32_t different = 0;
  for (std::size_t i = 0; i < last_.header_count; ++i)
    different |=
        wire::load<std::uint32_t>(bytes.data() + last_.headers[i].at) ^ last_.headers[i].bytes;
  return different == 0;
}

void record_observer::take_shape(bytes_view bytes) noexcept {
  last_ = {};
  // Where its last word lies is of no interest here.
  if (decoded_.decode({bytes}, info_layout::unknown)) return;
  // What is after a malformed attribute could be a good one in a message of the same size.
  bool whole = !decoded_.has(snapshot_fault::malformed_tail);
  for (const attribute& a : message{bytes}.attributes()) {
    const auto at = static_cast<std::uint32_t>(a.payload.data() - bytes.data());
    const std::uint32_t header_at = at - static_cast<std::uint32_t>(wire::attribute_header_size);
    if (last_.header_count < last_.headers.size())
      last_.headers[last_.header_count++] = {header_at,
                                             wire::load<std::uint32_t>(bytes.data() + header_at)};
    else
      whole = false;
    // What is inside may be another thing each time.
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
  if (whole) last_.size = bytes.size();
}

void record_observer::count_skipped(std::uint16_t type) noexcept {
  to_.skipped_attributes[std::min<std::size_t>(type, counted_types - 1)].add();
}

void record_observer::look(flow_log& flow, const snapshot_header& header,
                           bytes_view bytes) noexcept {
  if (!has_last_shape(bytes)) take_shape(bytes);
  count_types(last_.large, to_.large_attributes);
  for (std::size_t i = 0; i < last_.skipped_count; ++i) count_skipped(last_.skipped[i]);
  const bytes_view info = bytes.subspan(last_.info_at, last_.info_size);
  const auto total = [&info](tcp_field which) {
    return tcp_value(info, info_layout::unknown, which);
  };
  // A final message whose totals the kernel cleared has the last ones; one without INFO has none.
  const auto received = total(tcp_field::bytes_received);
  if (!received) return;
  // Kernels before 4.19 do not tell what was sent, only what arrived.
  auto sent = total(tcp_field::bytes_sent);
  if (!sent) sent = total(tcp_field::bytes_acked);
  if (!flow.counted && header.may_be_old != 0) {
    flow.bytes_sent = sent.value_or(0);
    flow.bytes_received = *received;
  }
  flow.counted = true;
  sent_ += growth(flow.bytes_sent, sent.value_or(0));
  received_ += growth(flow.bytes_received, *received);
}

void record_observer::publish() noexcept {
  to_.bytes_sent.add(std::exchange(sent_, 0));
  to_.bytes_received.add(std::exchange(received_, 0));
}

}  // namespace tcpinfo::collect
