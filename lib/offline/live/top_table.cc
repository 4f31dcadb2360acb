// SPDX-License-Identifier: Apache-2.0
#include "offline/live/top_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "offline/flows/flow_columns.h"
#include "offline/live/sparkline.h"
#include "text/endpoints.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

using analysis::why::seen;

constexpr std::string_view gap = "  ";

struct top_column {
  std::string_view heading;
  bool right;  // numbers end in one line
  std::string (*text)(const watched_flow&);
};

constexpr std::array<top_column, 9> top_columns = {{
    {"LOCAL", false,
     [](const watched_flow& f) {
       return text::format_end({f.id.src, f.id.sport});
     }},
    {"REMOTE", false,
     [](const watched_flow& f) {
       return text::format_end({f.id.dst, f.id.dport});
     }},
    {"SENT", true, [](const watched_flow& f) { return rate_text(f.step.sent); }},
    {"RECEIVED", true, [](const watched_flow& f) { return rate_text(f.step.received); }},
    {"RETRANS", true, [](const watched_flow& f) { return retransmitted_text(f.step); }},
    {"RTT", true, [](const watched_flow& f) { return time_text(f.latest.get(seen::rtt)); }},
    {"CWND", true, [](const watched_flow& f) { return count_text(f.latest.get(seen::snd_cwnd)); }},
    {"CAUSE", false, [](const watched_flow& f) { return std::string(name_of(f.step.held_by)); }},
    {"STATE", false,
     [](const watched_flow& f) { return std::string(state_name(f.latest.state())); }},
}};

std::string owner_of(const watched_flow& f) {
  return f.owner.empty() ? "-" : text::escaped(f.owner);
}

std::vector<float> values_of(const short_history& history) {
  std::vector<float> values(history.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = history.at(i);
  return values;
}

void pad(std::string& to, std::string_view text, std::size_t width, bool right) {
  const std::size_t blanks = width - std::min(width, width_of(text));
  if (right) to.append(blanks, ' ');
  to += text;
  if (!right) to.append(blanks, ' ');
}

}  // namespace

std::string rate_text(std::optional<double> bytes_per_second) {
  if (!bytes_per_second) return "-";
  std::string text;
  append_bit_rate(text, *bytes_per_second);
  return text;
}

std::string time_text(std::optional<std::uint64_t> us) {
  if (!us) return "-";
  const auto number = static_cast<double>(*us);
  if (*us < 1000) return fmt::format("{}us", *us);
  if (*us < 1'000'000) return fmt::format("{:.{}f}ms", number / 1e3, *us < 100'000 ? 1 : 0);
  return fmt::format("{:.2f}s", number / 1e6);
}

std::string count_text(std::optional<std::uint64_t> n) { return n ? fmt::format("{}", *n) : "-"; }

std::string retransmitted_text(const flow_step& step) {
  if (!step.retransmitted) return "-";
  if (*step.retransmitted == 0 || !step.lost_share) return fmt::format("{}", *step.retransmitted);
  return fmt::format("{} ({:.1f}%)", *step.retransmitted, 100 * *step.lost_share);
}

std::string ends_text(const socket_id& id) {
  return text::format_ends({{id.src.unmapped(), id.sport}, {id.dst.unmapped(), id.dport}});
}

std::string search_text(const watched_flow& flow) {
  return fmt::format("{} {} {} {} {}", text::format_end({flow.id.src, flow.id.sport}),
                     text::format_end({flow.id.dst, flow.id.dport}), name_of(flow.step.held_by),
                     state_name(flow.latest.state()), owner_of(flow));
}

std::vector<std::string> table_lines(std::span<const watched_flow* const> rows,
                                     const table_style& style) {
  std::vector<std::pair<bool, std::vector<std::string>>> cells;  // right, and heading and rows
  for (const top_column& one : top_columns) {
    auto& of = cells.emplace_back(one.right, std::vector<std::string>{std::string(one.heading)});
    for (const watched_flow* row : rows) of.second.push_back(one.text(*row));
  }
  if (style.owners) {
    auto& of = cells.emplace_back(false, std::vector<std::string>{"OWNER"});
    for (const watched_flow* row : rows) of.second.push_back(owner_of(*row));
  }
  std::vector<std::string> lines(rows.size() + 1);
  for (const auto& [right, texts] : cells) {
    std::size_t width = 0;
    for (const std::string& text : texts) width = std::max(width, width_of(text));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!lines[i].empty()) lines[i] += gap;
      pad(lines[i], texts[i], width, right);
    }
  }
  if (style.spark_width > 0) {
    lines[0] += gap;
    lines[0] += "RATE";
    for (std::size_t i = 0; i < rows.size(); ++i) {
      lines[i + 1] += gap;
      lines[i + 1] += sparkline(values_of(rows[i]->rates), style.spark_width, style.utf8);
    }
  }
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    if (style.width > 0) line = cut(line, style.width, style.utf8);
  }
  return lines;
}

std::string totals_text(const top_totals& totals) {
  return fmt::format("{} connections  sent {}  received {}  retransmitted {}", totals.flows,
                     rate_text(totals.sent), rate_text(totals.received), totals.retransmitted);
}

std::size_t width_of(std::string_view text) noexcept {
  // Bytes that go on with a character have the bits 10 at their head.
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

std::string cut(std::string_view text, std::size_t width, bool utf8) {
  if (width_of(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t end = 0;
  for (std::size_t shown = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U;
    if (begins && shown++ == width - 1) break;
  }
  return std::string(text.substr(0, end)) + (utf8 ? "…" : ">");
}

}  // namespace tcpinfo::offline
