// SPDX-License-Identifier: Apache-2.0
//
// -j, the same in every reading tool: how many files are worked on at a time.
#ifndef TCPINFO_OFFLINE_COMMANDS_JOBS_FLAG_H
#define TCPINFO_OFFLINE_COMMANDS_JOBS_FLAG_H

#include <string>

namespace CLI {
class App;
}

namespace tcpinfo::offline {

void declare_jobs(CLI::App& app, std::string& to);

/// The number of threads, at least 1. Throws bad_value.
[[nodiscard]] unsigned workers_of(const std::string& text);

}  // namespace tcpinfo::offline

#endif
