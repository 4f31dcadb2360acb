// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/carried_contexts.h"

#include "offline/inputs/file_names.h"

namespace tcpinfo::offline {
namespace {

// Of no file and no path: a name that one ends with and the other begins with stays apart.
constexpr char between_texts = '\0';

bool is_decimal(char c) { return c >= '0' && c <= '9'; }

// A run that goes on over midnight has segments in the folders of several days.
std::string_view without_day(std::string_view folder) {
  constexpr std::string_view day = "YYYY/MM/DD/";
  if (folder.size() < day.size()) return folder;
  const std::size_t rest = folder.size() - day.size();
  if (rest > 0 && folder[rest - 1] != '/') return folder;
  for (std::size_t i = 0; i < day.size(); ++i) {
    const char c = folder[rest + i];
    if (day[i] == '/' ? c != '/' : !is_decimal(c)) return folder;
  }
  return folder.substr(0, rest);
}

// The segments of a run, or of a pack, differ in the number at the end.
std::string run_and_path(std::string_view file, const std::string& path) {
  const std::string_view base = base_name(file);
  std::string_view stem = take_apart(base).stem;
  while (!stem.empty() && is_decimal(stem.back())) stem.remove_suffix(1);
  std::string key(without_day(file.substr(0, file.size() - base.size())));
  key.append(stem).push_back(between_texts);
  return key += path;
}

// The file has it under the name of the complete one, too.
std::string file_and_path(std::string_view file, const std::string& path) {
  take_ending(file, ".part");
  std::string key(file);
  key.push_back(between_texts);
  return key += path;
}

}  // namespace

void carried_contexts::keep(const std::string& file, const std::string& path,
                            const context_pointer& context) {
  latest_.keep(run_and_path(file, path), context);
}

context_pointer carried_contexts::find(const std::string& file, const std::string& path) {
  const path_key key = keys_(file_and_path(file, path));
  if (const auto known = found_.find(key); known != found_.end()) return known->second;
  context_pointer context = latest_.find(run_and_path(file, path));
  if (context != nullptr) found_.emplace(key, context);
  return context;
}

void carried_contexts::meet_damage(const std::string& file) {
  damaged_.insert(keys_(run_and_path(file, {})));
}

bool carried_contexts::met_damage(const std::string& file) const {
  return !damaged_.empty() && damaged_.contains(keys_(run_and_path(file, {})));
}

}  // namespace tcpinfo::offline
