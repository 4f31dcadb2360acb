// SPDX-License-Identifier: Apache-2.0
#include "offline/packing/pack_inputs.h"

#include <sys/stat.h>

#include <algorithm>

#include "offline/inputs/file_names.h"

namespace tcpinfo::offline {
namespace {

bool is_file(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

}  // namespace

pack_inputs::pack_inputs(const std::vector<std::string>& named) {
  inputs_.reserve(named.size());
  for (const std::string& path : named) {
    struct stat st {};
    const bool folder = stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
    inputs_.push_back({path, folder ? path + (path.ends_with('/') ? "" : "/") : std::string()});
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].folder.empty())
      files_.emplace(base_name(inputs_[i].named), i);
    else
      folders_.push_back(i);
}

std::string_view pack_inputs::inner_path(const std::string& named, const std::string& file) {
  if (file.size() <= named.size() || !file.starts_with(named)) return base_name(file);
  std::string_view inner = std::string_view(file).substr(named.size());
  // A walk puts one slash behind a folder's name that has none.
  if (!named.ends_with('/')) {
    if (inner.front() != '/') return base_name(file);
    inner.remove_prefix(1);
  }
  return inner;
}

std::string pack_inputs::file_of(std::size_t input, std::string_view inner) const {
  const auto& [named, folder] = inputs_[input];
  return folder.empty() ? named : folder + std::string(inner);
}

std::size_t pack_inputs::find(std::string_view inner) const {
  std::size_t found = inputs_.size();
  if (const auto file = files_.find(inner); file != files_.end() && is_file(named(file->second)))
    found = file->second;
  for (const std::size_t i : folders_) {
    if (i >= found) break;
    if (is_file(file_of(i, inner))) return i;
  }
  return found;
}

}  // namespace tcpinfo::offline
