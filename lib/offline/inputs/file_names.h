// SPDX-License-Identifier: Apache-2.0
//
// What the names of files say before anything of them is read.
#ifndef TCPINFO_OFFLINE_INPUTS_FILE_NAMES_H
#define TCPINFO_OFFLINE_INPUTS_FILE_NAMES_H

#include <string_view>

namespace tcpinfo::offline {

/// Where unpack keeps archives until all are written: a folder in the one that they are for. It is
/// no place to read from.
inline constexpr std::string_view unpack_folder = ".tcpinfo-unpack";

/// What stands behind the last slash.
[[nodiscard]] std::string_view base_name(std::string_view path);

/// Takes `ending` off the end of `name`. @return whether it was there.
bool take_ending(std::string_view& name, std::string_view ending);

/// Whether a collector names its archives or segments so: .jsonl, .jsonl.zst, .tcpseg or
/// .tcpseg.zst, perhaps with .part behind.
[[nodiscard]] bool is_archive_name(std::string_view name);

/// What a file's name is made of.
struct name_parts {
  std::string_view stem;     ///< without the endings below
  bool partial = false;      ///< .part
  bool packed = false;       ///< .zst, .zstd, .gz
  bool unread_pack = false;  ///< .xz, .bz2 and others that are not read
  bool lines = false;        ///< .jsonl, .json, .ndjson
  bool segment = false;      ///< .tcpseg
  bool tar = false;          ///< .tar, .tgz and the like
  bool capture = false;      ///< .pcap and the like

  /// Whether it may be read where nobody named it. What has another ending behind is a copy that
  /// somebody put aside: an editor, or a collector (.part.damaged, .part.new).
  [[nodiscard]] bool may_be_ours() const { return lines || segment || packed || tar || capture; }
};
/// Takes the endings off, in capitals or not.
[[nodiscard]] name_parts take_apart(std::string_view name);

}  // namespace tcpinfo::offline

#endif
