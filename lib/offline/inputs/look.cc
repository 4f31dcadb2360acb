// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/look.h"

#include "offline/inputs/content.h"
#include "offline/inputs/file_source.h"
#include "offline/inputs/names.h"
#include "offline/inputs/reader.h"
#include "offline/inputs/tar_members.h"

namespace tcpinfo::offline {

bool is_ours(content_kind kind, bytes_view head, bool captures) noexcept {
  switch (kind) {
    case content_kind::archive:
      return looks_like_ours(head);
    case content_kind::pcap:
    case content_kind::netlink:
      return captures;
    default:
      return false;
  }
}

struct onlooker::impl {
  explicit impl(bool also_captures) : captures(also_captures) {}

  bool captures;
  file_source file;
  content whole{usual_window_log};
  content member{usual_window_log};
  tar_members members;

  bool finds_member() {
    if (!reads_tar()) return true;  // the reader says that it does not
    members.open(whole.bytes());
    std::string name;
    while (members.next(name))
      if (is_archive_name(name) || is_ours(member.open(members.content()), member.head(), captures))
        return true;
    return false;
  }
};

onlooker::onlooker(bool captures) : impl_(std::make_unique<impl>(captures)) {}
onlooker::~onlooker() = default;

looked onlooker::look(const std::string& path) {
  impl& i = *impl_;
  if (i.file.open(path) != 0) return looked::closed;
  const content_kind kind = i.whole.open(i.file);
  const bool ours =
      kind == content_kind::tar ? i.finds_member() : is_ours(kind, i.whole.head(), i.captures);
  i.file.close();
  if (ours) return looked::ours;
  if (kind == content_kind::foreign) return looked::foreign;
  return kind == content_kind::archive ? looked::unknown : looked::other;
}

}  // namespace tcpinfo::offline
