// SPDX-License-Identifier: Apache-2.0
#include "collect/serving/openmetrics.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <span>
#include <unordered_set>

#include "common/time_units.h"

namespace tcpinfo::collect {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Those that a family's name may end with.
constexpr std::array<std::string_view, 4> units = {"seconds", "bytes", "bytes_per_second", "ratio"};
constexpr std::string_view total = "_total";
constexpr std::size_t longest_exemplar = 128;
constexpr std::string_view uuid_label = "uuid";

// As Go writes it, so that a bound is the same text whoever wrote it: "0.001", "1.0", "1e+06".
void append_number(std::string& to, double value) {
  if (std::isinf(value)) {
    to += value < 0 ? "-Inf" : "+Inf";
    return;
  }
  if (std::isnan(value)) {
    to += "NaN";
    return;
  }
  std::array<char, 64> text;
  const double size = std::abs(value);
  const bool plain = value == 0 || (size >= 1e-4 && size < 1e6);
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  const std::string_view written(text.data(), static_cast<std::size_t>(end - text.data()));
  to += written;
  if (plain && written.find('.') == std::string_view::npos) to += ".0";
}

void append_count(std::string& to, std::uint64_t value) {
  fmt::format_to(std::back_inserter(to), "{}", value);
}

void append_escaped(std::string& to, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      to += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') to += '\\';
    to += c;
  }
}

void append_label(std::string& to, bool& first, std::string_view name, std::string_view value) {
  to += first ? '{' : ',';
  first = false;
  to += name;
  to += "=\"";
  append_escaped(to, value);
  to += '"';
}

std::string_view without_total(std::string_view name) noexcept {
  if (name.ends_with(total)) name.remove_suffix(total.size());
  return name;
}

// Writes the samples of one family.
class family_writer {
 public:
  /// `named_alike`: another family has this counter's name without _total. Then it is of type
  /// unknown, whose samples have the name of the family.
  family_writer(std::string& to, const MetricFamily& family, const exemplars_by_family& exemplars,
                bool named_alike) noexcept
      : to_(to), family_(family), name_(family.name), named_alike_(named_alike) {
    const auto found = exemplars.find(family.name);
    if (found != exemplars.end()) exemplars_ = found->second;
    if (family.type == MetricType::Counter && !named_alike) name_ = without_total(family.name);
  }

  void write() {
    write_head();
    for (std::size_t i = 0; i < family_.metric.size(); ++i) {
      const ClientMetric& metric = family_.metric[i];
      if (family_.type == MetricType::Histogram) {
        write_histogram(metric, i < exemplars_.size() ? std::span(exemplars_[i])
                                                      : std::span<const metric_exemplar>());
      } else {
        const bool counts = family_.type == MetricType::Counter;
        begin(counts && !named_alike_ ? total : std::string_view(), metric);
        append_number(to_, counts ? metric.counter.value : metric.gauge.value);
        to_ += '\n';
      }
    }
  }

 private:
  void write_head() {
    const std::string_view type = named_alike_                            ? "unknown"
                                  : family_.type == MetricType::Counter   ? "counter"
                                  : family_.type == MetricType::Histogram ? "histogram"
                                                                          : "gauge";
    fmt::format_to(std::back_inserter(to_), "# TYPE {} {}\n", name_, type);
    for (const std::string_view unit : units)
      if (name_.size() > unit.size() && name_.ends_with(unit) &&
          name_[name_.size() - unit.size() - 1] == '_')
        fmt::format_to(std::back_inserter(to_), "# UNIT {} {}\n", name_, unit);
    fmt::format_to(std::back_inserter(to_), "# HELP {} ", name_);
    append_escaped(to_, family_.help);
    to_ += '\n';
  }

  // The sample's name and labels, and the blank behind.
  void begin(std::string_view suffix, const ClientMetric& metric, const double* bound = nullptr) {
    to_ += name_;
    to_ += suffix;
    bool first = true;
    for (const auto& label : metric.label) append_label(to_, first, label.name, label.value);
    if (bound != nullptr) {
      std::string text;
      append_number(text, *bound);
      append_label(to_, first, "le", text);
    }
    to_ += first ? " " : "} ";
  }

  void write_histogram(const ClientMetric& metric, std::span<const metric_exemplar> exemplars) {
    for (std::size_t i = 0; i < metric.histogram.bucket.size(); ++i) {
      const auto& bucket = metric.histogram.bucket[i];
      begin("_bucket", metric, &bucket.upper_bound);
      append_count(to_, bucket.cumulative_count);
      if (i < exemplars.size()) write_exemplar(exemplars[i]);
      to_ += '\n';
    }
    begin("_count", metric);
    append_count(to_, metric.histogram.sample_count);
    to_ += '\n';
    begin("_sum", metric);
    append_number(to_, metric.histogram.sample_sum);
    to_ += '\n';
  }

  void write_exemplar(const metric_exemplar& e) {
    if (e.uuid.empty() || e.uuid.size() + uuid_label.size() > longest_exemplar) return;
    bool first = true;
    to_ += " # ";
    append_label(to_, first, uuid_label, e.uuid);
    to_ += "} ";
    append_number(to_, e.value);
    fmt::format_to(std::back_inserter(to_), " {}.{:03}", e.time_ns / ns_a_second,
                   e.time_ns / 1'000'000 % 1000);
  }

  std::string& to_;
  const MetricFamily& family_;
  std::string_view name_;
  const bool named_alike_;
  std::span<const std::vector<metric_exemplar>> exemplars_;
};

}  // namespace

std::string openmetrics_text(const std::vector<MetricFamily>& families,
                             const exemplars_by_family& exemplars) {
  std::unordered_set<std::string_view> others;
  for (const MetricFamily& family : families)
    if (family.type != MetricType::Counter) others.insert(family.name);
  std::string text;
  for (const MetricFamily& family : families) {
    const bool named_alike =
        family.type == MetricType::Counter && others.contains(without_total(family.name));
    family_writer(text, family, exemplars, named_alike).write();
  }
  text += "# EOF\n";
  return text;
}

}  // namespace tcpinfo::collect
