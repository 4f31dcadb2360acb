// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/file_names.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "common/lower_case.h"

namespace tcpinfo::offline {
namespace {

bool take_any(std::string_view& name, std::span<const std::string_view> endings) {
  for (const std::string_view ending : endings) {
    if (name.size() < ending.size()) continue;
    const std::string_view end = name.substr(name.size() - ending.size());
    if (!std::equal(end.begin(), end.end(), ending.begin(),
                    [](char a, char b) { return lower_case(a) == b; }))
      continue;
    name.remove_suffix(ending.size());
    return true;
  }
  return false;
}

constexpr std::string_view part[] = {".part"};
constexpr std::string_view packs[] = {".zst", ".zstd", ".gz"};
constexpr std::string_view unread_packs[] = {".xz",   ".bz2", ".lz4", ".lz", ".lzo",
                                             ".lzma", ".zip", ".7z",  ".z",  ".rar"};
constexpr std::string_view lines[] = {".jsonl", ".ndjson", ".json"};
constexpr std::string_view segments[] = {".tcpseg"};
constexpr std::string_view tars[] = {".tar", ".tgz", ".tzst", ".tzstd"};
constexpr std::string_view captures[] = {".pcap", ".pcapng", ".cap", ".nl"};

}  // namespace

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool take_ending(std::string_view& name, std::string_view ending) {
  if (!name.ends_with(ending)) return false;
  name.remove_suffix(ending.size());
  return true;
}

bool is_archive_name(std::string_view name) {
  take_ending(name, ".part");
  take_ending(name, ".zst");
  return name.ends_with(".jsonl") || name.ends_with(".tcpseg");
}

name_parts take_apart(std::string_view name) {
  name_parts p;
  p.partial = take_any(name, part);
  p.packed = take_any(name, packs);
  p.unread_pack = !p.packed && take_any(name, unread_packs);
  p.lines = take_any(name, lines);
  p.segment = !p.lines && take_any(name, segments);
  p.tar = !p.lines && !p.segment && take_any(name, tars);
  p.capture = !p.lines && !p.segment && !p.tar && take_any(name, captures);
  p.stem = name;
  return p;
}

}  // namespace tcpinfo::offline
