// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/why_print.h"

#include <fmt/format.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <vector>

#include "offline/flows/flow_columns.h"
#include "offline/text/output.h"
#include "text/endpoints.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

namespace why = analysis::why;

// A person reads so many phases; JSON has all of them.
constexpr std::size_t most_phases = 8;

std::string_view name_of(why::view v) { return v == why::view::sender ? "sender" : "receiver"; }

std::string span_text(std::int64_t ns) {
  std::string text;
  append_span(text, ns);
  return text;
}

double seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

double share(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::vector<why::cause> causes_of(const why::verdict& v) {
  std::vector<why::cause> causes;
  for (std::size_t i = 0; i < why::cause_count; ++i)
    if (v.times[i] > 0) causes.push_back(static_cast<why::cause>(i));
  std::stable_sort(causes.begin(), causes.end(), [&v](why::cause a, why::cause b) {
    return v.times[why::index_of(a)] > v.times[why::index_of(b)];
  });
  return causes;
}

// The longest ones, in their order.
std::vector<const why::phase*> shown_phases(const why::verdict& v) {
  std::vector<const why::phase*> shown;
  for (const why::phase& p : v.phases) shown.push_back(&p);
  if (shown.size() <= most_phases) return shown;
  const auto end = shown.begin() + most_phases;
  std::nth_element(shown.begin(), end, shown.end(), [](const why::phase* a, const why::phase* b) {
    return a->end_ns - a->begin_ns > b->end_ns - b->begin_ns;
  });
  shown.erase(end, shown.end());
  std::sort(shown.begin(), shown.end());
  return shown;
}

void append_text(std::string& to, const flow_summary& flow, const why::verdict& v,
                 const why_print_options& options) {
  const auto put = std::back_inserter(to);
  std::array<char, max_moment_size> moment;
  const timestamp begin = timestamp::from_unix_nanoseconds(v.begin_ns);
  const std::string_view time(moment.data(), format_moment(begin, options.time, moment));
  const std::int64_t life = v.end_ns - v.begin_ns;
  const socket_id ends = flow.ends();
  if (options.colour) to += "\x1b[1m";
  fmt::format_to(put, "{} -> {}", text::format_end({ends.src, ends.sport}),
                 text::format_end({ends.dst, ends.dport}));
  if (options.colour) to += "\x1b[0m";
  fmt::format_to(put, "  {}  {}  {}  {}\n", time, span_text(life), name_of(v.of),
                 text::escaped(flow.uuid()));
  fmt::format_to(put, "  {}: {}\n", why::name_of(v.main), v.sentence);
  std::string times;
  for (const why::cause c : causes_of(v)) {
    const std::int64_t ns = v.times[why::index_of(c)];
    times += fmt::format("{}{} {:.3f}s ({:.0f} %)", times.empty() ? "" : ", ", why::name_of(c),
                         seconds(ns), 100 * share(ns, life));
  }
  if (!times.empty()) fmt::format_to(put, "  time: {}\n", times);
  const auto phases = shown_phases(v);
  for (const why::phase* p : phases) {
    fmt::format_to(put, "  {:9.3f}s to {:9.3f}s  {}: {}\n", seconds(p->begin_ns - v.begin_ns),
                   seconds(p->end_ns - v.begin_ns), why::name_of(p->of), p->sentence);
    for (const why::evidence& e : p->proof)
      fmt::format_to(put, "      {} {} {} at {:.3f}s: {}\n", why::kernel_name_of(e.field), e.value,
                     unit_name(why::descriptor_of(e.field).unit()), seconds(e.at_ns - v.begin_ns),
                     e.why);
  }
  if (phases.size() < v.phases.size())
    fmt::format_to(put, "  {} shorter phases are not shown: --json has them\n",
                   v.phases.size() - phases.size());
}

void append_json(std::string& to, const flow_summary& flow, const why::verdict& v) {
  const auto put = std::back_inserter(to);
  const socket_id ends = flow.ends();
  const std::int64_t life = v.end_ns - v.begin_ns;
  to += "{\"uuid\":";
  append_json_string(to, flow.uuid());
  fmt::format_to(put, ",\"view\":\"{}\",\"local\":\"{}\",\"remote\":\"{}\"", name_of(v.of),
                 text::format_end({ends.src, ends.sport}),
                 text::format_end({ends.dst, ends.dport}));
  std::array<char, max_moment_size> moment;
  const timestamp begin = timestamp::from_unix_nanoseconds(v.begin_ns);
  fmt::format_to(put, ",\"begin\":\"{}\"",
                 std::string_view(moment.data(), format_moment(begin, time_style::utc, moment)));
  fmt::format_to(put, ",\"duration_s\":{:.6f},\"cause\":\"{}\",\"share\":{:.4f},\"sentence\":",
                 seconds(life), why::name_of(v.main), v.share);
  append_json_string(to, v.sentence);
  to += ",\"seconds\":{";
  bool first = true;
  for (const why::cause c : causes_of(v)) {
    fmt::format_to(put, "{}\"{}\":{:.6f}", first ? "" : ",", why::name_of(c),
                   seconds(v.times[why::index_of(c)]));
    first = false;
  }
  to += "},\"phases\":[";
  for (const why::phase& p : v.phases) {
    if (to.back() != '[') to += ',';
    fmt::format_to(put, "{{\"begin_s\":{:.6f},\"end_s\":{:.6f},\"cause\":\"{}\",\"share\":{:.4f},",
                   seconds(p.begin_ns - v.begin_ns), seconds(p.end_ns - v.begin_ns),
                   why::name_of(p.of), share(p.time_ns, p.end_ns - p.begin_ns));
    to += "\"sentence\":";
    append_json_string(to, p.sentence);
    to += ",\"evidence\":[";
    for (const why::evidence& e : p.proof) {
      if (to.back() != '[') to += ',';
      fmt::format_to(put,
                     "{{\"field\":\"{}\",\"value\":{},\"unit\":\"{}\",\"at_s\":{:.6f},\"why\":",
                     why::kernel_name_of(e.field), e.value,
                     unit_name(why::descriptor_of(e.field).unit()), seconds(e.at_ns - v.begin_ns));
      append_json_string(to, e.why);
      to += '}';
    }
    to += "]}";
  }
  to += "]}\n";
}

}  // namespace

void append_verdicts(std::string& to, const flow_summary& flow, const why_verdicts& verdicts,
                     const why_print_options& options) {
  for (const why::verdict& v : verdicts) {
    if (options.format == why_format::json) {
      append_json(to, flow, v);
      continue;
    }
    append_text(to, flow, v, options);
    to += '\n';
  }
}

}  // namespace tcpinfo::offline
