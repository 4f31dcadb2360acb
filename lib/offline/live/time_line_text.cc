// SPDX-License-Identifier: Apache-2.0
#include "offline/live/time_line_text.h"

#include <fmt/format.h>
#include <tcpinfo/archive.h>

#include <algorithm>
#include <string_view>

#include "offline/live/sparkline.h"
#include "offline/live/top_table.h"
#include "text/escape.h"

namespace tcpinfo::offline {
namespace {

using analysis::why::sample;
using analysis::why::seen;

template <class F>
std::string bars_of(std::string_view name, const time_line& line, std::size_t width, bool utf8,
                    std::string (*text)(double), F&& value) {
  constexpr std::size_t before = 28;  // columns of what stands before the bars
  const std::size_t room = std::min(width - std::min(width, before), time_line::most_steps);
  std::vector<float> values;
  double most = 0;
  for (const time_line::step& one : line.steps()) {
    const double number = value(one);
    values.push_back(static_cast<float>(number));
  }
  const std::size_t first = values.size() - std::min(values.size(), room);
  for (std::size_t i = first; i < values.size(); ++i)
    most = std::max(most, static_cast<double>(values[i]));
  return fmt::format("{:5} up to {:>14}  {}", name, text(most), sparkline(values, room, utf8));
}

std::string clock_text(std::int64_t time_ns) {
  // Of 2026-01-31T12:00:00.123456789Z the time of day, to milliseconds.
  const std::string whole =
      to_string(timestamp::from_unix_nanoseconds(time_ns / 1'000'000 * 1'000'000));
  const std::size_t at = whole.find('T');
  std::string text = whole.substr(at + 1, whole.find('Z') - at - 1);
  if (text.find('.') == std::string::npos) text += '.';
  text.resize(12, '0');
  return text;
}

}  // namespace

std::vector<std::string> fact_lines(const watched_flow& flow) {
  const sample& now = flow.latest;
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{}  cookie {:#x}  {}{}", state_name(now.state()), flow.id.cookie,
                              name_of(flow.step.held_by),
                              flow.owner.empty() ? "" : "  " + text::escaped(flow.owner)));
  lines.push_back(fmt::format(
      "rtt {} (min {})  cwnd {}  ssthresh {}  mss {}  pacing {}", time_text(now.get(seen::rtt)),
      time_text(now.get(seen::min_rtt)), count_text(now.get(seen::snd_cwnd)),
      // All bits set but one: it has no limit yet.
      now.or_zero(seen::snd_ssthresh) >= 0x7fff'ffff ? "-"
                                                     : count_text(now.get(seen::snd_ssthresh)),
      count_text(now.get(seen::snd_mss)),
      now.has(seen::pacing_rate) && now.or_zero(seen::pacing_rate) != ~std::uint64_t{0}
          ? rate_text(static_cast<double>(now.or_zero(seen::pacing_rate)))
          : "-"));
  lines.push_back(fmt::format(
      "sent {} bytes  received {} bytes  retransmitted {} TCP segments  unsent {} bytes",
      count_text(now.get(seen::bytes_acked)), count_text(now.get(seen::bytes_received)),
      count_text(now.get(seen::total_retrans)), count_text(now.get(seen::notsent_bytes))));
  return lines;
}

std::vector<std::string> spark_lines(const time_line& line, std::size_t width, bool utf8) {
  return {
      bars_of(
          "rate", line, width, utf8, [](double n) { return rate_text(n); },
          [](const time_line::step& one) { return one.rate(); }),
      bars_of(
          "rtt", line, width, utf8,
          [](double n) { return time_text(static_cast<std::uint64_t>(n)); },
          [](const time_line::step& one) {
            return static_cast<double>(one.at_end.or_zero(seen::rtt));
          }),
      bars_of(
          "cwnd", line, width, utf8,
          [](double n) { return count_text(static_cast<std::uint64_t>(n)); },
          [](const time_line::step& one) {
            return static_cast<double>(one.at_end.or_zero(seen::snd_cwnd));
          }),
  };
}

std::vector<std::string> step_lines(const time_line& line, std::size_t back, std::size_t most) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{:12}  {:>11}  {:>11}  {:>13}  {:>8}  {:>6}  {}", "TIME (UTC)",
                              "SENT", "RECEIVED", "RETRANS", "RTT", "CWND", "CAUSE"));
  const auto& steps = line.steps();
  for (std::size_t i = back; i < steps.size() && lines.size() <= most; ++i) {
    const time_line::step& one = steps[steps.size() - 1 - i];
    lines.push_back(fmt::format("{:12}  {:>11}  {:>11}  {:>13}  {:>8}  {:>6}  {}",
                                clock_text(one.end_ns), rate_text(one.sent),
                                rate_text(one.received), retransmitted_text(one),
                                time_text(one.at_end.get(seen::rtt)),
                                count_text(one.at_end.get(seen::snd_cwnd)), name_of(one.held_by)));
  }
  return lines;
}

}  // namespace tcpinfo::offline
