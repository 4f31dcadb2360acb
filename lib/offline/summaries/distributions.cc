// SPDX-License-Identifier: Apache-2.0
#include "offline/summaries/distributions.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "analysis/statistics/quantile.h"

namespace tcpinfo::offline {
namespace {

using analysis::statistics::quantile_of;
using members = std::vector<const connection_facts*>;

// What is known of it, rising.
std::vector<double> sorted_values(const members& of, quantity q) {
  std::vector<double> values;
  values.reserve(of.size());
  for (const connection_facts* f : of)
    if (const double v = f->value(q); !std::isnan(v)) values.push_back(v);
  std::sort(values.begin(), values.end());
  return values;
}

double sum_of(const members& of, quantity q) {
  double sum = 0;
  for (const connection_facts* f : of)
    if (const double v = f->value(q); !std::isnan(v)) sum += v;
  return sum;
}

distribution distribution_of(const members& all, quantity q) {
  distribution made;
  made.of = q;
  const std::vector<double> values = sorted_values(all, q);
  made.known = values.size();
  made.unknown = all.size() - values.size();
  for (std::size_t i = 0; i < told_percents.size(); ++i)
    made.percentiles[i] = quantile_of(values, told_percents[i]);
  made.classes = analysis::statistics::histogram_of(values);
  return made;
}

group group_of_members(std::string name, const members& of) {
  group made;
  made.name = std::move(name);
  made.connections = of.size();
  made.sent = sum_of(of, quantity::sent);
  made.received = sum_of(of, quantity::received);
  for (const quantity_description& q : quantities()) {
    const std::vector<double> values = sorted_values(of, q.of);
    made.numbers[static_cast<std::size_t>(q.of)] = {values.size(), quantile_of(values, 50),
                                                    quantile_of(values, 90)};
  }
  return made;
}

group_table table_by(const members& all, group_key by, const as_table* networks,
                     std::size_t limit) {
  group_table made;
  made.by = by;
  std::map<std::string, members> found;
  for (const connection_facts* f : all) found[group_of(*f, by, networks)].push_back(f);
  // The map has times in their order, and the others in that of their names.
  std::vector<std::pair<const std::string, members>*> order;
  for (auto& one : found) order.push_back(&one);
  if (!is_of_times(by))
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
      return a->second.size() > b->second.size();
    });
  const bool is_limited = !is_of_times(by) && limit != 0 && order.size() > limit;
  const std::size_t told = is_limited ? limit : order.size();
  for (std::size_t i = 0; i < told; ++i)
    made.groups.push_back(group_of_members(order[i]->first, order[i]->second));
  if (!is_limited) return made;
  members others;
  for (std::size_t i = told; i < order.size(); ++i)
    others.insert(others.end(), order[i]->second.begin(), order[i]->second.end());
  made.left_out = order.size() - told;
  made.rest = group_of_members({}, others);
  return made;
}

std::vector<cause_time> cause_times_of(const members& all) {
  std::vector<cause_time> made(analysis::why::cause_count);
  for (std::size_t i = 0; i < made.size(); ++i) made[i].of = static_cast<analysis::why::cause>(i);
  for (const connection_facts* f : all) {
    if (!f->causes) continue;
    ++made[analysis::why::index_of(f->causes->main)].connections;
    for (std::size_t i = 0; i < made.size(); ++i)
      made[i].seconds += static_cast<double>(f->causes->times[i]) / 1e9;
  }
  std::erase_if(made, [](const cause_time& c) { return c.connections == 0 && c.seconds <= 0; });
  std::stable_sort(made.begin(), made.end(),
                   [](const cause_time& a, const cause_time& b) { return a.seconds > b.seconds; });
  return made;
}

}  // namespace

connection_summary summarize(std::span<const connection_facts> all, std::span<const group_key> by,
                             const as_table* networks, std::size_t limit) {
  connection_summary made;
  members each;
  each.reserve(all.size());
  for (const connection_facts& f : all) {
    each.push_back(&f);
    if (!f.start_s) continue;
    made.first_s = std::min(made.first_s.value_or(*f.start_s), *f.start_s);
    made.last_s = std::max(made.last_s.value_or(*f.start_s), *f.start_s);
  }
  made.connections = each.size();
  made.sent = sum_of(each, quantity::sent);
  made.received = sum_of(each, quantity::received);
  for (const quantity_description& q : quantities())
    made.distributions.push_back(distribution_of(each, q.of));
  for (const group_key key : by) made.tables.push_back(table_by(each, key, networks, limit));
  made.causes = cause_times_of(each);
  return made;
}

}  // namespace tcpinfo::offline
