// SPDX-License-Identifier: Apache-2.0
//
// What the verbs of tcpinfo-dump have in common.
#ifndef TCPINFO_TOOLS_TCPINFO_DUMP_COMMAND_LINE_H
#define TCPINFO_TOOLS_TCPINFO_DUMP_COMMAND_LINE_H

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/commands/print_command.h"
#include "offline/filters/filter_flags.h"
#include "offline/text/times.h"

namespace CLI {
class App;
}

namespace tcpinfo::tools {

inline constexpr const char* paths_help = "files and directories; - or none: standard input";
inline constexpr const char* verbose_help = "tell each fault, not ten of a kind and file";

/// One line on standard error.
void complain(std::string_view line);

/// Parses, then runs `body` and answers with its status; says what is wrong with the command line.
[[nodiscard]] int run(CLI::App& app, const std::vector<std::string>& arguments,
                      const std::function<int()>& body);

/// Before the flags of a verb.
void prepare(CLI::App& app);
void declare_time(CLI::App& app, std::string& to);
void declare_colour(CLI::App& app, std::string& to);

// These throw offline::bad_value.
[[nodiscard]] offline::time_style time_style_of(const std::string& text);
[[nodiscard]] bool colour_of(const std::string& when);
/// Waiting for somebody to type an archive is never what was meant.
void refuse_terminal(const std::vector<std::string>& paths);

/// For numbers that are counted: CLI11 takes -1 for the largest there is, and 0x10 for 16.
/// @return what is wrong; empty where nothing is.
[[nodiscard]] std::string refuse_uncounted(const std::string& text);

/// What printing snapshots from files and from the kernel have in common.
struct print_flags {
  bool json = false;
  bool changes = false;
  bool zeros = false;
  std::string time = "utc";
  std::string colour = "auto";

  void declare(CLI::App& app);
  [[nodiscard]] offline::snapshot_print_options options() const;
};

/// What the verbs have in common that read connections as wholes.
struct reading_flags {
  std::string jobs = "1";
  bool no_progress = false;
  std::string max_window;
  bool verbose = false;
  offline::filter_flags filter;

  void declare(CLI::App& app);
  /// Throws offline::bad_value.
  [[nodiscard]] offline::flow_reading_options options() const;
};

}  // namespace tcpinfo::tools

#endif
