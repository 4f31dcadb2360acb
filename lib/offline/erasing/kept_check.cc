// SPDX-License-Identifier: Apache-2.0
#include "offline/erasing/kept_check.h"

#include <unistd.h>

#include <string_view>
#include <system_error>
#include <unordered_map>

namespace tcpinfo::offline {

kept_check::kept_check(const std::vector<ip_prefix>& networks, const path_keys& keys,
                       const connection_set& erased, carried_contexts& carried,
                       std::int32_t max_window_log)
    : networks_(networks),
      keys_(keys),
      erased_(erased),
      carried_(carried),
      max_window_log_(max_window_log) {}

bool kept_check::archives(const std::string& old, const std::string& made,
                          const std::string& name) {
  archive_side before(networks_, keys_, carried_, max_window_log_);
  archive_side after(networks_, keys_, carried_, max_window_log_);
  const auto silent = [](std::uint64_t, std::string_view) {};
  if (!before.lines.open(old, silent) || !after.lines.open(made, silent) || after.lines.damaged())
    return false;
  before.judge.begin_file(name);
  after.judge.begin_file(name);
  if (before.lines.damaged()) {
    before.judge.meet_damage();
    after.judge.meet_damage();
  }
  std::string_view line;
  std::string_view kept;
  std::uint64_t lines = 0;
  for (; before.lines.next(line); ++lines) {
    if (is_erased(before.judge.line(line))) continue;
    if (!after.lines.next(kept) || kept != line) return false;
    const judged is = after.judge.line(kept);
    if (is.in_networks || is_erased(is)) return false;
  }
  return !after.lines.next(kept) && lines == before.lines.lines();
}

// @return false at the end.
bool kept_check::segment_side::next(segment_line& line, judged& is, bool& damaged) {
  for (bool more = true;;) {
    const std::error_code ec = lines.next(line, more);
    if (ec) {
      damaged = true;
      judge.meet_damage();
    }
    if (!more) return false;
    if (ec) continue;
    if (line.begins) {
      const segment_archive& archive = lines.reader().archive();
      judge.begin_archive(std::string(line.path), archive.about, line.goes_on);
    }
    is = judge.line(line.text);
    return true;
  }
}

// Of a line behind those that `latest` is of.
path_key kept_check::chained(const path_key& latest, std::string_view line) {
  chain_.assign(reinterpret_cast<const char*>(&latest), sizeof latest);
  chain_ += line;
  return keys_(chain_);
}

bool kept_check::segments(int old, int made, const std::string& name) {
  segment_side before(networks_, keys_, carried_, max_window_log_);
  segment_side after(networks_, keys_, carried_, max_window_log_);
  if (lseek(old, 0, SEEK_SET) != 0 || lseek(made, 0, SEEK_SET) != 0 || before.lines.open(old) ||
      after.lines.open(made))
    return false;
  before.judge.begin_file(name);
  after.judge.begin_file(name);
  segment_line line;
  segment_line kept;
  judged is;
  bool damaged = false;
  bool was_damaged = false;
  std::unordered_map<path_key, path_lines, path_key_hash> paths;
  while (before.next(line, is, was_damaged)) {
    if (was_damaged) after.judge.meet_damage();
    if (is_erased(is)) continue;
    path_lines& old_line = paths[keys_(line.path)];
    old_line.before = chained(old_line.before, line.text);
    if (!after.next(kept, is, damaged) || is.in_networks || is_erased(is)) return false;
    path_lines& new_line = paths[keys_(kept.path)];
    new_line.after = chained(new_line.after, kept.text);
  }
  for (const auto& [path, lines] : paths)
    if (lines.before != lines.after) return false;
  return !after.next(kept, is, damaged) && !damaged && after.lines.reader().missing_records() == 0;
}

}  // namespace tcpinfo::offline
