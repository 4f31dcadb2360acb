// SPDX-License-Identifier: Apache-2.0
#include "offline/flows/summary_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace tcpinfo::offline {
namespace {

std::string key_of(std::string_view uuid, std::uint64_t sequence) {
  return fmt::format("{}.{:05}", uuid, sequence);
}

bool is_close(const std::optional<double>& a, const std::optional<double>& b) {
  constexpr double most = 0.03;  // as docs/segment.md promises, and more
  if (!a || !b) return a.has_value() == b.has_value();
  return std::abs(*a - *b) <= most * std::max(*a, *b);
}

// The first value in which they differ; empty where there is none.
std::string difference(const std::vector<summary_value>& said,
                       const std::vector<summary_value>& made) {
  const auto value_of = [](const std::vector<summary_value>& all, std::uint32_t field) {
    for (const summary_value& v : all)
      if (v.field == field) return v.value;
    return std::uint64_t{0};
  };
  // Segments of before causes were kept do not tell them.
  constexpr auto causes = static_cast<std::uint32_t>(analysis::summary_field::causes_bits);
  const bool has_causes = value_of(said, causes) != 0;
  const auto one = [&](const std::vector<summary_value>& fields) -> std::string {
    for (const summary_value& v : fields) {
      if (v.field >= causes && !has_causes) continue;
      if (const auto a = value_of(said, v.field), b = value_of(made, v.field); a != b)
        return fmt::format("field {} is {}, by the records {}", v.field, a, b);
    }
    return {};
  };
  std::string found = one(made);
  return found.empty() ? one(said) : found;
}

}  // namespace

bool summary_check::begin(const std::string& path) {
  archives_.clear();
  context_ = nullptr;
  latest_ = nullptr;
  on_ = summaries_.read(path, {});
  if (!on_) return false;
  summaries_.hand_on([this](input_summary& s) {
    s.of.records().set_congestion_control(names_.number(s.congestion_control));
    archive& a = archives_[key_of(s.uuid, s.facts.sequence.value_or(0))];
    a.said.merge(std::move(s.of));
    a.start_time = s.facts.start_time;
    a.is_said = true;
  });
  return true;
}

void summary_check::take(const input_record& r) {
  if (!on_) return;
  if (context_ != r.context) {
    context_ = r.context;
    latest_ = &archives_[key_of(r.uuid(), context_->sequence.value_or(0))];
  }
  if (r.has_message) latest_->made.add(eye_.see(r.m, r.time, r.ended, r.carried), r.poll);
}

void summary_check::end(const std::function<void(std::string_view)>& find) {
  if (summaries_.is_damaged()) find("its summaries are damaged: records are read in their place");
  for (auto& [key, a] : archives_) {
    if (!a.is_said) continue;
    analysis::summary_room said;
    analysis::summary_room made;
    const segment_summary of_said = a.said.save(a.start_time, said, names_);
    const segment_summary of_records = a.made.save(a.start_time, made, names_);
    std::string wrong = difference(said.values, made.values);
    if (wrong.empty() && of_said.congestion_control != of_records.congestion_control)
      wrong = fmt::format("it says {}, the records {}", of_said.congestion_control,
                          of_records.congestion_control);
    if (wrong.empty() && said.rtts != made.rtts &&
        !(is_close(a.said.records().median_rtt_us(), a.made.records().median_rtt_us()) &&
          is_close(a.said.records().p95_rtt_us(), a.made.records().p95_rtt_us())))
      wrong = "its round-trip times are others";
    if (!wrong.empty()) find(fmt::format("the summary of {} is wrong: {}", key, wrong));
  }
  archives_.clear();
  on_ = false;
}

}  // namespace tcpinfo::offline
