// SPDX-License-Identifier: Apache-2.0
#include "offline/live/control_groups.h"

#include <fmt/format.h>
#include <tcpinfo/message.h>

#include <string_view>

#include "analysis/cgroup_list.h"
#include "analysis/cgroup_names.h"
#include "offline/inputs/now.h"

namespace tcpinfo::offline {
namespace {

// There may be thousands of groups.
constexpr std::int64_t pause_ns = 2'000'000'000;
constexpr std::size_t id_digits = 12;

}  // namespace

std::string short_name(const std::string& path) {
  const analysis::cgroup_names names = analysis::names_of_cgroup(path);
  const std::string_view container = names.container.substr(0, id_digits);
  if (!names.pod.empty() && !container.empty())
    return fmt::format("pod {} {}", names.pod, container);
  if (!names.pod.empty()) return fmt::format("pod {}", names.pod);
  if (!container.empty()) return fmt::format("container {}", container);
  return names.unit.empty() ? path : std::string(names.unit);
}

std::string control_groups::path_of(std::uint64_t id) {
  if (const auto known = paths_.find(id); known != paths_.end()) return known->second;
  const std::int64_t now_ns = monotonic_now_ns();
  if (now_ns < next_walk_ns_) return {};
  next_walk_ns_ = now_ns + pause_ns;
  // Those that have gone are forgotten.
  paths_.clear();
  analysis::for_each_cgroup(
      mount_, [this](std::uint64_t group, std::string_view path) { paths_[group] = path; });
  const auto found = paths_.find(id);
  return found == paths_.end() ? std::string() : found->second;
}

std::string control_groups::owner_of(const message& m) {
  const auto id = m.find(attribute_type::cgroup_id);
  if (!id || id->size() < sizeof(std::uint64_t)) return {};
  const std::string path = path_of(wire::load<std::uint64_t>(id->data()));
  return path.empty() ? path : short_name(path);
}

}  // namespace tcpinfo::offline
