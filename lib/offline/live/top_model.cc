// SPDX-License-Identifier: Apache-2.0
#include "offline/live/top_model.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tcpinfo::offline {
namespace {

using analysis::why::sample;
using analysis::why::seen;

constexpr std::array<std::string_view, top_order_count> order_names = {
    "rate", "sent", "received", "retransmitted", "rtt", "cause", "owner"};

/// What is compared: the larger one comes first. Of causes the one that people want first.
double weight_of(const watched_flow& f, top_order order) noexcept {
  switch (order) {
    case top_order::sent:
      return f.step.sent.value_or(-1);
    case top_order::received:
      return f.step.received.value_or(-1);
    case top_order::retransmitted:
      return f.step.retransmitted ? static_cast<double>(*f.step.retransmitted) : -1;
    case top_order::rtt:
      return f.latest.has(seen::rtt) ? static_cast<double>(f.latest.or_zero(seen::rtt)) : -1;
    case top_order::cause:
      return -static_cast<double>(f.step.held_by);
    case top_order::rate:
    case top_order::owner:
      break;
  }
  return f.step.rate();
}

}  // namespace

std::string_view name_of(top_order order) noexcept {
  return order_names[static_cast<std::size_t>(order)];
}

bool parse_top_order(std::string_view text, top_order& out) noexcept {
  const auto found = std::find(order_names.begin(), order_names.end(), text);
  if (found == order_names.end()) return false;
  out = static_cast<top_order>(found - order_names.begin());
  return true;
}

void top_model::begin() {
  ++round_;
  totals_ = {};
}

void top_model::see(const message& m, std::int64_t time_ns) {
  const socket_id id = m.id();
  if (decoded_.decode(m, layout_)) return;
  const sample now(decoded_, time_ns);
  const auto [found, is_new] = flows_.try_emplace(id.cookie);
  watched_flow& flow = found->second;
  if (is_new) {
    flow.id = id;
    flow.step.begin_ns = flow.step.end_ns = time_ns;
    flow.step.held_by = limit_between(now, now);
    if (owner_) flow.owner = owner_(m);
  } else {
    // Twice in one look, as when it moves while the kernel walks its table: the later one counts.
    if (flow.round == round_) return;
    // Its group may be new: such are found a little later.
    if (owner_ && flow.owner.empty()) flow.owner = owner_(m);
    flow.step = step_between(flow.latest, now);
    flow.rates.add(static_cast<float>(flow.step.rate()));
  }
  flow.latest = now;
  flow.round = round_;
  ++totals_.flows;
  totals_.sent += flow.step.sent.value_or(0);
  totals_.received += flow.step.received.value_or(0);
  totals_.retransmitted += flow.step.retransmitted.value_or(0);
}

void top_model::end() {
  std::erase_if(flows_, [this](const auto& one) { return one.second.round != round_; });
}

std::vector<const watched_flow*> top_model::rows(top_order order, bool reversed) const {
  struct row {
    double weight;
    double rate;
    const watched_flow* flow;
  };
  std::vector<row> rows;
  rows.reserve(flows_.size());
  for (const auto& [cookie, flow] : flows_)
    rows.push_back({weight_of(flow, order), flow.step.rate(), &flow});
  std::sort(rows.begin(), rows.end(), [order, reversed](const row& a, const row& b) {
    if (order == top_order::owner && a.flow->owner != b.flow->owner)
      // Of texts the first comes first, and those without one last.
      return reversed !=
             (!a.flow->owner.empty() && (b.flow->owner.empty() || a.flow->owner < b.flow->owner));
    if (a.weight != b.weight) return reversed ? a.weight < b.weight : a.weight > b.weight;
    if (a.rate != b.rate) return a.rate > b.rate;
    return a.flow->id.cookie > b.flow->id.cookie;
  });
  std::vector<const watched_flow*> flows;
  flows.reserve(rows.size());
  for (const row& one : rows) flows.push_back(one.flow);
  return flows;
}

const watched_flow* top_model::find(std::uint64_t cookie) const noexcept {
  const auto found = flows_.find(cookie);
  return found == flows_.end() ? nullptr : &found->second;
}

}  // namespace tcpinfo::offline
