// SPDX-License-Identifier: Apache-2.0
#include "collect/control/exclusion_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "collect/os/small_file.h"
#include "text/values.h"

namespace tcpinfo::collect {
namespace {

// Some 500,000 prefixes. Reading these takes the main thread part of a second.
constexpr std::size_t max_file_size = std::size_t{16} << 20;
constexpr std::string_view blanks = " \t\r";

std::string_view without_comment(std::string_view text) noexcept {
  text = text.substr(0, text.find('#'));
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  text.remove_suffix(text.size() - (text.find_last_not_of(blanks) + 1));
  return text;
}

// The fault of a line; empty where there is none.
std::string take_line(std::string_view line, exclusion_lists& to) {
  line = without_comment(line);
  if (line.empty()) return {};
  const std::string_view key = line.substr(0, line.find_first_of(blanks));
  const std::string_view list = without_comment(line.substr(key.size()));
  if (key == "srcport") {
    return text::parse_ports(list, to.sports);
  }
  if (key == "dstip") {
    return text::parse_prefixes(list, to.destinations);
  }
  return fmt::format("'{}' is neither srcport nor dstip", key);
}

}  // namespace

std::string read_exclusion_file(const std::string& path, exclusion_lists& out) {
  std::string text;
  if (const auto ec = read_small_file(path, max_file_size, text))
    return fmt::format("{}: {}", path, ec.message());
  exclusion_lists found = out;
  int number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    if (const std::string wrong = take_line(line, found); !wrong.empty())
      return fmt::format("{}:{}: {}", path, number, wrong);
  }
  out = std::move(found);
  return {};
}

}  // namespace tcpinfo::collect
