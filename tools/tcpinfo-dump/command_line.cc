// SPDX-License-Identifier: Apache-2.0
#include "tcpinfo-dump/command_line.h"
#include "common/message_of.h"

#include <fmt/format.h>
#include <unistd.h>

#include <tcpinfo/version.h>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <sstream>

#include "offline/commands/jobs_flag.h"
#include "offline/commands/window_flag.h"
#include "text/escape.h"
#include "text/standard_output.h"
#include "text/whole_number.h"

namespace tcpinfo::tools {

using offline::bad_value;

namespace {

int print(std::string_view text) {
  const int error = tcpinfo::text::print(text);
  if (error == 0) return offline::exit_done;
  complain("standard output: " + message_of(error));
  return offline::exit_trouble;
}

}  // namespace

void complain(std::string_view line) {
  const std::string text = fmt::format("tcpinfo-dump: {}\n", tcpinfo::text::escaped(line));
  std::fwrite(text.data(), 1, text.size(), stderr);
}

int run(CLI::App& app, const std::vector<std::string>& arguments,
        const std::function<int()>& body) {
  try {
    // CLI11 takes them from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    return body();
  } catch (const CLI::Success& done) {  // --help, --version
    std::ostringstream text;
    app.exit(done, text);
    return print(text.str());
  } catch (const CLI::ParseError& e) {
    complain(fmt::format("{} (see --help)", e.what()));
  } catch (const bad_value& e) {
    complain(e.what());
  }
  return offline::exit_usage;
}

void prepare(CLI::App& app) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_version_flag("--version", "tcpinfo-dump " + std::string(tcpinfo::version_string()));
}

void declare_time(CLI::App& app, std::string& to) {
  app.add_option("--time", to, "utc, as-is or epoch")->type_name("STYLE")->capture_default_str();
}

void declare_colour(CLI::App& app, std::string& to) {
  app.add_option("--color", to, "auto (on a terminal), always or never")
      ->type_name("WHEN")
      ->capture_default_str();
}

offline::time_style time_style_of(const std::string& text) {
  const auto style = offline::parse_time_style(text);
  if (!style) throw bad_value(fmt::format("--time: '{}' is none of utc, as-is, epoch", text));
  return *style;
}

bool colour_of(const std::string& when) {
  const auto wanted = offline::parse_colour(when, STDOUT_FILENO);
  if (!wanted) throw bad_value(fmt::format("--color: '{}' is none of auto, always, never", when));
  return *wanted;
}

void refuse_terminal(const std::vector<std::string>& paths) {
  if (paths.empty() && isatty(STDIN_FILENO) != 0)
    throw bad_value("no file named, and standard input is a terminal (see --help)");
}

std::string refuse_uncounted(const std::string& text) {
  return text::parse_whole(text) ? std::string() : fmt::format("'{}' is no number from 0 up", text);
}

void print_flags::declare(CLI::App& app) {
  CLI::Option* as_json = app.add_flag("--json", json, "one JSON object a line");
  app.add_flag("--changes", changes, "only what changed since the connection's previous snapshot")
      ->excludes(as_json);
  app.add_flag("-z,--zeros", zeros, "also the fields that are 0")->excludes(as_json);
  declare_time(app, time);
  declare_colour(app, colour);
}

offline::snapshot_print_options print_flags::options() const {
  offline::snapshot_print_options o;
  if (json) o.format = offline::snapshot_format::json;
  o.changes = changes;
  o.text.zeros = zeros;
  o.time = time_style_of(time);
  o.colour = colour_of(colour);
  return o;
}

void reading_flags::declare(CLI::App& app) {
  offline::declare_jobs(app, jobs);
  app.add_flag("--no-progress", no_progress, "no progress on a terminal");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", verbose, verbose_help);
  offline::declare(app, filter, false);
}

offline::flow_reading_options reading_flags::options() const {
  offline::flow_reading_options o;
  o.max_window_log = offline::window_log_of(max_window);
  o.filter = offline::to_filter_options(filter);
  o.workers = offline::workers_of(jobs);
  o.progress = isatty(STDERR_FILENO) != 0 && !no_progress;
  o.verbose = verbose;
  return o;
}

}  // namespace tcpinfo::tools
