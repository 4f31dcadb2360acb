// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "analysis/why/words.h"
#include "offline/summaries/summary_print.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Connections</title>
<style>
:root { color-scheme: light dark; --text: #1a1a1a; --page: #ffffff; --line: #d0d0d0; --bar: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --page: #16181c; --line: #3c4048; --bar: #56b4e9; }
}
body { color: var(--text); background: var(--page); font: 15px/1.4 system-ui, sans-serif;
  margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem; }
h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
div.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .6rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.bar { width: 14rem; min-width: 6rem; text-align: left; }
td.bar span { display: block; height: .8rem; background: var(--bar); }
</style>
</head>
<body>
<h1>Connections</h1>
)";

// Escaped twice: what moves a terminal's cursor has no business in a page either.
void append_escaped(std::string& to, std::string_view text) {
  for (const char c : text::escaped(text)) {
    switch (c) {
      case '&':
        to += "&amp;";
        break;
      case '<':
        to += "&lt;";
        break;
      case '>':
        to += "&gt;";
        break;
      case '"':
        to += "&quot;";
        break;
      default:
        to += c;
    }
  }
}

void append_cell(std::string& to, std::string_view text, std::string_view tag = "td") {
  fmt::format_to(std::back_inserter(to), "<{}>", tag);
  append_escaped(to, text);
  fmt::format_to(std::back_inserter(to), "</{}>", tag);
}

void append_bar(std::string& to, double part, double most) {
  fmt::format_to(std::back_inserter(to),
                 "<td class=\"bar\"><span style=\"width:{:.1f}%\"></span></td>",
                 most > 0 ? 100 * part / most : 0);
}

void begin_table(std::string& to, std::string_view title) {
  append_cell(to, title, "h2");
  to += "\n<div class=\"scroll\"><table>\n";
}

void end_table(std::string& to) { to += "</table></div>\n"; }

void append_html_distribution(std::string& to, const distribution& d) {
  const quantity_description& q = quantities()[static_cast<std::size_t>(d.of)];
  begin_table(to, q.title);
  std::uint64_t most = 0;
  for (const auto& c : d.classes) most = std::max(most, c.count);
  for (const auto& c : d.classes) {
    to += "<tr>";
    append_cell(to, class_text(d.of, c));
    append_cell(to, std::to_string(c.count));
    append_cell(to, fmt::format("{:.1f} %", percent_of(c.count, d.known)));
    append_bar(to, static_cast<double>(c.count), static_cast<double>(most));
    to += "</tr>\n";
  }
  end_table(to);
  std::string line = fmt::format("{} connections", d.known);
  if (d.unknown != 0) line += fmt::format(", {} more do not tell", d.unknown);
  for (std::size_t i = 0; d.known != 0 && i < told_percents.size(); ++i)
    line += fmt::format("; p{} {}", told_percents[i], q.text(d.percentiles[i]));
  append_cell(to, line, "p");
  to += '\n';
}

void append_row(std::string& to, const group& g, std::string_view name, std::uint64_t all,
                std::uint64_t most) {
  to += "<tr>";
  append_cell(to, name);
  append_cell(to, std::to_string(g.connections));
  append_cell(to, fmt::format("{:.1f} %", percent_of(g.connections, all)));
  append_bar(to, static_cast<double>(g.connections), static_cast<double>(most));
  append_cell(to, bytes_text(g.sent));
  append_cell(to, bytes_text(g.received));
  for (const group_column& c : group_columns) {
    const group_numbers& n = g.numbers[static_cast<std::size_t>(c.of)];
    append_cell(to, n.known == 0 ? "-" : quantity_text(c.of, c.is_p90 ? n.p90 : n.p50));
  }
  to += "</tr>\n";
}

void append_html_table(std::string& to, const group_table& t, std::uint64_t all) {
  begin_table(to, fmt::format("By {}", describe(t.by).title));
  to += "<tr>";
  for (const std::string_view heading :
       {std::string_view(describe(t.by).name), std::string_view("connections"),
        std::string_view("share"), std::string_view(""), std::string_view("sent"),
        std::string_view("received")})
    append_cell(to, heading, "th");
  for (const group_column& c : group_columns) append_cell(to, c.heading, "th");
  to += "</tr>\n";
  std::uint64_t most = t.rest ? t.rest->connections : 0;
  for (const group& g : t.groups) most = std::max(most, g.connections);
  for (const group& g : t.groups) append_row(to, g, g.name.empty() ? "unknown" : g.name, all, most);
  if (t.rest) append_row(to, *t.rest, fmt::format("{} others", t.left_out), all, most);
  end_table(to);
}

void append_html_causes(std::string& to, const connection_summary& s) {
  if (s.causes.empty()) return;
  begin_table(to, "What limited them: time, and connections whose main cause it is");
  for (const cause_time& c : s.causes) {
    to += "<tr>";
    append_cell(to, analysis::why::name_of(c.of));
    append_cell(to, fmt::format("{:.1f} s", c.seconds));
    append_cell(to, std::to_string(c.connections));
    append_bar(to, c.seconds, s.causes.front().seconds);
    to += "</tr>\n";
  }
  end_table(to);
}

}  // namespace

void append_summary_html(std::string& to, const connection_summary& s,
                         const std::vector<std::string>& left_out) {
  to += head;
  std::string line = fmt::format("{} connections", s.connections);
  if (s.first_s)
    line += fmt::format(", begun {} to {}", second_text(*s.first_s), second_text(*s.last_s));
  line += fmt::format("; {} sent, {} received.", bytes_text(s.sent), bytes_text(s.received));
  append_cell(to, line, "p");
  to += '\n';
  if (s.connections != 0) {
    for (const group_table& t : s.tables) append_html_table(to, t, s.connections);
    append_html_causes(to, s);
    for (const distribution& d : s.distributions) append_html_distribution(to, d);
  }
  for (const std::string& sentence : left_out) {
    append_cell(to, "Left out: " + sentence, "p");
    to += '\n';
  }
  to += "</body>\n</html>\n";
}

}  // namespace tcpinfo::offline
