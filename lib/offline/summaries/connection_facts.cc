// SPDX-License-Identifier: Apache-2.0
#include "offline/summaries/connection_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/why/words.h"
#include "offline/flows/flow_columns.h"

namespace tcpinfo::offline {
namespace {

using analysis::statistics::effect_kind;

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
// Networks of these sizes are mostly routed as one.
constexpr unsigned v4_network_bits = 24;
constexpr unsigned v6_network_bits = 48;

template <class T>
double or_unknown(const std::optional<T>& n) noexcept {
  return n ? static_cast<double>(*n) : unknown;
}

std::uint64_t whole(double value) noexcept {
  return static_cast<std::uint64_t>(std::clamp(value, 0.0, 1.8e19) + 0.5);
}

std::string seconds_text(double s) {
  if (s < 60) return fmt::format("{:.3g} s", s);
  std::string text;
  append_span(text, static_cast<std::int64_t>(s * 1e9));
  return text;
}

std::string time_text(double us) {
  // Below a microsecond there is nothing but 0, of loopback.
  if (us < 1e6) return fmt::format("{:.3g} ms", us / 1000);
  return seconds_text(us / 1e6);
}

std::string rate_text(double rate) { return analysis::why::rate_text(rate); }

std::string percent_text(double percent) {
  return percent == 0 ? "0 %" : fmt::format("{:.2g} %", percent);
}

std::string volume_text(double bytes) { return analysis::why::bytes_text(whole(bytes)); }

constexpr std::array<quantity_description, quantity_count> all_quantities = {{
    {quantity::min_rtt, "min_rtt_us", "Lowest round-trip time", effect_kind::ratio, time_text},
    {quantity::median_rtt, "median_rtt_us", "Round-trip time, median of each connection",
     effect_kind::ratio, time_text},
    {quantity::p95_rtt, "p95_rtt_us", "Round-trip time, 95th percentile of each connection",
     effect_kind::ratio, time_text},
    {quantity::mean_rate, "mean_rate_bytes_per_s", "Mean rate", effect_kind::ratio, rate_text},
    {quantity::retransmitted, "retransmitted_percent", "Retransmitted", effect_kind::difference,
     percent_text},
    {quantity::duration, "duration_s", "Duration", effect_kind::ratio, seconds_text},
    {quantity::sent, "sent_bytes", "Sent", effect_kind::ratio, volume_text},
    {quantity::received, "received_bytes", "Received", effect_kind::ratio, volume_text},
}};

std::optional<cause_facts> causes_of(const flow_summary& flow, why_list* why) {
  if (why == nullptr) {
    const analysis::why::cause_clock clock = flow.causes();
    const auto verdict = clock.verdict();
    if (!verdict) return std::nullopt;
    return cause_facts{verdict->main, clock.times()};
  }
  // The first verdict is of the way that carried most.
  const why_verdicts& verdicts = why->of(flow);
  if (verdicts.empty()) return std::nullopt;
  return cause_facts{verdicts.front().main, verdicts.front().times};
}

}  // namespace

const std::array<quantity_description, quantity_count>& quantities() noexcept {
  return all_quantities;
}

ip_prefix connection_facts::network() const noexcept {
  return ip_prefix::of(remote,
                       remote.family == address_family::ipv4 ? v4_network_bits : v6_network_bits);
}

std::uint16_t port_of(const flow_summary& flow) noexcept {
  const socket_id ends = flow.ends();
  if (const auto here = flow.opened_here()) return *here ? ends.dport : ends.sport;
  return ends.dport == 0 ? ends.sport : std::min(ends.sport, ends.dport);
}

connection_facts facts_of(flow_summary& flow, why_list* why) {
  connection_facts made;
  const auto set = [&made](quantity q, double value) {
    made.values[static_cast<std::size_t>(q)] = value;
  };
  set(quantity::min_rtt, or_unknown(flow.min_rtt_us()));
  set(quantity::median_rtt, or_unknown(flow.median_rtt_us()));
  set(quantity::p95_rtt, or_unknown(flow.p95_rtt_us()));
  set(quantity::mean_rate, or_unknown(flow.mean_rate()));
  set(quantity::retransmitted, or_unknown(flow.retransmitted_percent()));
  const auto ns = flow.duration_ns();
  set(quantity::duration, ns && *ns >= 0 ? static_cast<double>(*ns) / 1e9 : unknown);
  set(quantity::sent, or_unknown(flow.sent()));
  set(quantity::received, or_unknown(flow.received()));
  if (const timestamp start = flow.start(); !start.is_zero()) made.start_s = start.seconds;
  made.remote = flow.ends().dst.unmapped();
  made.port = port_of(flow);
  made.closed = flow.closed();
  made.congestion_control = flow.congestion_control();
  made.cgroup = flow.owner().cgroup;
  made.comm = flow.owner().comm;
  if (const auto again = flow.last(total::total_retrans)) made.any_retransmission = *again != 0;
  made.causes = causes_of(flow, why);
  return made;
}

}  // namespace tcpinfo::offline
