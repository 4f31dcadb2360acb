// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-dump: looks inside what was recorded. Flags and main; the work is done by lib/offline.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <tcpinfo/version.h>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "offline/commands.h"
#include "offline/filter_flags.h"

namespace {

namespace offline = tcpinfo::offline;
using offline::bad_value;

void complain(std::string_view line) {
  std::string text = fmt::format("tcpinfo-dump: {}\n", line);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void prepare(CLI::App& app) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_version_flag("--version", "tcpinfo-dump " + std::string(tcpinfo::version_string()));
}

offline::time_style time_style_of(const std::string& text) {
  const auto style = offline::parse_time_style(text);
  if (!style) throw bad_value(fmt::format("--time: '{}' is none of utc, as-is, epoch", text));
  return *style;
}

/// Parses, then runs `body`; says what is wrong with the command line.
template <class F>
int run(CLI::App& app, std::vector<std::string> arguments, F&& body) {
  try {
    // CLI11 takes them from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    return body();
  } catch (const CLI::Success& done) {  // --help, --version
    return app.exit(done);
  } catch (const CLI::ParseError& e) {
    const std::string line = e.what();
    complain(fmt::format("{} (see --help)", line.substr(0, line.find('\n'))));
  } catch (const bad_value& e) {
    complain(e.what());
  }
  return offline::exit_usage;
}

int list(std::vector<std::string> arguments) {
  CLI::App app("One line a connection, all its files taken together.", "tcpinfo-dump ls");
  prepare(app);
  offline::list_options o;
  offline::filter_flags filter;
  std::string sort;
  std::string time = "utc";
  bool json = false;
  bool csv = false;
  app.add_option("PATH", o.paths, "files and directories; - or none: standard input");
  const auto* as_json = app.add_flag("--json", json, "one JSON object a line");
  app.add_flag("--csv", csv, "comma-separated values with a header")
      ->excludes(const_cast<CLI::Option*>(as_json));
  app.add_option("--sort", sort, "column to sort by, with - before it downwards: start, sent, …")
      ->type_name("COLUMN");
  app.add_flag("-r,--reverse", o.print.reverse, "the other way round");
  app.add_option("--time", time, "utc, as-is or epoch")->capture_default_str();
  declare(app, filter, false);
  return run(app, std::move(arguments), [&] {
    o.filter = to_filter_options(filter);
    o.print.time = time_style_of(time);
    if (json) o.print.format = offline::flow_format::json;
    if (csv) o.print.format = offline::flow_format::csv;
    if (sort.starts_with('-')) {
      o.print.reverse = !o.print.reverse;
      sort.erase(0, 1);
    }
    if (!sort.empty()) {
      o.print.sort = offline::find_flow_column(sort);
      if (!o.print.sort)
        throw bad_value(fmt::format("--sort: '{}' is none of the columns: {}", sort,
                                    offline::flow_column_names()));
    }
    offline::output out(STDOUT_FILENO);
    o.print.colour = offline::wants_colour(STDOUT_FILENO);
    return offline::list_flows(out, o, complain);
  });
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away shows as EPIPE, and is no trouble.
  signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string command = arguments.empty() ? "" : arguments.front();
  if (command == "ls") {
    arguments.erase(arguments.begin());
    return list(std::move(arguments));
  }
  complain("not yet: only 'ls'");
  return offline::exit_usage;
}
