// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "offline/summaries/summary_print.h"
#include "offline/text/number_text.h"
#include "offline/text/output.h"

namespace tcpinfo::offline {
namespace {

// A number that is not known has no member.
void append_member(std::string& to, std::string_view name, double value) {
  if (std::isnan(value)) return;
  fmt::format_to(std::back_inserter(to), "{}\"{}\":", to.ends_with('{') ? "" : ",", name);
  append_decimal(to, value);
}

void append_group(std::string& to, const group& g, const group_table& table, bool is_rest) {
  fmt::format_to(std::back_inserter(to), "{{\"by\":\"{}\",", describe(table.by).name);
  if (is_rest) {
    fmt::format_to(std::back_inserter(to), "\"others\":{}", table.left_out);
  } else {
    to += "\"group\":";
    if (g.name.empty())
      to += "null";
    else
      append_json_string(to, g.name);
  }
  fmt::format_to(std::back_inserter(to), ",\"connections\":{}", g.connections);
  append_member(to, "sent_total_bytes", g.sent);
  append_member(to, "received_total_bytes", g.received);
  for (const quantity_description& q : quantities()) {
    const group_numbers& n = g.numbers[static_cast<std::size_t>(q.of)];
    fmt::format_to(std::back_inserter(to), ",\"{}\":{{\"known\":{}", q.name, n.known);
    append_member(to, "p50", n.p50);
    append_member(to, "p90", n.p90);
    to += '}';
  }
  to += "}\n";
}

}  // namespace

void append_summary_json(std::string& to, const connection_summary& s) {
  const auto put = std::back_inserter(to);
  fmt::format_to(put, "{{\"connections\":{}", s.connections);
  if (s.first_s)
    fmt::format_to(put, ",\"first\":\"{}\",\"last\":\"{}\"", second_text(*s.first_s),
                   second_text(*s.last_s));
  append_member(to, "sent_total_bytes", s.sent);
  append_member(to, "received_total_bytes", s.received);
  to += "}\n";
  for (const distribution& d : s.distributions) {
    fmt::format_to(put, "{{\"quantity\":\"{}\",\"known\":{},\"unknown\":{}",
                   quantities()[static_cast<std::size_t>(d.of)].name, d.known, d.unknown);
    for (std::size_t i = 0; i < told_percents.size(); ++i)
      append_member(to, fmt::format("p{}", told_percents[i]), d.percentiles[i]);
    to += ",\"classes\":[";
    for (const auto& c : d.classes) {
      to += to.ends_with('[') ? "{" : ",{";
      append_member(to, "from", c.from);
      append_member(to, "to", c.to);
      fmt::format_to(put, ",\"connections\":{}}}", c.count);
    }
    to += "]}\n";
  }
  for (const cause_time& c : s.causes)
    fmt::format_to(put, "{{\"cause\":\"{}\",\"seconds\":{:.6f},\"connections\":{}}}\n",
                   analysis::why::name_of(c.of), c.seconds, c.connections);
  for (const group_table& t : s.tables) {
    for (const group& g : t.groups) append_group(to, g, t, false);
    if (t.rest) append_group(to, *t.rest, t, true);
  }
}

}  // namespace tcpinfo::offline
