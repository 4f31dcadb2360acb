// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "offline/summaries/comparison.h"
#include "offline/text/number_text.h"
#include "text/counted.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

namespace st = analysis::statistics;

std::string value_text(const compared& line, double value) {
  if (line.q) return quantities()[static_cast<std::size_t>(*line.q)].text(value);
  return fmt::format("{:.2f} %", 100 * value);
}

// A change as "+12.3 %", as "12.3 times" where percents would have four digits, and of what are
// percent already in points.
std::string change_text(const compared& line, double change) {
  if (line.kind == st::effect_kind::difference)
    return fmt::format("{:+.2f} points", line.q ? change : 100 * change);
  if (std::isinf(change)) return "without bound";
  constexpr double many_times = 10;
  constexpr double whole_times = 100;  // and without an exponent
  if (change >= whole_times) return fmt::format("{:.0f} times", change);
  if (change >= many_times) return fmt::format("{:.3g} times", change);
  return fmt::format("{:+.1f} %", 100 * (change - 1));
}

std::string why_text(const compared& line) {
  switch (line.effect.why) {
    case st::unsaid::nothing:
      return {};
    case st::unsaid::no_values:
      return "nothing is known on one side";
    case st::unsaid::few_values:
      if (line.percent == 0)
        return fmt::format(
            "too few to say: it takes {0} connections that have it and {0} that do not, on both "
            "sides together",
            st::fewest_beyond);
      return fmt::format("too few connections to say: p{} takes {} on either side", line.percent,
                         st::fewest_beyond * 100 / std::min(line.percent, 100 - line.percent));
    case st::unsaid::few_clusters:
      return fmt::format(
          "too few clusters to say: as many as {:.1f} of equal size on one side, and it takes "
          "{:.0f}",
          line.effect.clusters, st::fewest_clusters);
    case st::unsaid::zero:
      return "no ratio: it is 0 in A";
  }
  return {};
}

std::string_view name_of(st::unsaid why) {
  switch (why) {
    case st::unsaid::nothing:
      return {};
    case st::unsaid::no_values:
      return "no_values";
    case st::unsaid::few_values:
      return "few_values";
    case st::unsaid::few_clusters:
      return "few_clusters";
    case st::unsaid::zero:
      return "zero";
  }
  return {};
}

void append_side(std::string& to, std::string_view letter, std::string_view name,
                 const st::sample_size& size) {
  fmt::format_to(std::back_inserter(to), "{}  {} in {} (as many as {:.1f} of equal size): {}\n",
                 letter, text::counted(size.observations, "connection"),
                 text::counted(size.clusters, "cluster"), size.effective, text::escaped(name));
}

void append_size(std::string& to, std::string_view name, const st::sample_size& size) {
  fmt::format_to(std::back_inserter(to),
                 "\"{}\":{{\"connections\":{},\"clusters\":{},\"effective_clusters\":{:.2f}}}",
                 name, size.observations, size.clusters, size.effective);
}

void append_line(std::string& to, const compared& line, double confidence) {
  const st::effect& e = line.effect;
  const auto put = std::back_inserter(to);
  const bool no_values = e.why == st::unsaid::no_values;
  fmt::format_to(put, "  {:<34} {:>12} {:>12}  ",
                 line.percent == 50  ? "median"
                 : line.percent == 0 ? line.title
                                     : line.of,
                 no_values ? "-" : value_text(line, e.a), no_values ? "-" : value_text(line, e.b));
  if (e.why != st::unsaid::nothing)
    to += why_text(line);
  else
    fmt::format_to(put, "{:>14}  {:.0f} %: {} to {}", change_text(line, e.change), 100 * confidence,
                   change_text(line, e.low), change_text(line, e.high));
  to += '\n';
}

}  // namespace

void append_comparison_text(std::string& to, const comparison& c, std::string_view name_a,
                            std::string_view name_b, const st::bootstrap_options& options) {
  append_side(to, "A", name_a, c.a);
  append_side(to, "B", name_b, c.b);
  std::size_t intervals = 0;
  std::string title;
  for (const compared& line : c.lines) {
    const std::string_view now = line.q ? std::string_view(line.title)
                                        : std::string_view("Shares of connections, and of time");
    if (title != now)
      fmt::format_to(std::back_inserter(to), "\n  {:<34} {:>12} {:>12}  {:>14}\n", now, "A", "B",
                     "B against A");
    title = now;
    append_line(to, line, options.confidence);
    if (line.effect.why == st::unsaid::nothing) ++intervals;
  }
  if (intervals != 0)
    fmt::format_to(std::back_inserter(to),
                   "\n{} of {:.0f} %: some {:.1f} of them miss the truth by chance alone. Seed "
                   "{}, {} draws.\n",
                   text::counted(intervals, "interval"), 100 * options.confidence,
                   static_cast<double>(intervals) * (1 - options.confidence), options.seed,
                   options.draws);
}

void append_comparison_json(std::string& to, const comparison& c,
                            const st::bootstrap_options& options) {
  const auto put = std::back_inserter(to);
  to += '{';
  append_size(to, "a", c.a);
  to += ',';
  append_size(to, "b", c.b);
  fmt::format_to(put, ",\"seed\":{},\"draws\":{},\"confidence\":{}}}\n", options.seed,
                 options.draws, options.confidence);
  for (const compared& line : c.lines) {
    const st::effect& e = line.effect;
    const auto member = [&to](std::string_view name, double value) {
      fmt::format_to(std::back_inserter(to), ",\"{}\":", name);
      // JSON has no infinity: there is no bound.
      if (!std::isfinite(value))
        to += "null";
      else if (value < 0)
        fmt::format_to(std::back_inserter(to), "{}", value);
      else
        append_decimal(to, value);
    };
    fmt::format_to(put, "{{\"name\":\"{}\",\"of\":\"{}\",\"effect\":\"{}\"", line.name, line.of,
                   line.kind == st::effect_kind::ratio ? "ratio" : "difference");
    if (e.why != st::unsaid::no_values) {
      member("a", e.a);
      member("b", e.b);
    }
    if (e.why == st::unsaid::nothing) {
      member("change", e.change);
      member("low", e.low);
      member("high", e.high);
    } else {
      fmt::format_to(put, ",\"unsaid\":\"{}\"", name_of(e.why));
    }
    to += "}\n";
  }
}

}  // namespace tcpinfo::offline
