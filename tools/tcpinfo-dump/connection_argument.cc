// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-dump/connection_argument.h"

#include <cstddef>

#include "offline/filters/filter_flags.h"
#include "text/endpoints.h"

namespace tcpinfo::tools {

using offline::bad_value;

offline::connection_name take_connection(std::vector<std::string>& arguments) {
  if (arguments.empty())
    throw bad_value("no connection named: its UUID, its cookie, or both its ends (see --help)");
  std::string text = arguments.front();
  std::size_t taken = 1;
  if (arguments.size() > 1 && text::is_endpoint(text) && text::is_endpoint(arguments[1])) {
    text += ' ' + arguments[1];
    taken = 2;
  }
  arguments.erase(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(taken));
  offline::connection_name name;
  if (const std::string wrong = offline::parse_connection_name(text, name); !wrong.empty())
    throw bad_value(wrong);
  return name;
}

}  // namespace tcpinfo::tools
