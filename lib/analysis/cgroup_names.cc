// SPDX-License-Identifier: Apache-2.0
#include "analysis/cgroup_names.h"

#include <algorithm>
#include <cstddef>

namespace tcpinfo::analysis {
namespace {

constexpr std::size_t id_size = 64;
constexpr std::size_t uid_size = 36;  // of a UUID
constexpr std::size_t static_uid_size = 32;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f'); }
bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_hex(c); });
}

bool take_ending(std::string_view& text, std::string_view ending) noexcept {
  if (!text.ends_with(ending)) return false;
  text.remove_suffix(ending.size());
  return true;
}

std::string_view runtime_of(std::string_view prefix, std::string_view parent) noexcept {
  if (prefix == "docker" || (prefix.empty() && parent == "docker")) return "docker";
  if (prefix == "cri-containerd" || prefix == "nerdctl") return "containerd";
  if (prefix == "crio") return "cri-o";
  if (prefix.starts_with("libpod")) return "podman";
  return {};
}

// What a name says before an id: "docker-" and "crio-", "….slice:cri-containerd:" where containerd
// was told of systemd and its runtime was not.
std::string_view prefix_of(std::string_view before) noexcept {
  before.remove_suffix(1);
  return before.substr(before.rfind(':') + 1);
}

bool is_fargate(std::string_view name) noexcept {
  return name.size() > 33 && is_hex(name.substr(0, 32)) && name[32] == '-' &&
         std::all_of(name.begin() + 33, name.end(), is_digit);
}

// @return whether the name is that of a container, or of what watches over one (conmon), which is
// none.
bool take_container(std::string_view name, std::string_view parent, cgroup_names& to) {
  (void)take_ending(name, ".scope");
  if (is_fargate(name)) {
    to.container = name;
    to.runtime = {};
    return true;
  }
  if (name.size() < id_size) return false;
  const std::string_view id = name.substr(name.size() - id_size);
  const std::string_view before = name.substr(0, name.size() - id_size);
  if (!is_hex(id) || (!before.empty() && before.back() != '-' && before.back() != ':'))
    return false;
  const std::string_view prefix = before.empty() ? before : prefix_of(before);
  if (prefix.find("conmon") != prefix.npos) return true;
  to.container = id;
  to.runtime = runtime_of(prefix, parent);
  return true;
}

bool is_uid(std::string_view text, char separator) noexcept {
  if (text.size() == static_uid_size) return is_hex(text);
  if (text.size() != uid_size) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool between = i == 8 || i == 13 || i == 18 || i == 23;
    if (between ? text[i] != separator : !is_hex(text[i])) return false;
  }
  return true;
}

// "pod<uid>" of the cgroupfs driver, "kubepods-burstable-pod<uid>.slice", with underscores in place
// of hyphens, of systemd's.
bool take_pod(std::string_view name, std::string& to) {
  // containerd, told of systemd where its runtime was not, has pod and container in one name.
  if (const std::size_t colon = name.find(':'); colon != name.npos) name = name.substr(0, colon);
  const bool of_systemd = take_ending(name, ".slice");
  const std::size_t at = name.rfind("pod");
  if (at == name.npos || (at > 0 && name[at - 1] != '-')) return false;
  const std::string_view uid = name.substr(at + 3);
  if (!is_uid(uid, of_systemd ? '_' : '-')) return false;
  to = uid;
  std::replace(to.begin(), to.end(), '_', '-');
  return true;
}

}  // namespace

cgroup_names names_of_cgroup(std::string_view path) {
  cgroup_names found;
  std::string_view slice;
  std::string_view parent;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (name.empty()) continue;
    const bool is_pod = take_pod(name, found.pod);
    const bool is_container = take_container(name, parent, found);
    if (!is_pod && !is_container) {
      if (name.ends_with(".service") || name.ends_with(".scope"))
        found.unit = name;
      else if (name.ends_with(".slice") && name.find("kubepods") == name.npos)
        slice = name;
    }
    parent = name;
  }
  if (found.unit.empty()) found.unit = slice;
  return found;
}

}  // namespace tcpinfo::analysis
