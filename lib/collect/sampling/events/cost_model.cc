// SPDX-License-Identifier: Apache-2.0
#include "collect/sampling/events/cost_model.h"

#include <algorithm>

namespace tcpinfo::collect {
namespace {

// Of fewer queries the fixed cost of a poll is too large a part.
constexpr std::size_t measured_queries = 16;

// A single outlier moves the mean by three eighths of it at most.
void approach(double& mean, double value) noexcept {
  mean += (std::min(value, 4 * mean) - mean) / 8;
}

}  // namespace

void cost_model::note_queries(std::size_t queries, std::int64_t cpu_ns) noexcept {
  if (queries < measured_queries) return;
  approach(query_ns_, static_cast<double>(cpu_ns) / static_cast<double>(queries));
}

// The first dump, which finds every connection new, takes longer than those that follow: a shorter
// one counts for half at once.
void cost_model::note_dump(std::int64_t cpu_ns) noexcept {
  const auto took_ns = static_cast<double>(cpu_ns);
  if (dump_ns_ == 0) dump_ns_ = took_ns;
  if (took_ns < dump_ns_)
    dump_ns_ = (dump_ns_ + took_ns) / 2;
  else
    approach(dump_ns_, took_ns);
}

// Dumps teach nothing about queries. What made those seem dear may pass meanwhile, so their mean
// goes a step back to the usual.
void cost_model::begin_row() noexcept {
  dumps_left_ = dumps_in_a_row;
  approach(query_ns_, usual_query_ns);
}

}  // namespace tcpinfo::collect
