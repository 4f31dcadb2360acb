// SPDX-License-Identifier: Apache-2.0
#include "offline/live/control_groups.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <tcpinfo/message.h>

#include <filesystem>
#include <system_error>

#include "analysis/cgroup_names.h"
#include "offline/live/kernel_look.h"

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

// A group's id is the inode number of its folder.
void control_groups::walk() {
  using each_entry = std::filesystem::recursive_directory_iterator;
  struct stat about {};
  if (::stat(mount_.c_str(), &about) != 0) return;
  paths_[about.st_ino] = "/";
  std::error_code ec;
  for (each_entry at(mount_, std::filesystem::directory_options::skip_permission_denied, ec);
       !ec && at != each_entry(); at.increment(ec)) {
    const std::string& place = at->path().native();
    std::error_code none;
    if (at->is_directory(none) && !at->is_symlink(none) && ::stat(place.c_str(), &about) == 0)
      paths_[about.st_ino] = place.substr(mount_.size());
  }
}

std::string control_groups::path_of(std::uint64_t id) {
  if (const auto known = paths_.find(id); known != paths_.end()) return known->second;
  const std::int64_t now_ns = monotonic_now_ns();
  if (now_ns < next_walk_ns_) return {};
  next_walk_ns_ = now_ns + pause_ns;
  // Those that have gone are forgotten.
  paths_.clear();
  walk();
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
