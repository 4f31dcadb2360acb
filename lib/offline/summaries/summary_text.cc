// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "analysis/why/words.h"
#include "offline/summaries/summary_print.h"
#include "offline/text/times.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

constexpr std::size_t bar_width = 30;
constexpr std::size_t widest_name = 44;

// Something is seen of everything that is there.
std::string bar(double part, double most, std::size_t width) {
  if (part <= 0 || most <= 0) return {};
  const auto size =
      static_cast<std::size_t>(std::llround(part / most * static_cast<double>(width)));
  return std::string(std::max<std::size_t>(size, 1), '#');
}

void append_distribution(std::string& to, const distribution& d) {
  const quantity_description& q = quantities()[static_cast<std::size_t>(d.of)];
  const auto put = std::back_inserter(to);
  fmt::format_to(put, "\n{}: {} connections", q.title, d.known);
  if (d.unknown != 0) fmt::format_to(put, ", {} more do not tell", d.unknown);
  to += '\n';
  if (d.known == 0) return;
  to += " ";
  for (std::size_t i = 0; i < told_percents.size(); ++i)
    fmt::format_to(put, " {} {}  ",
                   told_percents[i] == 50 ? "median" : fmt::format("p{}", told_percents[i]),
                   q.text(d.percentiles[i]));
  while (to.back() == ' ') to.pop_back();
  to += '\n';
  std::uint64_t most = 0;
  for (const auto& c : d.classes) most = std::max(most, c.count);
  for (const auto& c : d.classes) {
    fmt::format_to(put, "  {:>28} {:>9} {:>5.1f} %  {}", class_text(d.of, c), c.count,
                   percent_of(c.count, d.known),
                   bar(static_cast<double>(c.count), static_cast<double>(most), bar_width));
    while (to.back() == ' ') to.pop_back();
    to += '\n';
  }
}

std::string shown_name(const group& g, const group_table& table, bool is_rest) {
  if (is_rest) return fmt::format("{} others", table.left_out);
  std::string name = g.name.empty() ? "unknown" : text::escaped(g.name);
  return name;
}

void append_table(std::string& to, const group_table& table, std::uint64_t connections) {
  const auto put = std::back_inserter(to);
  std::vector<std::pair<std::string, const group*>> rows;
  for (const group& g : table.groups) rows.emplace_back(shown_name(g, table, false), &g);
  if (table.rest) rows.emplace_back(shown_name(*table.rest, table, true), &*table.rest);
  std::size_t width = describe(table.by).name.size();
  std::uint64_t most = 0;
  for (const auto& [name, g] : rows) {
    width = std::max(width, std::min(name.size(), widest_name));
    most = std::max(most, g->connections);
  }
  fmt::format_to(put, "\nBy {}\n", describe(table.by).title);
  std::string heading(describe(table.by).name);
  std::transform(heading.begin(), heading.end(), heading.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  fmt::format_to(put, "  {:<{}} {:>9} {:>7} {:<10} {:>9} {:>9}", heading, width, "CONNS", "SHARE",
                 "", "SENT", "RECEIVED");
  for (const group_column& c : group_columns) fmt::format_to(put, " {:>11}", c.heading);
  to += '\n';
  for (const auto& [name, g] : rows) {
    fmt::format_to(put, "  {:<{}} {:>9} {:>5.1f} % {:<10} {:>9} {:>9}", name, width, g->connections,
                   percent_of(g->connections, connections),
                   bar(static_cast<double>(g->connections), static_cast<double>(most), 10),
                   bytes_text(g->sent), bytes_text(g->received));
    for (const group_column& c : group_columns) {
      const group_numbers& n = g->numbers[static_cast<std::size_t>(c.of)];
      fmt::format_to(put, " {:>11}",
                     n.known == 0 ? "-" : quantity_text(c.of, c.is_p90 ? n.p90 : n.p50));
    }
    to += '\n';
  }
}

void append_causes(std::string& to, const connection_summary& s) {
  if (s.causes.empty()) return;
  double all = 0;
  for (const cause_time& c : s.causes) all += c.seconds;
  to += "\nWhat limited them: time, and connections whose main cause it is\n";
  for (const cause_time& c : s.causes)
    fmt::format_to(std::back_inserter(to), "  {:<22} {:>12.1f} s {:>5.1f} %  {:>9}  {}\n",
                   analysis::why::name_of(c.of), c.seconds, all > 0 ? 100 * c.seconds / all : 0,
                   c.connections, bar(c.seconds, s.causes.front().seconds, bar_width));
}

}  // namespace

std::string bytes_text(double bytes) {
  return analysis::why::bytes_text(static_cast<std::uint64_t>(std::min(bytes, 1.8e19)));
}

std::string quantity_text(quantity q, double value) {
  if (std::isnan(value)) return "unknown";
  return quantities()[static_cast<std::size_t>(q)].text(value);
}

std::string second_text(std::int64_t seconds) {
  std::array<char, max_moment_size> text;
  timestamp t;
  t.seconds = seconds;
  return std::string(text.data(), format_moment(t, time_style::utc, text));
}

std::string class_text(quantity q, const analysis::statistics::histogram_class& c) {
  if (c.to <= 0) return "0";
  return fmt::format("{} to {}", quantity_text(q, c.from), quantity_text(q, c.to));
}

double percent_of(std::uint64_t part, std::uint64_t whole) noexcept {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

void append_summary_text(std::string& to, const connection_summary& s,
                         const std::vector<std::string>& left_out) {
  const auto put = std::back_inserter(to);
  fmt::format_to(put, "{} connections", s.connections);
  if (s.first_s)
    fmt::format_to(put, ", begun {} to {}", second_text(*s.first_s), second_text(*s.last_s));
  fmt::format_to(put, "; {} sent, {} received\n", bytes_text(s.sent), bytes_text(s.received));
  if (s.connections != 0) {
    for (const distribution& d : s.distributions) append_distribution(to, d);
    append_causes(to, s);
    for (const group_table& t : s.tables) append_table(to, t, s.connections);
  }
  if (!left_out.empty()) to += '\n';
  for (const std::string& sentence : left_out) fmt::format_to(put, "Left out: {}\n", sentence);
}

}  // namespace tcpinfo::offline
