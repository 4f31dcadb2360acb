// SPDX-License-Identifier: Apache-2.0
//
// The command line of M-Lab's tcp-info, and flags from the environment, put into our words before
// anything is parsed.
#ifndef TCPINFO_COLLECT_CONTROL_MLAB_FLAGS_H
#define TCPINFO_COLLECT_CONTROL_MLAB_FLAGS_H

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tcpinfo::collect {

struct translated_arguments {
  std::vector<std::string> arguments;  ///< in our words
  std::vector<std::string> ignored;    ///< flags of M-Lab's that mean nothing here, as typed
};

/// Translates the words after the program's name. One dash or two and exactly a name of M-Lab's,
/// alone or followed by '=', is M-Lab's flag, as Go reads it; every other word, and all words after
/// "--", stay as they are. "prom", an older name of the listen address, takes a port.
[[nodiscard]] translated_arguments translate_mlab_flags(std::span<const char* const> arguments);

/// The environment's variable for a flag of ours, given without dashes: the name of M-Lab's flag
/// where it has one ("prometheus": PROMETHEUSX_LISTEN_ADDRESS), else TCPINFO_<FLAG>.
[[nodiscard]] std::string environment_name(std::string_view flag);

using environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Flags that the environment sets, as "--flag=value", to stand before the command line's: those
/// that `given`, the command line in our words, does not have. A variable that is set to nothing
/// sets nothing.
[[nodiscard]] std::vector<std::string> environment_flags(std::span<const std::string> flags,
                                                         std::span<const std::string> given,
                                                         const environment& value_of);

}  // namespace tcpinfo::collect

#endif
