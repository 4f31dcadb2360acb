// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_COMMANDS_REPLACED_INPUT_H
#define TCPINFO_OFFLINE_COMMANDS_REPLACED_INPUT_H

#include <string>
#include <vector>

namespace tcpinfo::offline {

/// Which of the files to read a file written to `output` would replace, by whatever name; of
/// folders nothing is known. A pointer into `paths`; nullptr: none.
[[nodiscard]] const std::string* replaced_input(const std::string& output,
                                                const std::vector<std::string>& paths);

}  // namespace tcpinfo::offline

#endif
