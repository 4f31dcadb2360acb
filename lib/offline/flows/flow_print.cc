// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_print.h"

#include <fmt/format.h>
#include <tcpinfo/tcp.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <limits>

#include "offline/text/name_patterns.h"
#include "text/escape.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

/// What cells are made with.
struct context {
  const flow_list& list;
  time_style time;
  bool people;  ///< texts are for people, else for programs
};

/// What stands in a cell, and what it is sorted by.
struct cell {
  explicit cell(const context& c) {
    if (c.people) text = "-";
  }
  // For programs a text, or a number as it is to be written.
  std::string text;
  bool is_text = false;
  bool present = false;
  // Of what is sorted by it: all but text, and times. Nanoseconds since 1970 fit.
  long double number = 0;
  bool by_number = false;
};

cell text_cell(std::string_view text, const context& c) {
  cell made(c);
  if (text.empty()) return made;
  made.text = c.people ? text::escaped(text) : std::string(text);
  made.is_text = true;
  made.present = true;
  return made;
}

// Words of our own: nothing in them is to be escaped.
cell word_cell(std::string_view value, std::string_view for_people, const context& c) {
  cell made(c);
  made.present = !value.empty();
  made.is_text = made.present;
  if (c.people ? !for_people.empty() : made.present) made.text = c.people ? for_people : value;
  return made;
}

cell number_cell(std::uint64_t n, const context& c) {
  cell made(c);
  made.text = std::to_string(n);
  made.number = static_cast<long double>(n);
  made.present = true;
  return made;
}

cell number_cell(const std::optional<std::uint64_t>& n, const context& c) {
  return n ? number_cell(*n, c) : cell(c);
}

// All digits, but no exponent: not every program reads one.
std::string decimal_text(double n) {
  char text[32];
  const auto whole = static_cast<std::uint64_t>(n);
  if (n >= 0 && n < 1e15 && static_cast<double>(whole) == n)
    return {text, std::to_chars(text, text + sizeof text, whole).ptr};
  return n < 1e15 ? fmt::format("{}", n) : fmt::format("{:.0f}", n);
}

template <class F>
cell decimal_cell(const std::optional<double>& n, F&& for_people, const context& c) {
  cell made(c);
  if (!n) return made;
  made.text = c.people ? std::string(for_people(*n)) : decimal_text(*n);
  made.number = *n;
  made.present = true;
  return made;
}

template <class F>
cell whole_cell(const std::optional<std::uint64_t>& n, F&& for_people, const context& c) {
  cell made = number_cell(n, c);
  if (n && c.people) made.text = for_people(static_cast<double>(*n));
  return made;
}

cell end_cell(const ip_address& a, std::uint16_t port, const context& c) {
  cell made(c);
  const bool v6 = a.family == address_family::ipv6;
  made.text = v6 ? "[" : "";
  made.text += to_string(a);
  made.text += v6 ? "]:" : ":";
  made.text += std::to_string(port);
  made.is_text = true;
  made.present = true;
  return made;
}

std::string milliseconds_text(double us) { return fmt::format("{:.3f}", us / 1000); }

// Milliseconds are enough for people, and line up.
std::string aligned_text(const timestamp& t, time_style style) {
  timestamp rounded = t;
  rounded.nanoseconds = t.nanoseconds / 1'000'000 * 1'000'000;
  std::array<char, max_moment_size> room;
  std::string text(room.data(), format_moment(rounded, style, room));
  if (style == time_style::epoch || style == time_style::utc) {
    const std::size_t point = text.find('.');
    const std::size_t end = text.find_last_of("0123456789") + 1;
    const std::size_t zone = style == time_style::utc ? text.size() - 1 : text.size();
    if (point == std::string::npos)
      text.insert(zone, ".000");
    else
      text.insert(zone, 4 - (std::min(end, zone) - point), '0');
  }
  return text;
}

cell time_cell(const timestamp& t, const context& c) {
  cell made(c);
  if (t.is_zero()) return made;
  std::array<char, max_moment_size> text;
  const std::size_t size = format_moment(t, c.time, text);
  if (size == 0) return made;  // beyond what can be written
  if (c.people)
    made.text = aligned_text(t, c.time);
  else
    made.text.assign(text.data(), size);
  made.is_text = c.time != time_style::epoch;
  made.present = true;
  made.by_number = true;
  made.number = static_cast<long double>(t.seconds) + t.nanoseconds * 1e-9L;
  return made;
}

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

cell limit_cell(const flow_summary& f, double flow_summary::limits::*part, const context& c) {
  const auto limits = f.limited();
  return decimal_cell(limits ? std::optional((*limits).*part) : std::nullopt, percent_text, c);
}

// Nine decimals of a second.
std::string seconds_text(std::int64_t ns) {
  const std::uint64_t size =
      ns < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  return fmt::format("{}{}.{:09}", ns < 0 ? "-" : "", size / 1'000'000'000, size % 1'000'000'000);
}

constexpr column columns[] = {
    {"START", "start", 8, false,
     [](flow_summary& f, const context& c) { return time_cell(f.start(), c); }},
    {"DURATION", "duration_s", 3, true,
     [](flow_summary& f, const context& c) {
       cell made(c);
       if (const auto ns = f.duration_ns()) {
         made.text = c.people ? span_text(*ns) : seconds_text(*ns);
         made.number = static_cast<long double>(*ns);
         made.present = true;
       }
       return made;
     }},
    {"LOCAL", "local", 2, false,
     [](flow_summary& f, const context& c) { return end_cell(f.ends().src, f.ends().sport, c); }},
    {"REMOTE", "remote", 1, false,
     [](flow_summary& f, const context& c) { return end_cell(f.ends().dst, f.ends().dport, c); }},
    {"STATE", "state", 13, false,
     [](flow_summary& f, const context& c) {
       return word_cell(state_name(f.state()), state_ss_name(f.state()), c);
     }},
    {"CLOSED", "closed", 6, false,
     [](flow_summary& f, const context& c) {
       const closing how = f.closed();
       return word_cell(closing_name(how), closing_text(how), c);
     }},
    {"SENT", "sent_bytes", 4, true,
     [](flow_summary& f, const context& c) { return number_cell(f.sent(), c); }},
    {"RECEIVED", "received_bytes", 5, true,
     [](flow_summary& f, const context& c) { return number_cell(f.received(), c); }},
    {"RETR%", "retransmitted_percent", 7, true,
     [](flow_summary& f, const context& c) {
       return decimal_cell(f.retransmitted_percent(), percent_text, c);
     }},
    {"MINRTT/ms", "min_rtt_us", 9, true,
     [](flow_summary& f, const context& c) {
       return whole_cell(f.min_rtt_us(), milliseconds_text, c);
     }},
    {"MEDRTT/ms", "median_rtt_us", 10, true,
     [](flow_summary& f, const context& c) {
       return decimal_cell(f.median_rtt_us(), milliseconds_text, c);
     }},
    {"PEAK", "peak_delivery_rate_bytes_per_s", 14, true,
     [](flow_summary& f, const context& c) { return whole_cell(f.peak_rate(), bit_rate_text, c); }},
    {"MEAN", "mean_rate_bytes_per_s", 11, true,
     [](flow_summary& f, const context& c) {
       return decimal_cell(f.mean_rate(), bit_rate_text, c);
     }},
    {"CC", "cong", 12, false,
     [](flow_summary& f, const context& c) { return text_cell(f.congestion_control(), c); }},
    {"SNAPS", "snapshots", 19, true,
     [](flow_summary& f, const context& c) { return number_cell(f.snapshots(), c); }},
    {"GAPS", "gaps", 20, true,
     [](flow_summary& f, const context& c) { return number_cell(f.gaps(), c); }},
    {"MISSED", "missed_polls_at_most", 21, true,
     [](flow_summary& f, const context& c) {
       cell made = number_cell(c.list.silent_polls(f), c);
       if (made.number > 0 && c.people) made.text = "<=" + made.text;
       return made;
     }},
    {"DSACKS", "dsack_dups", 22, true,
     [](flow_summary& f, const context& c) { return number_cell(f.dsack_dups(), c); }},
    {"REORD", "reord_seen", 23, true,
     [](flow_summary& f, const context& c) { return number_cell(f.reord_seen(), c); }},
    {"BUSY%", "busy_percent", 15, true,
     [](flow_summary& f, const context& c) {
       return decimal_cell(f.busy_percent(), percent_text, c);
     }},
    {"RWND%", "rwnd_limited_percent", 16, true,
     [](flow_summary& f, const context& c) {
       return limit_cell(f, &flow_summary::limits::rwnd, c);
     }},
    {"SNDBUF%", "sndbuf_limited_percent", 17, true,
     [](flow_summary& f, const context& c) {
       return limit_cell(f, &flow_summary::limits::sndbuf, c);
     }},
    {"NET%", "network_limited_percent", 18, true,
     [](flow_summary& f, const context& c) {
       return limit_cell(f, &flow_summary::limits::network, c);
     }},
    {"UUID", "uuid", wide, false,
     [](flow_summary& f, const context& c) { return text_cell(f.uuid(), c); }},
    {"OPENED", "opened", wide, false,
     [](flow_summary& f, const context& c) { return time_cell(f.opened(), c); }, true},
    {"ENDED", "ended", wide, false,
     [](flow_summary& f, const context& c) { return time_cell(f.ended(), c); }, true},
    {"NETNS", "netns", 24, false,
     [](flow_summary& f, const context& c) { return text_cell(f.netns(), c); }, true},
};
constexpr std::size_t column_count = std::size(columns);

// Absent values come last, whichever way the others go.
bool sorts_before(const cell& a, const cell& b, bool reverse) {
  if (a.present != b.present) return a.present;
  if (a.is_text && b.is_text && !a.by_number) return reverse ? b.text < a.text : a.text < b.text;
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

using flows_in_order = std::vector<flow_summary*>;

// Texts of all rows, one behind the other.
class text_rows {
 public:
  void add(std::string_view text) {
    texts_ += text;
    ends_.push_back(texts_.size());
  }
  [[nodiscard]] std::string_view at(std::size_t number) const {
    const std::size_t from = number == 0 ? 0 : ends_[number - 1];
    return std::string_view(texts_).substr(from, ends_[number] - from);
  }

 private:
  std::string texts_;
  std::vector<std::size_t> ends_;
};

// @return how many columns there was no room for.
std::size_t print_text(output& out, const flows_in_order& flows, const context& c,
                       const flow_print_options& options) {
  std::vector<std::size_t> shown = options.columns;
  const bool asked = !shown.empty();
  std::vector<std::size_t> made = shown;
  if (!asked)
    for (std::size_t i = 0; i < column_count; ++i) made.push_back(i);
  widths_of_columns widths{};
  std::array<bool, column_count> present{};
  std::array<std::size_t, column_count> place{};  // in `made`
  for (std::size_t k = 0; k < made.size(); ++k) {
    widths[made[k]] = columns[made[k]].heading.size();
    place[made[k]] = k;
  }
  text_rows texts;
  for (flow_summary* f : flows)
    for (const std::size_t i : made) {
      const cell one = columns[i].make(*f, c);
      widths[i] = std::max(widths[i], one.text.size());
      present[i] = present[i] || one.present;
      texts.add(one.text);
    }
  if (!asked)
    for (std::size_t i = 0; i < column_count; ++i)
      if (!columns[i].rare || present[i]) shown.push_back(i);
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
  for (std::size_t row = 0; row < flows.size(); ++row) {
    line([&](std::size_t i) { return texts.at(row * made.size() + place[i]); });
    if (!out.put("\n")) break;
  }
  return all - shown.size();
}

void print_json(output& out, const flows_in_order& flows, const context& c,
                const std::vector<std::size_t>& shown) {
  for (flow_summary* f : flows) {
    std::string& to = out.buffer();
    to += '{';
    bool first = true;
    for (const std::size_t i : shown) {
      const cell one = columns[i].make(*f, c);
      if (!one.present) continue;
      if (!first) to += ',';
      first = false;
      append_json_string(to, columns[i].name);
      to += ':';
      if (one.is_text)
        append_json_string(to, one.text);
      else
        to += one.text;
    }
    to += "}\n";
    if (!out.written()) return;
  }
}

void print_csv(output& out, const flows_in_order& flows, const context& c,
               const std::vector<std::size_t>& shown) {
  const auto line = [&](auto&& put) {
    for (const std::size_t i : shown) {
      if (i != shown.front()) out.buffer() += ',';
      put(i);
    }
    return out.put("\n");
  };
  if (!line([&](std::size_t i) { out.buffer() += columns[i].name; })) return;
  for (flow_summary* f : flows)
    if (!line([&](std::size_t i) {
          const cell one = columns[i].make(*f, c);
          if (!one.present) return;
          if (one.is_text)
            append_csv_cell(out.buffer(), one.text);
          else
            out.buffer() += one.text;
        }))
      return;
}

// The first of them all, as the options say.
flows_in_order sorted(const flow_list& list, const flows_in_order& flows,
                      const flow_print_options& options) {
  const column& by = columns[options.sort.value_or(0)];
  const context for_programs{list, options.time, false};
  std::vector<cell> keys;
  std::vector<std::size_t> order(flows.size());
  keys.reserve(flows.size());
  for (std::size_t i = 0; i < flows.size(); ++i) {
    keys.push_back(by.make(*flows[i], for_programs));
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sorts_before(keys[a], keys[b], options.reverse);
  });
  if (options.limit != 0 && order.size() > options.limit) order.resize(options.limit);
  flows_in_order first;
  first.reserve(order.size());
  for (const std::size_t i : order) first.push_back(flows[i]);
  return first;
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

bool needs_polls(const flow_print_options& options) {
  const std::size_t missed = *find_flow_column("missed_polls_at_most");
  return options.sort == missed ||
         std::find(options.columns.begin(), options.columns.end(), missed) != options.columns.end();
}

std::size_t print_flows(output& out, const flow_list& list, const std::vector<flow_summary*>& flows,
                        const flow_print_options& options) {
  const flows_in_order rows = sorted(list, flows, options);
  const context c{list, options.time, options.format == flow_format::text};
  std::vector<std::size_t> shown = options.columns;
  if (shown.empty())
    for (std::size_t i = 0; i < column_count; ++i) shown.push_back(i);
  switch (options.format) {
    case flow_format::text:
      return print_text(out, rows, c, options);
    case flow_format::json:
      print_json(out, rows, c, shown);
      break;
    case flow_format::csv:
      print_csv(out, rows, c, shown);
      break;
  }
  return 0;
}

}  // namespace tcpinfo::offline
