// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_print.h"

#include <fmt/format.h>
#include <tcpinfo/tcp.h>
#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <variant>

#include "offline/text/name_patterns.h"
#include "text/escape.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

/// What stands in a cell: for people, for programs, and to sort by.
struct cell {
  std::string text = "-";  // for people
  // For programs: absent, a text, or a number as it is to be written.
  std::string value;
  bool is_text = false;
  bool present = false;
  // Of what is sorted by it: all but text, and times. Nanoseconds since 1970 fit.
  long double number = 0;
  bool by_number = false;
};

cell text_cell(std::string text) {
  cell c;
  if (text.empty()) return c;
  c.text = text::escaped(text);
  c.value = std::move(text);
  c.is_text = true;
  c.present = true;
  return c;
}

cell number_cell(std::uint64_t n) {
  cell c;
  c.text = c.value = std::to_string(n);
  c.number = static_cast<double>(n);
  c.present = true;
  return c;
}

cell number_cell(const std::optional<std::uint64_t>& n) { return n ? number_cell(*n) : cell(); }

template <class F>
cell decimal_cell(const std::optional<double>& n, F&& for_people) {
  cell c;
  if (!n) return c;
  c.text = for_people(*n);
  // All digits, but no exponent: not every program reads one.
  c.value = *n < 1e15 ? fmt::format("{}", *n) : fmt::format("{:.0f}", *n);
  c.number = *n;
  c.present = true;
  return c;
}

template <class F>
cell whole_cell(const std::optional<std::uint64_t>& n, F&& for_people) {
  cell c = number_cell(n);
  if (n) c.text = for_people(static_cast<double>(*n));
  return c;
}

std::string end_text(const ip_address& a, std::uint16_t port) {
  const std::string address = to_string(a);
  return a.family == address_family::ipv6 ? fmt::format("[{}]:{}", address, port)
                                          : fmt::format("{}:{}", address, port);
}

std::string milliseconds_text(double us) { return fmt::format("{:.3f}", us / 1000); }

cell time_cell(const timestamp& t, time_style style) {
  cell c;
  if (t.is_zero()) return c;
  std::array<char, max_moment_size> text;
  c.value.assign(text.data(), format_moment(t, style, text));
  if (c.value.empty()) return c;  // beyond what can be written
  c.is_text = style != time_style::epoch;
  c.present = true;
  // Milliseconds are enough for people, and line up.
  timestamp rounded = t;
  rounded.nanoseconds = t.nanoseconds / 1'000'000 * 1'000'000;
  c.text.assign(text.data(), format_moment(rounded, style, text));
  c.by_number = true;
  c.number = static_cast<long double>(t.seconds) + t.nanoseconds * 1e-9L;
  const std::size_t point = c.text.find('.');
  const std::size_t end = c.text.find_last_of("0123456789") + 1;
  if (style == time_style::epoch || style == time_style::utc) {
    const std::size_t zone = style == time_style::utc ? c.text.size() - 1 : c.text.size();
    if (point == std::string::npos)
      c.text.insert(zone, ".000");
    else
      c.text.insert(zone, 4 - (std::min(end, zone) - point), '0');
  }
  return c;
}

struct context {
  const flow_list& list;
  time_style time;
};

// Where room is short, columns get it in the order of these numbers.
using rank = std::uint8_t;
constexpr rank wide = 255;  // on a terminal only where it was asked for

struct column {
  std::string_view heading;  // for people
  std::string_view name;     // for programs
  rank room;
  bool right;
  cell (*make)(flow_summary&, const context&);
  bool rare = false;  // for people only where there is something in it, or it was asked for
};

std::string percent_text(double percent) {
  return percent == 0 ? std::string("0") : fmt::format("{:.2f}", percent);
}

cell limit_cell(const flow_summary& f, double flow_summary::limits::*part) {
  const auto limits = f.limited();
  return decimal_cell(limits ? std::optional((*limits).*part) : std::nullopt, percent_text);
}

constexpr column columns[] = {
    {"START", "start", 8, false,
     [](flow_summary& f, const context& c) { return time_cell(f.start(), c.time); }},
    {"DURATION", "duration_s", 3, true,
     [](flow_summary& f, const context&) {
       cell c;
       if (const auto ns = f.duration_ns()) {
         c.text = span_text(*ns);
         c.number = static_cast<long double>(*ns) * 1e-9L;
         c.value = fmt::format("{:.9f}", c.number);
         c.present = true;
       }
       return c;
     }},
    {"LOCAL", "local", 2, false,
     [](flow_summary& f, const context&) {
       return text_cell(end_text(f.ends().src, f.ends().sport));
     }},
    {"REMOTE", "remote", 1, false,
     [](flow_summary& f, const context&) {
       return text_cell(end_text(f.ends().dst, f.ends().dport));
     }},
    {"STATE", "state", 13, false,
     [](flow_summary& f, const context&) {
       cell c = text_cell(std::string(state_name(f.state())));
       if (c.present) c.text = state_ss_name(f.state());
       return c;
     }},
    {"CLOSED", "closed", 6, false,
     [](flow_summary& f, const context&) {
       cell c = text_cell(std::string(closing_name(f.closed())));
       c.text = closing_text(f.closed());
       return c;
     }},
    {"SENT", "sent_bytes", 4, true,
     [](flow_summary& f, const context&) { return number_cell(f.sent()); }},
    {"RECEIVED", "received_bytes", 5, true,
     [](flow_summary& f, const context&) { return number_cell(f.received()); }},
    {"RETR%", "retransmitted_percent", 7, true,
     [](flow_summary& f, const context&) {
       return decimal_cell(f.retransmitted_percent(), percent_text);
     }},
    {"MINRTT/ms", "min_rtt_us", 9, true,
     [](flow_summary& f, const context&) { return whole_cell(f.min_rtt_us(), milliseconds_text); }},
    {"MEDRTT/ms", "median_rtt_us", 10, true,
     [](flow_summary& f, const context&) {
       return decimal_cell(f.median_rtt_us(), milliseconds_text);
     }},
    {"PEAK", "peak_delivery_rate_bytes_per_s", 14, true,
     [](flow_summary& f, const context&) { return whole_cell(f.peak_rate(), bit_rate_text); }},
    {"MEAN", "mean_rate_bytes_per_s", 11, true,
     [](flow_summary& f, const context&) { return decimal_cell(f.mean_rate(), bit_rate_text); }},
    {"CC", "cong", 12, false,
     [](flow_summary& f, const context&) { return text_cell(f.congestion_control()); }},
    {"SNAPS", "snapshots", 19, true,
     [](flow_summary& f, const context&) { return number_cell(f.snapshots()); }},
    {"GAPS", "gaps", 20, true,
     [](flow_summary& f, const context&) { return number_cell(f.gaps()); }},
    {"MISSED", "missed_polls_at_most", 21, true,
     [](flow_summary& f, const context& c) {
       cell made = number_cell(c.list.silent_polls(f));
       if (made.number > 0) made.text = "<=" + made.text;
       return made;
     }},
    {"DSACKS", "dsack_dups", 22, true,
     [](flow_summary& f, const context&) { return number_cell(f.dsack_dups()); }},
    {"REORD", "reord_seen", 23, true,
     [](flow_summary& f, const context&) { return number_cell(f.reord_seen()); }},
    {"BUSY%", "busy_percent", 15, true,
     [](flow_summary& f, const context&) { return decimal_cell(f.busy_percent(), percent_text); }},
    {"RWND%", "rwnd_limited_percent", 16, true,
     [](flow_summary& f, const context&) { return limit_cell(f, &flow_summary::limits::rwnd); }},
    {"SNDBUF%", "sndbuf_limited_percent", 17, true,
     [](flow_summary& f, const context&) { return limit_cell(f, &flow_summary::limits::sndbuf); }},
    {"NET%", "network_limited_percent", 18, true,
     [](flow_summary& f, const context&) { return limit_cell(f, &flow_summary::limits::network); }},
    {"UUID", "uuid", wide, false,
     [](flow_summary& f, const context&) { return text_cell(f.uuid()); }},
    {"OPENED", "opened", wide, false,
     [](flow_summary& f, const context& c) { return time_cell(f.opened(), c.time); }, true},
    {"ENDED", "ended", wide, false,
     [](flow_summary& f, const context& c) { return time_cell(f.ended(), c.time); }, true},
    {"NETNS", "netns", 24, false,
     [](flow_summary& f, const context&) { return text_cell(f.netns()); }, true},
};
constexpr std::size_t column_count = std::size(columns);

using row = std::array<cell, column_count>;

// Absent values come last, whichever way the others go.
bool sorts_before(const cell& a, const cell& b, bool reverse) {
  if (a.present != b.present) return a.present;
  if (a.is_text && b.is_text && !a.by_number)
    return reverse ? b.value < a.value : a.value < b.value;
  return reverse ? b.number < a.number : a.number < b.number;
}

using widths_of_columns = std::array<std::size_t, column_count>;
constexpr std::size_t between = 2;  // blanks

// Takes away columns until the rest fits into `width`.
void fit(std::vector<std::size_t>& shown, const widths_of_columns& widths, std::size_t width) {
  std::vector<std::size_t> by_rank = shown;
  std::stable_sort(by_rank.begin(), by_rank.end(),
                   [](std::size_t a, std::size_t b) { return columns[a].room < columns[b].room; });
  std::array<bool, column_count> kept{};
  std::size_t used = 0;
  for (const std::size_t i : by_rank) {
    if (columns[i].room == wide) continue;
    const std::size_t more = widths[i] + (used == 0 ? 0 : between);
    // The first is shown however narrow the terminal.
    if (used != 0 && used + more > width) continue;
    kept[i] = true;
    used += more;
  }
  std::erase_if(shown, [&](std::size_t i) { return !kept[i]; });
}

// @return how many columns there was no room for.
std::size_t print_text(output& out, const std::vector<row>& rows,
                       const flow_print_options& options) {
  std::vector<std::size_t> shown = options.columns;
  const bool asked = !shown.empty();
  widths_of_columns widths{};
  for (std::size_t i = 0; i < column_count; ++i) {
    widths[i] = columns[i].heading.size();
    for (const row& r : rows) widths[i] = std::max(widths[i], r[i].text.size());
    const auto says = [i](const row& r) { return r[i].present; };
    if (!asked && (!columns[i].rare || std::any_of(rows.begin(), rows.end(), says)))
      shown.push_back(i);
  }
  const std::size_t all = shown.size();
  if (!asked && options.width != 0) fit(shown, widths, options.width);
  const auto line = [&](auto&& text_of) {
    for (const std::size_t i : shown) {
      const std::string_view text = text_of(i);
      const std::size_t pad = widths[i] - text.size();
      if (i != shown.front()) out.buffer().append(between, ' ');
      if (columns[i].right) out.buffer().append(pad, ' ');
      out.buffer() += text;
      if (!columns[i].right && i != shown.back()) out.buffer().append(pad, ' ');
    }
  };
  if (options.colour) out.buffer() += "\x1b[1m";
  line([](std::size_t i) { return columns[i].heading; });
  out.buffer() += options.colour ? "\x1b[0m\n" : "\n";
  for (const row& r : rows) {
    line([&](std::size_t i) { return std::string_view(r[i].text); });
    if (!out.put("\n")) break;
  }
  return all - shown.size();
}

void print_json(output& out, const std::vector<row>& rows, const std::vector<std::size_t>& shown) {
  for (const row& r : rows) {
    std::string& to = out.buffer();
    to += '{';
    bool first = true;
    for (const std::size_t i : shown) {
      if (!r[i].present) continue;
      if (!first) to += ',';
      first = false;
      append_json_string(to, columns[i].name);
      to += ':';
      if (r[i].is_text)
        append_json_string(to, r[i].value);
      else
        to += r[i].value;
    }
    to += "}\n";
    if (!out.written()) return;
  }
}

void print_csv(output& out, const std::vector<row>& rows, const std::vector<std::size_t>& shown) {
  const auto line = [&](auto&& put) {
    for (const std::size_t i : shown) {
      if (i != shown.front()) out.buffer() += ',';
      put(i);
    }
    return out.put("\n");
  };
  if (!line([&](std::size_t i) { out.buffer() += columns[i].name; })) return;
  for (const row& r : rows)
    if (!line([&](std::size_t i) {
          if (r[i].present) append_csv_cell(out.buffer(), r[i].value);
        }))
      return;
}

}  // namespace

std::string bit_rate_text(double bytes_per_second) {
  double bits = bytes_per_second * 8;
  static constexpr std::string_view units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  std::size_t unit = 0;
  while (bits >= 999.5 && unit + 1 < std::size(units)) {
    bits /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || bits >= 99.95 ? 0 : bits >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", bits, decimals, units[unit]);
}

std::string span_text(std::int64_t ns) {
  if (ns < 0) return "-" + span_text(-std::max(ns, -std::numeric_limits<std::int64_t>::max()));
  const std::int64_t ms = ns / 1'000'000 + (ns % 1'000'000 >= 500'000 ? 1 : 0);
  const std::int64_t s = ms / 1000;
  if (s < 60) return fmt::format("{}.{:03}s", s, ms % 1000);
  if (s < 3600) return fmt::format("{}m{:02}.{}s", s / 60, s % 60, ms % 1000 / 100);
  if (s < 86400) return fmt::format("{}h{:02}m{:02}s", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}d{:02}h{:02}m", s / 86400, s / 3600 % 24, s / 60 % 60);
}

std::optional<std::size_t> find_flow_column(std::string_view name) {
  for (std::size_t i = 0; i < column_count; ++i) {
    if (columns[i].name == name) return i;
    // Without the unit, or the long word before it: what people type.
    if (columns[i].name.starts_with(name) && columns[i].name.size() > name.size() &&
        columns[i].name[name.size()] == '_')
      return i;
  }
  return std::nullopt;
}

std::string flow_column_names() {
  std::string names;
  for (const column& c : columns) {
    if (!names.empty()) names += ", ";
    names += c.name;
  }
  return names;
}

std::string pick_flow_columns(std::string_view list, std::vector<std::size_t>& out) {
  return text::each_item(list, [&](std::string_view item) -> std::string {
    auto found = matches_of(item, column_count, [](std::size_t i) { return columns[i].name; });
    if (found.empty())
      if (const auto one = find_flow_column(item)) found.push_back(*one);
    if (found.empty())
      return fmt::format("'{}' is none of the columns: {}", item, flow_column_names());
    for (const std::size_t i : found)
      if (std::find(out.begin(), out.end(), i) == out.end()) out.push_back(i);
    return {};
  });
}

std::size_t print_flows(output& out, const flow_list& list, const std::vector<flow_summary*>& flows,
                        const flow_print_options& options) {
  const context c{list, options.time};
  std::vector<row> rows;
  rows.reserve(flows.size());
  for (flow_summary* f : flows) {
    row& r = rows.emplace_back();
    for (std::size_t i = 0; i < column_count; ++i) r[i] = columns[i].make(*f, c);
  }
  const std::size_t by = options.sort.value_or(0);
  std::stable_sort(rows.begin(), rows.end(), [&](const row& a, const row& b) {
    return sorts_before(a[by], b[by], options.reverse);
  });
  if (options.limit != 0 && rows.size() > options.limit) rows.resize(options.limit);
  std::vector<std::size_t> shown = options.columns;
  if (shown.empty())
    for (std::size_t i = 0; i < column_count; ++i) shown.push_back(i);
  switch (options.format) {
    case flow_format::text:
      return print_text(out, rows, options);
    case flow_format::json:
      print_json(out, rows, shown);
      break;
    case flow_format::csv:
      print_csv(out, rows, shown);
      break;
  }
  return 0;
}

}  // namespace tcpinfo::offline
