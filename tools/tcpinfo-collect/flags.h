// SPDX-License-Identifier: Apache-2.0
//
// The flags of tcpinfo-collect: their names and texts, and what was typed.
#ifndef TCPINFO_TOOLS_TCPINFO_COLLECT_FLAGS_H
#define TCPINFO_TOOLS_TCPINFO_COLLECT_FLAGS_H

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tcpinfo::tools {

/// As they were typed, or else their defaults. config_of() says what they mean.
struct collect_flags {
  std::string output = ".";
  std::string interval = "10ms";
  std::string reps = "0";
  std::string duration = "0";
  std::string layout = "connections";
  std::string rotate = "10m";
  std::string flush = "5s";
  std::string level = "3";
  std::string writers = "0";
  std::string sampling = "auto";
  std::string reconcile = "10s";
  std::string cpu_budget = "0";
  std::string max_memory = "256MiB";
  std::string max_age = "0";
  std::string max_disk = "0";
  std::vector<std::string> exclude_srcport;
  std::vector<std::string> exclude_dstip;
  std::vector<std::string> exclude_file;
  std::string sample = "1";
  std::string thin = "0";
  std::vector<std::string> finals_only;
  std::string anonymize = "none";
  std::string owner = "off";
  std::string file_mode = "0640";
  std::string event_buffer = "32MiB";
  std::string uuid_prefix_file;
  std::string prometheus;
  std::string traffic_metrics;
  std::string label_limit = "100";
  std::string eventsocket;
  std::string eventsocket_mode;
  std::string query_socket;
  std::string query_socket_mode = "0600";
  std::vector<std::string> publish;
  std::string publish_what;
  std::vector<std::string> netns;
  bool no_realtime = false;
  bool events_replay = false;
  bool events_owner = false;
  bool include_local = false;
  bool verbose = false;
};

void declare(CLI::App& app, collect_flags& f);

/// Nothing is not the same as not given: a script's variable that is not set must not switch off
/// what it was to say. Throws bad_flag.
void refuse_empty(const CLI::App& app);

/// The environment's flags, of which the command line has none, and then that.
[[nodiscard]] std::vector<std::string> all_arguments(const CLI::App& app, int argc, char** argv);

}  // namespace tcpinfo::tools

#endif
