// SPDX-License-Identifier: Apache-2.0
#include "offline/plotting/plot_page.h"

#include <fmt/format.h>
#include <tcpinfo/tcp.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "offline/plotting/packed_numbers.h"
#include "offline/plotting/page_text.h"
#include "offline/text/output.h"
#include "offline/text/times.h"
#include "text/endpoints.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

namespace why = analysis::why;

// As JSON in an element of HTML. Without these characters no text ends the element, begins a
// comment in it, or is taken for a reference.
void append_script_text(std::string& to, std::string_view text) {
  std::string json;
  append_json_string(json, text::escaped(text));
  for (const char c : json) {
    if (c == '<' || c == '>' || c == '&')
      fmt::format_to(std::back_inserter(to), "\\u{:04x}", static_cast<unsigned>(c));
    else
      to += c;
  }
}

void append_member(std::string& to, std::string_view name, std::string_view text) {
  if (to.back() != '{') to += ',';
  append_script_text(to, name);
  to += ':';
  append_script_text(to, text);
}

void append_verdict(std::string& to, const why::verdict& v, std::int64_t begin_ns) {
  to += '{';
  append_member(to, "view", v.of == why::view::sender ? "sender" : "receiver");
  append_member(to, "cause", why::name_of(v.main));
  append_member(to, "sentence", v.sentence);
  fmt::format_to(std::back_inserter(to), R"(,"share":{:.4f},"phases":[)", v.share);
  bool first = true;
  for (const why::phase& p : v.phases) {
    if (!first) to += ',';
    first = false;
    fmt::format_to(std::back_inserter(to), R"({{"begin_ns":{},"end_ns":{})", p.begin_ns - begin_ns,
                   p.end_ns - begin_ns);
    append_member(to, "cause", why::name_of(p.of));
    append_member(to, "sentence", p.sentence);
    to += '}';
  }
  to += "]}";
}

void append_columns(std::string& to, std::span<const plot_row> rows) {
  std::vector<double> numbers(rows.size());
  const auto append = [&](std::string_view name, auto&& number_of) {
    std::transform(rows.begin(), rows.end(), numbers.begin(), number_of);
    if (to.back() != '{') to += ',';
    append_script_text(to, name);
    to += ':';
    append_packed(to, numbers);
  };
  to += R"("columns":{)";
  append("time_ns", [begin = rows.front().time_ns](const plot_row& r) {
    return static_cast<double>(r.time_ns - begin);
  });
  append("state", [](const plot_row& r) { return static_cast<double>(r.state); });
  for (std::size_t i = 0; i < plot_column_count; ++i)
    append(name_of(static_cast<plot_column>(i)), [i](const plot_row& r) { return r.values[i]; });
  to += '}';
}

void append_flow(std::string& to, const plotted_flow& p, std::int64_t page_begin_ns) {
  const std::span<const plot_row> rows = p.rows.rows();
  const std::int64_t begin_ns = rows.front().time_ns;
  const socket_id ends = p.flow.ends();
  std::array<char, max_moment_size> moment;
  const std::size_t size =
      format_moment(timestamp::from_unix_nanoseconds(begin_ns), time_style::utc, moment);
  to += '{';
  append_member(to, "uuid", p.flow.uuid());
  append_member(to, "local", text::format_end({ends.src, ends.sport}));
  append_member(to, "remote", text::format_end({ends.dst, ends.dport}));
  append_member(to, "congestion_control", p.flow.congestion_control());
  append_member(to, "host", p.flow.host());
  append_member(to, "begin", std::string_view(moment.data(), size));
  fmt::format_to(std::back_inserter(to), R"(,"offset_ns":{},"records":{},"rows":{},"verdicts":[)",
                 begin_ns - page_begin_ns, p.rows.added(), rows.size());
  bool first = true;
  for (const why::verdict& v : p.verdicts) {
    if (!first) to += ',';
    first = false;
    append_verdict(to, v, begin_ns);
  }
  to += "],\n";
  append_columns(to, rows);
  to += '}';
}

void append_names_of_states(std::string& to) {
  to += R"("states":[)";
  for (std::uint8_t state = 0; state < 16; ++state) {
    if (state != 0) to += ',';
    append_script_text(to, state_name(state));
  }
  to += ']';
}

}  // namespace

bool write_plot_page(const std::vector<plotted_flow>& flows, std::uint64_t left_out,
                     const std::function<bool(std::string_view)>& write) {
  std::int64_t begin_ns = 0;
  for (const plotted_flow& p : flows) {
    const std::int64_t ns = p.rows.rows().front().time_ns;
    begin_ns = &p == &flows.front() ? ns : std::min(begin_ns, ns);
  }
  for (const std::string_view piece : page_before_data())
    if (!write(piece)) return false;
  // Milliseconds and the nanoseconds behind them: a number of JavaScript has no room for both.
  constexpr std::int64_t ms = 1'000'000;
  std::string text = fmt::format(R"({{"version":1,"begin_ms":{},"begin_rest_ns":{},"left_out":{},)",
                                 begin_ns / ms, begin_ns % ms, left_out);
  append_names_of_states(text);
  text += ",\n\"connections\":[";
  for (const plotted_flow& p : flows) {
    text += &p == &flows.front() ? "\n" : ",\n";
    append_flow(text, p, begin_ns);
    if (!write(text)) return false;
    text.clear();
  }
  text += "\n]}\n";
  if (!write(text)) return false;
  for (const std::string_view piece : page_behind_data())
    if (!write(piece)) return false;
  return true;
}

}  // namespace tcpinfo::offline
