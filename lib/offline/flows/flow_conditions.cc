// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/flow_conditions.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "offline/flows/flow_columns.h"
#include "offline/flows/flow_print.h"
#include "offline/text/times.h"
#include "text/values.h"

namespace tcpinfo::offline {
namespace {

using relation = flow_condition::relation;

enum class column_kind : std::uint8_t { text, number, moment };

// Numbers stand on the right.
column_kind kind_of(const flow_column& c) {
  if (c.right) return column_kind::number;
  const bool moment = c.name == "start" || c.name == "opened" || c.name == "ended";
  return moment ? column_kind::moment : column_kind::text;
}

// The longer ones first: <= begins as < does.
constexpr std::pair<std::string_view, relation> relations[] = {
    {"!=", relation::other}, {"<=", relation::at_most}, {">=", relation::at_least},
    {"=", relation::equal},  {"<", relation::less},     {">", relation::more}};

std::optional<long double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

// With the unit that a person gave it, where the column's name says of what it is.
std::optional<long double> parse_with_unit(std::string_view column, std::string_view text) {
  if (column.ends_with("_bytes") || column.ends_with("_bytes_per_s")) {
    const auto bytes = text::parse_size(text);
    return bytes ? std::optional<long double>(*bytes) : std::nullopt;
  }
  const auto ns = text::parse_duration(text);
  if (!ns) return std::nullopt;
  if (column.ends_with("_us")) return static_cast<long double>(*ns) / 1000;
  if (column == "duration_s") return static_cast<long double>(*ns) / 1'000'000'000;
  return std::nullopt;
}

std::string read_value(const flow_column& c, std::string_view value, const timestamp& now,
                       flow_condition& out) {
  switch (kind_of(c)) {
    case column_kind::text:
      out.pattern = value;
      if (out.is == relation::equal || out.is == relation::other) return {};
      return fmt::format("{} is a text: it is compared by = and != alone", c.name);
    case column_kind::moment: {
      timestamp t;
      if (std::string wrong = parse_moment(value, now, t); !wrong.empty()) return wrong;
      out.number = static_cast<long double>(t.seconds) + t.nanoseconds * 1e-9L;
      return {};
    }
    case column_kind::number:
      break;
  }
  auto number = parse_number(value);
  if (!number) number = parse_with_unit(c.name, value);
  if (!number) return fmt::format("'{}' is no number that {} can be compared with", value, c.name);
  out.number = *number;
  return {};
}

bool holds(relation is, long double value, long double limit) {
  switch (is) {
    case relation::equal:
      return value == limit;
    case relation::other:
      return value != limit;
    case relation::less:
      return value < limit;
    case relation::at_most:
      return value <= limit;
    case relation::more:
      return value > limit;
    case relation::at_least:
      return value >= limit;
  }
  return false;
}

bool is_met(const flow_condition& condition, flow_summary& flow, const cell_context& programs,
            const cell_context& sorting, std::string& text) {
  const flow_column& c = flow_columns()[condition.column];
  const column_kind kind = kind_of(c);
  text.clear();
  const flow_cell cell = make_cell(c, flow, kind == column_kind::moment ? sorting : programs, text);
  if (!cell.present) return false;
  if (kind == column_kind::moment) return holds(condition.is, cell.number, condition.number);
  if (kind == column_kind::text)
    return (fnmatch(condition.pattern.c_str(), text.c_str(), 0) == 0) ==
           (condition.is == relation::equal);
  const auto value = parse_number(text);
  return value && holds(condition.is, *value, condition.number);
}

}  // namespace

std::string parse_flow_condition(std::string_view text, const timestamp& now, flow_condition& out) {
  const std::size_t at = text.find_first_of("!=<>");
  const auto* const found =
      std::find_if(std::begin(relations), std::end(relations), [&](const auto& r) {
        return at != std::string_view::npos && text.substr(at).starts_with(r.first);
      });
  if (found == std::end(relations))
    return fmt::format("'{}' has none of = != < <= > >= behind a column", text);
  const std::string_view name = text::trimmed(text.substr(0, at));
  const std::string_view value = text::trimmed(text.substr(at + found->first.size()));
  const auto column = name.empty() ? std::nullopt : find_flow_column(name);
  if (!column) return fmt::format("'{}' is none of the columns: {}", name, flow_column_names());
  if (value.empty()) return fmt::format("'{}' has no value to compare with", text);
  out.column = *column;
  out.is = found->second;
  return read_value(flow_columns()[*column], value, now, out);
}

bool needs_polls(const std::vector<flow_condition>& conditions) {
  flow_print_options asked;
  for (const flow_condition& c : conditions) asked.columns.push_back(c.column);
  return needs_polls(asked);
}

void keep_met(std::vector<flow_summary*>& flows, const flow_list& list, why_list* why,
              const std::vector<flow_condition>& conditions) {
  if (conditions.empty()) return;
  cell_texts remembered(time_style::utc);
  const cell_context programs{list, remembered, cell_use::programs, why};
  const cell_context sorting{list, remembered, cell_use::sorting, why};
  std::string text;
  std::erase_if(flows, [&](flow_summary* f) {
    return !std::all_of(conditions.begin(), conditions.end(), [&](const flow_condition& c) {
      return is_met(c, *f, programs, sorting, text);
    });
  });
}

}  // namespace tcpinfo::offline
