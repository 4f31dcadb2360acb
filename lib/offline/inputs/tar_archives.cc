// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/tar_archives.h"

#include <fmt/format.h>

#include <utility>

#include "offline/inputs/file_names.h"
#include "offline/inputs/sniffing/file_judge.h"

namespace tcpinfo::offline {

void tar_archives::open(byte_source& from, std::string path) {
  path_ = std::move(path);
  read_ = 0;
  passed_ = unread_ = {};
  members_.open(from);
}

bool tar_archives::next(content_kind& kind) {
  while (!faults_.stopped() && members_.next(name_)) {
    if (!members_.damage().empty()) {
      faults_.begin_part(path_);
      if (!faults_.tell(0, members_.damage())) break;
      faults_.end_part();
    }
    kind = member_.open(members_.content());
    switch (is_archive_name(name_) ? judgement::ours
                                   : judge_content(name_, member_, kind, captures_)) {
      case judgement::unread:
        unread_.add(name_);
        continue;
      case judgement::other:
      case judgement::nothing:
        passed_.add(name_);
        continue;
      case judgement::ours:
      case judgement::damaged:
        break;
    }
    ++read_;
    faults_.begin_part(fmt::format("{}:{}", path_, name_));
    return true;
  }
  if (!faults_.stopped()) tell_end();
  return false;
}

void tar_archives::tell_end() {
  faults_.begin_part(path_);
  const std::uint64_t before = faults_.count();
  if (!members_.damage().empty()) faults_.tell(0, members_.damage());
  faults_.tell_cause(0, members_.fault());
  if (unread_.files != 0)
    faults_.tell(0, fmt::format("{} of its files in formats that are not read, such as {}",
                                unread_.files, unread_.first));
  if (read_ == 0 && faults_.count() == before)
    faults_.tell(
        0, passed_.files == 0
               ? std::string("a tar without archives: it holds no file")
               : fmt::format("a tar without archives: none of its {} files is one", passed_.files));
  else if (passed_.files != 0)
    faults_.note(fmt::format("passed over {} of its files, which are no archives, such as {}",
                             passed_.files, passed_.first));
  faults_.end_part();
}

}  // namespace tcpinfo::offline
