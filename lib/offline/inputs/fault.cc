// SPDX-License-Identifier: Apache-2.0
#include "offline/inputs/fault.h"

#include <fmt/format.h>

namespace tcpinfo::offline {

bool fault_limit::tells(std::string_view what) {
  if (all_) return true;
  std::string kind;
  for (const char c : what) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit)
      kind += c;
    else if (kind.empty() || kind.back() != '#')
      kind += '#';
  }
  seen& s = kinds_[kind];
  if (s.count == 0) s.first = what;
  return ++s.count <= told_of_a_kind;
}

std::string fault_limit::rest_of(std::uint64_t more, std::string_view first) {
  return fmt::format("and {} more (-v tells them all): {}", more, first);
}

std::string to_string(const input_fault& f) {
  const std::string_view file = f.file == stdin_path ? "(standard input)" : f.file;
  if (f.line == 0) return fmt::format("{}: {}", file, f.what);
  if (f.of_record) return fmt::format("{}: record {}: {}", file, f.line, f.what);
  return fmt::format("{}:{}: {}", file, f.line, f.what);
}

}  // namespace tcpinfo::offline
