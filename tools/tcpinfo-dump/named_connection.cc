// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-dump/named_connection.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstddef>
#include <utility>

#include "offline/filters/filter_flags.h"
#include "text/endpoints.h"

namespace tcpinfo::tools {

using offline::bad_value;
using offline::connection_name;

namespace {

bool is_there(const std::string& text) {
  struct stat found {};
  return stat(text.c_str(), &found) == 0;
}

// A UUID may be any text. Only one that has a cookie at its end, as collectors make them, is told
// from a file's name mistyped.
bool names_connection(const std::string& text, connection_name& out) {
  if (text.find('/') != std::string::npos || is_there(text)) return false;
  if (!offline::parse_connection_name(text, out).empty()) return false;
  return out.ends || out.cookie != 0;
}

}  // namespace

void sort_arguments(const std::vector<std::string>& arguments,
                    std::vector<connection_name>& connections, std::vector<std::string>& paths) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string text = arguments[i];
    if (text::is_endpoint(text) && !is_there(text)) {
      if (i + 1 == arguments.size() || !text::is_endpoint(arguments[i + 1]))
        throw bad_value(fmt::format("'{}' is one end: the other one is missing", text));
      text += ' ' + arguments[++i];
    }
    connection_name name;
    if (names_connection(text, name))
      connections.push_back(std::move(name));
    else
      paths.push_back(std::move(text));
  }
  if (!connections.empty()) need_path(paths, connections.front().text);
}

void need_path(const std::vector<std::string>& paths, const std::string& connection) {
  if (paths.empty())
    throw bad_value(fmt::format(
        "no file and no directory is named that '{}' is looked for in (- is standard input)",
        connection));
}

}  // namespace tcpinfo::tools
