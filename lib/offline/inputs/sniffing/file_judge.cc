// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sniffing/file_judge.h"

#include "offline/inputs/file_names.h"
#include "offline/inputs/reader.h"
#include "offline/inputs/sources/file_source.h"
#include "offline/inputs/sources/tar_members.h"

namespace tcpinfo::offline {
namespace {

// Whether it is what this tool reads, by its name.
bool says_ours(const name_parts& parts, bool captures) {
  return parts.capture ? captures : parts.may_be_ours();
}

// Text or bytes that nothing happened to, and that are something else than the name says: a log
// under .gz, a program's settings under .json. What is not sound may have been records.
bool is_sound(const name_parts& parts, const content& of) {
  if (of.is_damaged() || of.head().empty()) return false;
  if (parts.lines) return is_sound_json(of.head(), of.is_at_end());
  // What is in a gzip or zstd file may be anything, but in a tar's place bytes are a damaged
  // header.
  if (parts.packed && !parts.tar && of.was_packed()) return true;
  return is_text(of.head());
}

looked judge_foreign(const name_parts& parts, const content& of, bool captures) {
  const bool by_name = says_ours(parts, captures);
  if (by_name && of.is_zeros()) return looked::damaged;
  // Of other files that are merely compressed nobody said that there are archives in them.
  if (by_name && (parts.lines || parts.tar || parts.capture || of.stays_packed()))
    return looked::unread;
  return parts.may_be_ours() || parts.foreign_pack ? looked::other : looked::nothing;
}

}  // namespace

looked judge(std::string_view name, content& of, content_kind kind, bool captures) {
  const std::string_view file = base_name(name);
  const name_parts parts = take_apart(file);
  switch (kind) {
    case content_kind::pcap:
    case content_kind::netlink:
      return captures ? looked::ours : looked::other;
    case content_kind::tar:
      return parts.may_be_ours() ? looked::ours : looked::other;
    case content_kind::foreign:
      return judge_foreign(parts, of, captures);
    default:
      break;
  }
  if (of.shows_record()) return looked::ours;
  // Hidden files are other programs' own (._x.json.gz), whatever their endings say.
  if (says_ours(parts, captures) && !file.starts_with('.') && !is_sound(parts, of))
    return looked::damaged;
  return parts.may_be_ours() || parts.foreign_pack ? looked::other : looked::nothing;
}

struct onlooker::impl {
  impl(bool also_captures, std::int32_t max_window_log)
      : captures(also_captures), whole(max_window_log), member(max_window_log) {}

  bool captures;
  file_source file;
  content whole;
  content member;
  tar_members members;

  // Whether there is something to read in a tar, or to tell of it.
  looked look_into_tar(std::string_view path) {
    if (!reads_tar()) return looked::ours;  // the reader says that it does not
    members.open(whole.bytes());
    std::string name;
    bool damaged = false;
    while (members.next(name)) {
      damaged = damaged || !members.damage().empty();
      if (is_archive_name(name)) return looked::ours;
      const looked is = judge(name, member, member.open(members.content()), captures);
      if (is != looked::other && is != looked::nothing) return looked::ours;
    }
    damaged = damaged || !members.damage().empty() || !members.fault().empty();
    return damaged && says_ours(take_apart(base_name(path)), captures) ? looked::damaged
                                                                       : looked::other;
  }
};

onlooker::onlooker(bool captures, std::int32_t max_window_log)
    : impl_(std::make_unique<impl>(captures, max_window_log)) {}
onlooker::~onlooker() = default;

looked onlooker::look(const std::string& path) {
  impl& i = *impl_;
  if (i.file.open(path) != 0)
    return take_apart(base_name(path)).may_be_ours() ? looked::damaged : looked::nothing;
  const content_kind kind = i.whole.open(i.file);
  const looked is =
      kind == content_kind::tar ? i.look_into_tar(path) : judge(path, i.whole, kind, i.captures);
  i.file.close();
  return is;
}

}  // namespace tcpinfo::offline
