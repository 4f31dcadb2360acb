// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/sniffing/file_judge.h"

#include "offline/inputs/file_names.h"
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
  if (parts.packed && !parts.tar && !parts.segment && of.was_packed()) return true;
  return is_text(of.head());
}

judgement judge_unread(const name_parts& parts, const content& of, bool captures) {
  const bool by_name = says_ours(parts, captures);
  if (by_name && of.is_zeros()) return judgement::damaged;
  // Of other files that are merely compressed nobody said that there are archives in them.
  if (by_name && (parts.lines || parts.segment || parts.tar || parts.capture || of.stays_packed()))
    return judgement::unread;
  return parts.may_be_ours() || parts.unread_pack ? judgement::other : judgement::nothing;
}

}  // namespace

judgement judge_content(std::string_view name, content& of, content_kind kind, bool captures) {
  const std::string_view file = base_name(name);
  const name_parts parts = take_apart(file);
  switch (kind) {
    case content_kind::pcap:
    case content_kind::netlink:
      return captures ? judgement::ours : judgement::other;
    case content_kind::tar:
      return parts.may_be_ours() ? judgement::ours : judgement::other;
    case content_kind::segment:
      return judgement::ours;
    case content_kind::unread:
      return judge_unread(parts, of, captures);
    default:
      break;
  }
  if (of.shows_record()) return judgement::ours;
  // Hidden files are other programs' own (._x.json.gz), whatever their endings say.
  if (says_ours(parts, captures) && !file.starts_with('.') && !is_sound(parts, of))
    return judgement::damaged;
  return parts.may_be_ours() || parts.unread_pack ? judgement::other : judgement::nothing;
}

struct file_judge::impl {
  impl(bool also_captures, std::int32_t max_window_log)
      : captures(also_captures), whole(max_window_log), member(max_window_log) {}

  bool captures;
  file_source file;
  content whole;
  content member;
  tar_members members;

  // Whether there is something to read in a tar, or to tell of it.
  judgement look_into_tar(std::string_view path) {
    if (!reads_tar()) return judgement::ours;  // the reader says that it does not
    members.open(whole.bytes());
    std::string name;
    bool damaged = false;
    while (members.next(name)) {
      damaged = damaged || !members.damage().empty();
      if (is_archive_name(name)) return judgement::ours;
      const judgement is = judge_content(name, member, member.open(members.content()), captures);
      if (is != judgement::other && is != judgement::nothing) return judgement::ours;
    }
    damaged = damaged || !members.damage().empty() || !members.fault().empty();
    return damaged && says_ours(take_apart(base_name(path)), captures) ? judgement::damaged
                                                                       : judgement::other;
  }
};

file_judge::file_judge(bool captures, std::int32_t max_window_log)
    : impl_(std::make_unique<impl>(captures, max_window_log)) {}
file_judge::~file_judge() = default;

judgement file_judge::judge(const std::string& path) {
  impl& i = *impl_;
  if (i.file.open(path) != 0)
    return take_apart(base_name(path)).may_be_ours() ? judgement::damaged : judgement::nothing;
  const content_kind kind = i.whole.open(i.file);
  const judgement is = kind == content_kind::tar ? i.look_into_tar(path)
                                                 : judge_content(path, i.whole, kind, i.captures);
  i.file.close();
  return is;
}

}  // namespace tcpinfo::offline
