// SPDX-License-Identifier: Apache-2.0
#include "offline/summaries/comparison.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "offline/summaries/group_key.h"

namespace tcpinfo::offline {
namespace {

namespace st = analysis::statistics;
using observations = std::vector<st::observation>;

// Ends that something is wrong with, where they become more.
constexpr std::array compared_ends = {closing::aborted, closing::rst, closing::timeout,
                                      closing::no_connect};

std::string cluster_of(const connection_facts& f, const as_table* networks) {
  std::string name = group_of(f, group_key::network, networks);
  if (name.empty()) name = group_of(f, group_key::prefix, networks);
  return name + ' ' + group_of(f, group_key::hour, networks);
}

bool has_any(const observations& all) {
  for (const st::observation& one : all)
    if (one.value > 0) return true;
  return false;
}

}  // namespace

void compared_side::add(const connection_facts& f, const as_table* networks) {
  const auto [at, is_new] =
      clusters_.try_emplace(cluster_of(f, networks), static_cast<std::uint32_t>(clusters_.size()));
  connections_.push_back({f.values, at->second, f.closed, f.any_retransmission, f.causes});
}

observations compared_side::of(quantity q) const {
  observations made;
  made.reserve(connections_.size());
  for (const connection& c : connections_)
    if (const double v = c.values[static_cast<std::size_t>(q)]; !std::isnan(v))
      made.push_back({v, c.cluster});
  return made;
}

observations compared_side::ended_by(closing how) const {
  observations made;
  for (const connection& c : connections_)
    if (c.closed != closing::open) made.push_back({c.closed == how ? 1.0 : 0.0, c.cluster});
  return made;
}

observations compared_side::retransmitted() const {
  observations made;
  for (const connection& c : connections_)
    if (c.retransmitted) made.push_back({*c.retransmitted ? 1.0 : 0.0, c.cluster});
  return made;
}

observations compared_side::main_cause(analysis::why::cause cause) const {
  observations made;
  for (const connection& c : connections_)
    if (c.causes) made.push_back({c.causes->main == cause ? 1.0 : 0.0, c.cluster});
  return made;
}

observations compared_side::cause_time(analysis::why::cause cause) const {
  observations made;
  for (const connection& c : connections_) {
    if (!c.causes) continue;
    double whole = 0;
    for (const std::int64_t ns : c.causes->times) whole += static_cast<double>(ns);
    if (whole > 0)
      made.push_back(
          {static_cast<double>(c.causes->times[analysis::why::index_of(cause)]), c.cluster, whole});
  }
  return made;
}

st::sample_size compared_side::size() const {
  observations all;
  all.reserve(connections_.size());
  for (const connection& c : connections_) all.push_back({0, c.cluster});
  return st::size_of(st::renumber(all));
}

comparison compare(const compared_side& a, const compared_side& b,
                   const st::bootstrap_options& options) {
  comparison made;
  made.a = a.size();
  made.b = b.size();
  for (const quantity_description& q : quantities()) {
    const st::quantile_comparison both(a.of(q.of), b.of(q.of));
    const std::vector<st::effect> effects = both.effects(compared_percents, q.kind, options);
    for (std::size_t i = 0; i < effects.size(); ++i)
      made.lines.push_back({std::string(q.name), std::string(q.title),
                            fmt::format("p{}", compared_percents[i]), q.kind, q.of,
                            compared_percents[i], effects[i]});
  }
  const auto add_share = [&](std::string_view name, std::string title, std::string_view of,
                             observations in_a, observations in_b, bool cases_count) {
    made.lines.push_back(
        {std::string(name), std::move(title), std::string(of), st::effect_kind::difference,
         std::nullopt, 0,
         st::share_effect(std::move(in_a), std::move(in_b), cases_count, options)});
  };
  add_share("retransmitted", "anything retransmitted", "share", a.retransmitted(),
            b.retransmitted(), true);
  for (const closing how : compared_ends)
    add_share(closing_name(how), fmt::format("ended: {}", closing_text(how)), "share",
              a.ended_by(how), b.ended_by(how), true);
  for (std::size_t i = 0; i < analysis::why::cause_count; ++i) {
    const auto cause = static_cast<analysis::why::cause>(i);
    const std::string_view name = analysis::why::name_of(cause);
    observations in_a = a.main_cause(cause);
    observations in_b = b.main_cause(cause);
    if (has_any(in_a) || has_any(in_b))
      add_share(name, fmt::format("main cause {}", name), "share", std::move(in_a), std::move(in_b),
                true);
    in_a = a.cause_time(cause);
    in_b = b.cause_time(cause);
    if (has_any(in_a) || has_any(in_b))
      add_share(name, fmt::format("time of {}", name), "time_share", std::move(in_a),
                std::move(in_b), false);
  }
  return made;
}

}  // namespace tcpinfo::offline
