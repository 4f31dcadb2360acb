// SPDX-License-Identifier: Apache-2.0
#include "collect/publishing/segment_streams.h"

#include <vector>

#include "collect/writing/day_folders.h"
#include "collect/writing/file_names.h"
#include "collect/writing/segment_name.h"

namespace tcpinfo::collect {
namespace {

std::error_code add_all(os& system, const std::string& output, const stream_positions& acknowledged,
                        segment_streams& out) {
  std::vector<day_folder> days;
  if (const auto ec = list_day_folders(system, output, days)) return ec;
  for (const day_folder& day : days) {
    const auto ec = unless_gone(system.list(day.path, [&](const directory_entry& entry) {
      parsed_segment_name name;
      if (!entry.is_file || !parse_segment_name(entry.name, name)) return;
      stream_key key{std::string(name.stem), name.writer};
      const auto position = acknowledged.find(key);
      segment_stream& stream = out[std::move(key)];
      if (position != acknowledged.end() && name.number < position->second.segment &&
          !position->second.unread.contains(name.number))
        return;
      std::string path = day.path + "/" + entry.name;
      if (name.partial) path.resize(path.size() - part_suffix.size());
      found_segment& found = stream[name.number];
      found.path = std::move(path);
      found.whole = found.whole || !name.partial;
    }));
    if (ec) return ec;
  }
  return {};
}

bool has_gap(const segment_streams& streams, const stream_positions& acknowledged) {
  for (const auto& [key, position] : acknowledged)
    if (!streams.contains(key)) return true;
  for (const auto& [key, stream] : streams) {
    const auto position = acknowledged.find(key);
    std::uint64_t next = position == acknowledged.end() ? 0 : position->second.segment;
    for (const auto& [number, found] : stream)
      if (number >= next && number != next++) return true;
  }
  return false;
}

}  // namespace

std::error_code find_segments(os& system, const std::string& output,
                              const stream_positions& acknowledged, segment_streams& out) {
  out.clear();
  if (const auto ec = add_all(system, output, acknowledged, out)) return ec;
  // A file that is renamed while its folder is read may be seen under neither name. It is renamed
  // once, so who looks again sees it; what is gone behind the first look is found to be so by who
  // opens it.
  if (!has_gap(out, acknowledged)) return {};
  return add_all(system, output, acknowledged, out);
}

}  // namespace tcpinfo::collect
