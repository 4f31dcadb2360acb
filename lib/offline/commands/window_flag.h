// SPDX-License-Identifier: Apache-2.0
//
// --max-window, the same in every reading tool: how much memory a zstd frame may ask for.
#ifndef TCPINFO_OFFLINE_COMMANDS_WINDOW_FLAG_H
#define TCPINFO_OFFLINE_COMMANDS_WINDOW_FLAG_H

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace tcpinfo::offline {

void declare_max_window(CLI::App& app, std::string& to);

/// The power of two for reader_options. Throws bad_value.
[[nodiscard]] std::int32_t window_log_of(const std::string& text);

}  // namespace tcpinfo::offline

#endif
