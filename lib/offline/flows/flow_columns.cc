// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_columns.h"

#include <tcpinfo/tcp.h>
#include <algorithm>
#include <iterator>
#include <limits>

#include "analysis/cgroup_names.h"
#include "offline/text/number_text.h"
#include "text/escape.h"
#include "text/whole_number.h"

namespace tcpinfo::offline {
namespace {

using analysis::names_of_cgroup;
using context = cell_context;

// For people what was appended from `begin` on must not move their cursor.
void end_text(flow_cell& to, std::size_t begin, const context& c) {
  to.is_text = to.present = to.text.size() != begin;
  const auto is_plain = [](char ch) { return ch >= ' ' && ch <= '~'; };
  const auto first = to.text.begin() + static_cast<std::ptrdiff_t>(begin);
  if (c.use != cell_use::people || std::all_of(first, to.text.end(), is_plain)) return;
  const std::string raw(first, to.text.end());
  to.text.resize(begin);
  text::append_escaped(to.text, raw);
}

void put_text(flow_cell& to, std::string_view text, const context& c) {
  const std::size_t begin = to.text.size();
  to.text += text;
  end_text(to, begin, c);
}

// Words of our own: nothing in them is to be escaped.
void put_word(flow_cell& to, std::string_view value, std::string_view for_people,
              const context& c) {
  to.is_text = to.present = !value.empty();
  to.text += c.use == cell_use::people ? for_people : value;
}

void put_number(flow_cell& to, const std::optional<std::uint64_t>& n, const context& c) {
  if (!n) return;
  to.present = true;
  if (c.use == cell_use::sorting)
    to.number = static_cast<long double>(*n);
  else
    append_number(to.text, *n);
}

using append_double = void(std::string&, double);

void put_decimal(flow_cell& to, const std::optional<double>& n, append_double& for_people,
                 const context& c) {
  if (!n) return;
  to.present = true;
  if (c.use == cell_use::sorting)
    to.number = *n;
  else if (c.use == cell_use::people)
    for_people(to.text, *n);
  else
    append_decimal(to.text, *n);
}

void put_whole(flow_cell& to, const std::optional<std::uint64_t>& n, append_double& for_people,
               const context& c) {
  if (c.use != cell_use::people)
    put_number(to, n, c);
  else if (n)
    put_decimal(to, static_cast<double>(*n), for_people, c);
}

void put_end(flow_cell& to, const ip_address& a, std::uint16_t port, address_text& texts) {
  const bool v6 = a.family == address_family::ipv6;
  if (v6) to.text += '[';
  texts.append(to.text, a);
  to.text += v6 ? "]:" : ":";
  append_number(to.text, port);
  to.is_text = to.present = true;
}

void put_time(flow_cell& to, const timestamp& t, const context& c) {
  if (t.is_zero()) return;
  // Also for sorting: what is beyond what can be written is absent.
  to.present = c.use == cell_use::people ? c.texts.times.append_aligned(to.text, t)
                                         : c.texts.times.append(to.text, t);
  if (!to.present) return;
  to.is_text = c.texts.times.style() != time_style::epoch;
  to.sorts_by_number = true;
  if (c.use == cell_use::sorting)
    to.number = static_cast<long double>(t.seconds) + t.nanoseconds * 1e-9L;
}

void append_milliseconds(std::string& to, double us) { append_fixed(to, us / 1000, 3); }

void append_percent(std::string& to, double percent) {
  if (percent == 0)
    to += '0';
  else
    append_fixed(to, percent, 2);
}

const owner_facts& owner_of(const flow_summary& f, const context& c) {
  if (c.texts.owner_of != &f) c.texts.owner = f.owner();
  c.texts.owner_of = &f;
  return c.texts.owner;
}

const std::optional<analysis::why::live_verdict>& cause_of(const flow_summary& f,
                                                           const context& c) {
  if (c.texts.cause_of != &f) c.texts.cause = main_cause(f, c.why);
  c.texts.cause_of = &f;
  return c.texts.cause;
}

void put_limit(flow_cell& to, const flow_summary& f, double flow_summary::limits::*part,
               const context& c) {
  if (const auto limits = f.limited()) put_decimal(to, (*limits).*part, append_percent, c);
}

constexpr flow_column columns_of_flows[] = {
    {"START", "start", 8, false,
     [](flow_summary& f, const context& c, flow_cell& to) { put_time(to, f.start(), c); }},
    {"DURATION", "duration_s", 3, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       const auto ns = f.duration_ns();
       if (!ns) return;
       to.present = true;
       if (c.use == cell_use::sorting)
         to.number = static_cast<long double>(*ns);
       else if (c.use == cell_use::people)
         append_span(to.text, *ns);
       else
         append_seconds(to.text, *ns);
     }},
    {"LOCAL", "local", 2, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_end(to, f.ends().src, f.ends().sport, c.texts.local);
     }},
    {"REMOTE", "remote", 1, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_end(to, f.ends().dst, f.ends().dport, c.texts.remote);
     }},
    {"STATE", "state", 13, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_word(to, state_name(f.state()), state_ss_name(f.state()), c);
     }},
    {"CLOSED", "closed", 6, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       const closing how = f.closed();
       put_word(to, closing_name(how), closing_text(how), c);
     }},
    {"SENT", "sent_bytes", 4, true,
     [](flow_summary& f, const context& c, flow_cell& to) { put_number(to, f.sent(), c); }},
    {"RECEIVED", "received_bytes", 5, true,
     [](flow_summary& f, const context& c, flow_cell& to) { put_number(to, f.received(), c); }},
    {"RETR%", "retransmitted_percent", 7, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_decimal(to, f.retransmitted_percent(), append_percent, c);
     }},
    {"MINRTT/ms", "min_rtt_us", 9, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_whole(to, f.min_rtt_us(), append_milliseconds, c);
     }},
    {"MEDRTT/ms", "median_rtt_us", 10, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_decimal(to, f.median_rtt_us(), append_milliseconds, c);
     }},
    {"PEAK", "peak_delivery_rate_bytes_per_s", 14, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_whole(to, f.peak_rate(), append_bit_rate, c);
     }},
    {"MEAN", "mean_rate_bytes_per_s", 11, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_decimal(to, f.mean_rate(), append_bit_rate, c);
     }},
    {"CC", "cong", 12, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_text(to, f.congestion_control(), c);
     }},
    {"SNAPS", "snapshots", 19, true,
     [](flow_summary& f, const context& c, flow_cell& to) { put_number(to, f.snapshots(), c); }},
    {"GAPS", "gaps", 20, true,
     [](flow_summary& f, const context& c, flow_cell& to) { put_number(to, f.gaps(), c); }},
    {"MISSED", "missed_polls_at_most", 21, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       const auto silent = c.list.silent_polls(f);
       if (silent.value_or(0) > 0 && c.use == cell_use::people) to.text += "<=";
       put_number(to, silent, c);
     }},
    {"DSACKS", "dsack_dups", 22, true,
     [](flow_summary& f, const context& c, flow_cell& to) { put_number(to, f.dsack_dups(), c); }},
    {"REORD", "reord_seen", 23, true,
     [](flow_summary& f, const context& c, flow_cell& to) { put_number(to, f.reord_seen(), c); }},
    {"BUSY%", "busy_percent", 15, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_decimal(to, f.busy_percent(), append_percent, c);
     }},
    {"RWND%", "rwnd_limited_percent", 16, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_limit(to, f, &flow_summary::limits::rwnd, c);
     }},
    {"SNDBUF%", "sndbuf_limited_percent", 17, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_limit(to, f, &flow_summary::limits::sndbuf, c);
     }},
    {"NET%", "network_limited_percent", 18, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_limit(to, f, &flow_summary::limits::network, c);
     }},
    {"UUID", "uuid", wide_column, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       const std::size_t begin = to.text.size();
       f.append_uuid(to.text);
       end_text(to, begin, c);
     }},
    {"OPENED", "opened", wide_column, false,
     [](flow_summary& f, const context& c, flow_cell& to) { put_time(to, f.opened(), c); }, true},
    {"ENDED", "ended", wide_column, false,
     [](flow_summary& f, const context& c, flow_cell& to) { put_time(to, f.ended(), c); }, true},
    {"NETNS", "netns", 24, false,
     [](flow_summary& f, const context& c, flow_cell& to) { put_text(to, f.netns(), c); }, true},
    {"COMM", "comm", 26, false,
     [](flow_summary& f, const context& c, flow_cell& to) { put_text(to, owner_of(f, c).comm, c); },
     true},
    {"PID", "pid", wide_column, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_number(to, text::parse_whole(owner_of(f, c).pid, 0xffff'ffff), c);
     },
     true},
    {"CONTAINER", "container", wide_column, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_text(to, names_of_cgroup(owner_of(f, c).cgroup).container, c);
     },
     true},
    {"POD", "pod", wide_column, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_text(to, names_of_cgroup(owner_of(f, c).cgroup).pod, c);
     },
     true},
    {"CGROUP", "cgroup", wide_column, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_text(to, owner_of(f, c).cgroup, c);
     },
     true},
    {"EXECUTABLE", "executable", wide_column, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_text(to, owner_of(f, c).executable, c);
     },
     true},
    {"OWNER", "owner", wide_column, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       put_text(to, owner_of(f, c).owner, c);
     },
     true},
    {"WHY", "why", 8, false,
     [](flow_summary& f, const context& c, flow_cell& to) {
       const auto verdict = cause_of(f, c);
       if (!verdict) return;
       const std::string_view cause = analysis::why::name_of(verdict->main);
       put_word(to, cause, cause, c);
     },
     true},
    {"WHY%", "why_percent", 25, true,
     [](flow_summary& f, const context& c, flow_cell& to) {
       if (const auto& verdict = cause_of(f, c))
         put_decimal(to, 100 * verdict->share, append_percent, c);
     },
     true},
};
static_assert(std::size(columns_of_flows) == flow_column_count);

}  // namespace

std::span<const flow_column, flow_column_count> flow_columns() noexcept { return columns_of_flows; }

void append_bit_rate(std::string& to, double bytes_per_second) {
  double bits = bytes_per_second * 8;
  static constexpr std::string_view units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  std::size_t unit = 0;
  while (bits >= 999.5 && unit + 1 < std::size(units)) {
    bits /= 1000;
    ++unit;
  }
  append_fixed(to, bits, unit == 0 || bits >= 99.95 ? 0 : bits >= 9.995 ? 1 : 2);
  to += units[unit];
}

void append_span(std::string& to, std::int64_t ns) {
  if (ns < 0) {
    to += '-';
    ns = -std::max(ns, -std::numeric_limits<std::int64_t>::max());
  }
  const auto size = static_cast<std::uint64_t>(ns);
  const std::uint64_t ms = size / 1'000'000 + (size % 1'000'000 >= 500'000 ? 1 : 0);
  const std::uint64_t s = ms / 1000;
  const auto two = [&to](std::uint64_t n, char unit) {
    append_padded(to, n, 2);
    to += unit;
  };
  if (s < 60) {
    append_number(to, s);
    to += '.';
    append_padded(to, ms % 1000, 3);
    to += 's';
  } else if (s < 3600) {
    append_number(to, s / 60);
    to += 'm';
    two(s % 60, '.');
    append_number(to, ms % 1000 / 100);
    to += 's';
  } else if (s < 86400) {
    append_number(to, s / 3600);
    to += 'h';
    two(s / 60 % 60, 'm');
    two(s % 60, 's');
  } else {
    append_number(to, s / 86400);
    to += 'd';
    two(s / 3600 % 24, 'h');
    two(s / 60 % 60, 'm');
  }
}

}  // namespace tcpinfo::offline
