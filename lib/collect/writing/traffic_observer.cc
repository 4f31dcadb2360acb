// SPDX-License-Identifier: Apache-2.0
#include "collect/writing/traffic_observer.h"

#include <tcpinfo/archive.h>
#include <tcpinfo/message.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "collect/owners/cgroup_paths.h"
#include "collect/telemetry/growth.h"
#include "text/escape.h"

namespace tcpinfo::collect {
namespace {

std::uint64_t u32_at(bytes_view info, std::size_t at, std::uint64_t otherwise) noexcept {
  if (info.size() < at + sizeof(std::uint32_t)) return otherwise;
  return wire::load<std::uint32_t>(info.data() + at);
}

// Of the service, as a rule: the system gives clients ports from here on (ip_local_port_range).
constexpr std::uint16_t first_ephemeral = 32768;

std::string port_of(const socket_id& ends) {
  const auto [low, high] = std::minmax(ends.sport, ends.dport);
  const std::uint16_t port = low != 0 ? low : high;
  if (port >= first_ephemeral) return "ephemeral";
  return port != 0 ? std::to_string(port) : std::string(unknown_value);
}

// As much of it as --anonymize leaves, whether it is asked for or not.
std::string prefix_of(const ip_address& remote) {
  ip_address network = remote.unmapped();
  if (network.is_unspecified()) return std::string(unknown_value);
  const bool v4 = network.family == address_family::ipv4;
  // In 2002::/16 (6to4) there is an IPv4 address behind these two bytes.
  const bool has_v4_inside = !v4 && network.bytes[0] == 0x20 && network.bytes[1] == 0x02;
  const unsigned length = v4 ? 24 : has_v4_inside ? 40 : 48;
  std::fill(network.bytes.begin() + length / 8, network.bytes.end(), std::uint8_t{0});
  return to_string(network) + '/' + std::to_string(length);
}

// Text as it may be shown: a label that is not UTF-8 makes a scraper refuse all metrics.
std::string cc_of(const message& m) {
  const auto name = m.find(attribute_type::cong);
  if (!name || name->empty()) return std::string(unknown_value);
  const auto* const bytes = static_cast<const char*>(static_cast<const void*>(name->data()));
  const std::string_view whole(bytes, name->size());
  const std::string_view cut = whole.substr(0, whole.find('\0'));
  return cut.empty() ? std::string(unknown_value) : text::escaped(cut);
}

std::string cgroup_of(const message& m, const cgroup_name& names) {
  const auto number = m.find(attribute_type::cgroup_id);
  if (!number || number->size() < sizeof(std::uint64_t)) return std::string(unknown_value);
  const auto id = wire::load<std::uint64_t>(number->data());
  std::string name = names && id != 0 ? names(id) : std::string();
  name = text::escaped(name);
  if (name.empty()) name = id != 0 ? std::to_string(id) : std::string(unknown_value);
  return name;
}

// When the connection ended, as a rule before that was told; of other records their time.
std::int64_t end_of(const snapshot_header& header) noexcept {
  return header.ended_ns != 0 ? header.ended_ns : header.time_ns;
}

// Time that was told of one cause, and was another's as later records showed, stays told.
void tell_causes(traffic_series& series, observed_causes& causes) noexcept {
  const analysis::why::cause_times now = causes.clock.times();
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i] <= causes.told[i]) continue;
    series.cause_ns[i].add(static_cast<std::uint64_t>(now[i] - causes.told[i]));
    causes.told[i] = now[i];
  }
}

}  // namespace

void observed_traffic::close(analysis::closing how) noexcept {
  if (!series || std::exchange(closed, true)) return;
  series->closed[static_cast<std::size_t>(how)].add();
  series->open.fetch_sub(1, std::memory_order_relaxed);
}

cgroup_name names_of_cgroups(const traffic_table& table) {
  if (!table.wanted().has(traffic_label::cgroup)) return {};
  return [paths = std::make_shared<cgroup_paths>()](std::uint64_t id) {
    return without_addresses(paths->path_of(id));
  };
}

traffic_observer::traffic_observer(traffic_table& to, const uuid_prefixes& prefixes,
                                   cgroup_name names)
    : to_(to),
      prefixes_(prefixes),
      names_(std::move(names)),
      sent_at_(describe(tcp_field::segs_out).offset()),
      again_at_(describe(tcp_field::total_retrans).offset()),
      spurious_at_(describe(tcp_field::dsack_dups).offset()) {}

void traffic_observer::see(std::unique_ptr<observed_traffic>& flow, const snapshot_header& header,
                           bytes_view message, bytes_view info) noexcept {
  try {
    // Another connection's cookie now.
    if (flow &&
        (flow->closed || begins_reuse(header.kind) || header.kind == snapshot_kind::followed))
      flow.reset();
    const bool is_first = !flow;
    if (is_first) flow = std::make_unique<observed_traffic>();
    look(*flow, header, message, info, is_first);
  } catch (const std::bad_alloc&) {
    // What was not done is done with its next record, or missing.
  }
}

void traffic_observer::look(observed_traffic& flow, const snapshot_header& header,
                            bytes_view message, bytes_view info, bool is_first) {
  const bool ended = ends_connection(header.kind);
  if (is_first) {
    flow.old = header.may_be_old != 0 && header.opened_ns == 0;
    flow.since_ns = header.opened_ns != 0 ? header.opened_ns : flow.old ? 0 : header.time_ns;
    flow.next_ns = header.time_ns + observe_ns;
    flow.prefix = header.prefix;
  }
  if (!flow.series) begin(flow, header, message);
  if (to_.wanted().causes && !info.empty()) {
    if (!flow.causes) flow.causes = std::make_unique<observed_causes>();
    using analysis::why::cause_point;
    flow.causes->clock.add(cause_point::of({message}, info, end_of(header), flow.bbr));
  }
  count(flow, info);
  if (ended) {
    if (flow.series) observe(flow, header, info, true);
    flow.close(flow.states.end(header, message, info));
    return;
  }
  flow.states.keep(header, message, info);
  // Unless the clock was stepped back.
  if (header.time_ns < flow.next_ns && flow.next_ns - header.time_ns <= 2 * observe_ns) return;
  flow.next_ns = header.time_ns + observe_ns;
  if (flow.series) observe(flow, header, info, false);
}

// Mini sockets do not say all that labels are made of: then a later message does, or the last one.
void traffic_observer::begin(observed_traffic& flow, const snapshot_header& header,
                             bytes_view bytes) {
  const message m{bytes};
  const traffic_labels& wanted = to_.wanted();
  const bool complete = !wanted.has(traffic_label::cc) || m.find(attribute_type::cong);
  if (!complete && !ends_connection(header.kind)) return;
  // The final message of a connection that was aborted here has no ends.
  const bytes_view before = flow.states.first();
  const socket_id ends = message{before.empty() ? bytes : before}.id();
  label_values values;
  const auto set = [&](traffic_label label, auto make) {
    if (wanted.has(label)) values[static_cast<std::size_t>(label)] = make();
  };
  set(traffic_label::port, [&] { return port_of(ends); });
  set(traffic_label::cc, [&] { return cc_of(m); });
  set(traffic_label::prefix, [&] { return prefix_of(ends.dst); });
  set(traffic_label::cgroup, [&] { return cgroup_of(m, names_); });
  flow.bbr = cc_of(m).starts_with("bbr");
  flow.series = to_.get(std::move(values), header.time_ns);
  flow.series->open.fetch_add(1, std::memory_order_relaxed);
  if (flow.since_ns != 0) flow.series->opened.add();
}

void traffic_observer::count(observed_traffic& flow, bytes_view info) noexcept {
  // What is not there is as it was.
  const std::uint64_t sent = u32_at(info, sent_at_, flow.sent);
  const std::uint64_t again = u32_at(info, again_at_, flow.again);
  const std::uint64_t spurious = u32_at(info, spurious_at_, flow.spurious);
  if (flow.old) {
    if (info.empty()) return;
    flow.old = false;
    flow.sent = sent;
    flow.again = again;
    flow.spurious = spurious;
    return;
  }
  if (!flow.series) return;
  if (sent != flow.sent) flow.series->segments_sent.add(growth_of(flow.sent, sent));
  if (again != flow.again) flow.series->segments_retransmitted.add(growth_of(flow.again, again));
  if (spurious != flow.spurious)
    flow.series->segments_spurious.add(growth_of(flow.spurious, spurious));
}

void traffic_observer::observe(observed_traffic& flow, const snapshot_header& header,
                               bytes_view info, bool ended) {
  char text[max_uuid_size];
  const std::string_view uuid(text, format_uuid(prefixes_.get(flow.prefix), header.cookie, text));
  const auto add = [&](traffic_distribution& to, double value) {
    to.add(value, header.time_ns, uuid);
  };
  const auto value_of = [info](tcp_field which) {
    return tcp_value(info, info_layout::unknown, which).value_or(0);
  };
  traffic_series& series = *flow.series;
  if (const auto rtt = value_of(tcp_field::rtt); rtt != 0)
    add(series.rtt, static_cast<double>(rtt) * 1e-6);
  // All ones until something was measured.
  if (const auto rtt = value_of(tcp_field::min_rtt); rtt != 0 && rtt != ~std::uint32_t{0})
    add(series.min_rtt, static_cast<double>(rtt) * 1e-6);
  if (const auto rate = value_of(tcp_field::delivery_rate); rate != 0)
    add(series.delivery_rate, static_cast<double>(rate));
  series.last_used_ns.store(header.time_ns, std::memory_order_relaxed);
  if (flow.causes) tell_causes(series, *flow.causes);
  if (!ended || flow.since_ns == 0) return;
  const std::int64_t until_ns = end_of(header);
  add(series.lifetime,
      static_cast<double>(std::max<std::int64_t>(until_ns - flow.since_ns, 0)) * 1e-9);
}

}  // namespace tcpinfo::collect
