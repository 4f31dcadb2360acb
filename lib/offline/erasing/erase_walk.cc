// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/erase_walk.h"

#include <sys/stat.h>

#include <utility>

#include "offline/erasing/file_swap.h"
#include "offline/inputs/file_names.h"

namespace tcpinfo::offline {

erase_walk::erase_walk(std::int32_t max_window_log, tell told, leftover found)
    : max_window_log_(max_window_log),
      told_(std::move(told)),
      found_(std::move(found)),
      judge_(true, max_window_log) {}

walk_options erase_walk::options() {
  return {.max_window_log = max_window_log_,
          .wants = [this](const walk_entry& e) { return wants(e); }};
}

// Why what is no archive may hold connections all the same; empty where it does not.
std::string_view erase_walk::why_left(const walk_entry& e) {
  if (e.name.find(".part.") != std::string_view::npos)
    return "put aside by a collector: cannot be judged, left as it is";
  switch (judge_.judge(e.path)) {
    case judgement::ours:
      return "may hold connections under a name that is no archive's or segment's: left as it is";
    case judgement::damaged:
    case judgement::unread:
      return "cannot be read, and so not be judged: left as it is";
    case judgement::other:
    case judgement::nothing:
      break;
  }
  return {};
}

bool erase_walk::wants(const walk_entry& e) {
  if (e.is_folder) {
    if (e.name == unpack_folder)
      told_(e.path, "left by an unpack that was interrupted: cannot be judged, left as it is");
    return true;
  }
  if (e.name == swap_name) {
    found_(e.path);
    return false;
  }
  struct stat st {};
  const bool there = lstat(e.path.c_str(), &st) == 0;
  if (there && S_ISLNK(st.st_mode)) {
    told_(e.path, "a link: what it leads to is left as it is");
    return false;
  }
  if (is_archive_name(e.name)) return true;
  if (!there || !S_ISREG(st.st_mode)) return false;
  if (const std::string_view why = why_left(e); !why.empty()) told_(e.path, why);
  return false;
}

}  // namespace tcpinfo::offline
