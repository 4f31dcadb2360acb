// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-dump: looks inside what was recorded. Flags and main; the work is done by lib/offline.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <netlink/route/link.h>
#include <tcpinfo/version.h>
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "offline/commands/commands.h"
#include "offline/commands/jobs_flag.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "text/escape.h"
#include "text/standard_output.h"
#include "text/values.h"

namespace {

namespace offline = tcpinfo::offline;
using offline::bad_value;

void complain(std::string_view line) {
  const std::string text = fmt::format("tcpinfo-dump: {}\n", tcpinfo::text::escaped(line));
  std::fwrite(text.data(), 1, text.size(), stderr);
}

int print(std::string_view text) {
  const int error = tcpinfo::text::print(text);
  if (error == 0) return offline::exit_done;
  complain("standard output: " + std::generic_category().message(error));
  return offline::exit_trouble;
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

/// Waiting for somebody to type an archive is never what was meant.
void refuse_terminal(const std::vector<std::string>& paths) {
  if (paths.empty() && isatty(STDIN_FILENO) != 0)
    throw bad_value("no file named, and standard input is a terminal (see --help)");
}

/// Parses, then runs `body`; says what is wrong with the command line.
template <class F>
int run(CLI::App& app, std::vector<std::string> arguments, F&& body) {
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

constexpr const char* paths_help = "files and directories; - or none: standard input";
constexpr const char* verbose_help = "tell each fault, not ten of a kind and file";
constexpr const char* time_help = "utc, as-is or epoch";

/// For numbers that are counted: CLI11 takes -1 for the largest there is, and 0x10 for 16.
std::string refuse_uncounted(const std::string& text) {
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  const bool whole = ec == std::errc{} && end == text.data() + text.size();
  return whole ? std::string() : fmt::format("'{}' is no number from 0 up", text);
}

void declare_colour(CLI::App& app, std::string& to) {
  app.add_option("--color", to, "auto (on a terminal), always or never")
      ->type_name("WHEN")
      ->capture_default_str();
}

bool colour_of(const std::string& when) {
  const auto wanted = offline::parse_colour(when, STDOUT_FILENO);
  if (!wanted) throw bad_value(fmt::format("--color: '{}' is none of auto, always, never", when));
  return *wanted;
}

int list(std::vector<std::string> arguments) {
  CLI::App app("One line a connection, all its files taken together.", "tcpinfo-dump ls");
  prepare(app);
  offline::list_options o;
  std::string max_window;
  offline::filter_flags filter;
  std::vector<std::string> columns;
  std::string sort;
  std::string time = "utc";
  std::string colour = "auto";
  std::string jobs = "1";
  bool json = false;
  bool csv = false;
  bool no_progress = false;
  app.add_option("PATH", o.paths, paths_help);
  CLI::Option* as_json = app.add_flag("--json", json, "one JSON object a line");
  app.add_flag("--csv", csv, "comma-separated values with a header")->excludes(as_json);
  offline::add_list(app, "--columns", columns,
                    "columns to print, in that order; * ? [...] match names");
  app.add_option("--sort", sort, "column to sort by, such as start, sent, median_rtt")
      ->type_name("COLUMN");
  app.add_flag("-r,--reverse", o.print.reverse, "the largest first");
  app.add_option("--limit", o.print.limit, "only so many lines, the first ones; 0 = all")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  app.add_option("--time", time, time_help)->type_name("STYLE")->capture_default_str();
  declare_colour(app, colour);
  offline::declare_jobs(app, jobs);
  app.add_flag("--no-progress", no_progress, "no progress on a terminal");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  declare(app, filter, false);
  return run(app, std::move(arguments), [&] {
    refuse_terminal(o.paths);
    o.max_window_log = offline::window_log_of(max_window);
    o.filter = to_filter_options(filter);
    o.print.time = time_style_of(time);
    if (json) o.print.format = offline::flow_format::json;
    if (csv) o.print.format = offline::flow_format::csv;
    if (!sort.empty()) {
      o.print.sort = offline::find_flow_column(sort);
      if (!o.print.sort)
        throw bad_value(fmt::format("--sort: '{}' is none of the columns: {}", sort,
                                    offline::flow_column_names()));
    }
    for (const std::string& list : columns)
      if (const std::string wrong = offline::pick_flow_columns(list, o.print.columns);
          !wrong.empty())
        throw bad_value(fmt::format("--columns: {}", wrong));
    o.print.colour = colour_of(colour);
    if (isatty(STDOUT_FILENO) != 0) o.print.width = offline::terminal_width(STDOUT_FILENO);
    o.workers = offline::workers_of(jobs);
    o.notes = isatty(STDERR_FILENO) != 0;
    o.progress = o.notes && !no_progress;
    offline::output out(STDOUT_FILENO);
    return offline::list_flows(out, o, complain);
  });
}

/// What printing snapshots from files and from the kernel have in common.
struct print_flags {
  bool json = false;
  bool changes = false;
  bool zeros = false;
  std::string time = "utc";
  std::string colour = "auto";

  void declare(CLI::App& app) {
    CLI::Option* as_json = app.add_flag("--json", json, "one JSON object a line");
    app.add_flag("--changes", changes, "only what changed since the connection's previous snapshot")
        ->excludes(as_json);
    app.add_flag("-z,--zeros", zeros, "also the fields that are 0")->excludes(as_json);
    app.add_option("--time", time, time_help)->type_name("STYLE")->capture_default_str();
    declare_colour(app, colour);
  }
  [[nodiscard]] offline::snapshot_print_options options() const {
    offline::snapshot_print_options o;
    if (json) o.format = offline::snapshot_format::json;
    o.changes = changes;
    o.text.zeros = zeros;
    o.time = time_style_of(time);
    o.colour = colour_of(colour);
    return o;
  }
};

int print_snapshots(std::vector<std::string> arguments) {
  CLI::App app(
      "Prints what was recorded of TCP connections, in the words of ss.\n"
      "  tcpinfo-dump ls      one line a connection\n"
      "  tcpinfo-dump live    the same text straight from the kernel\n"
      "  tcpinfo-dump verify  whether archives are whole and consistent\n"
      "each with its own --help.",
      "tcpinfo-dump");
  prepare(app);
  offline::print_options o;
  std::string max_window;
  offline::filter_flags filter;
  print_flags flags;
  app.add_option("FILE", o.paths, paths_help);
  flags.declare(app);
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  declare(app, filter);
  return run(app, std::move(arguments), [&] {
    refuse_terminal(o.paths);
    o.max_window_log = offline::window_log_of(max_window);
    o.filter = to_filter_options(filter);
    o.print = flags.options();
    offline::output out(STDOUT_FILENO);
    return offline::print_files(out, o, complain);
  });
}

int verify(std::vector<std::string> arguments) {
  CLI::App app("Says whether archives are whole and consistent.", "tcpinfo-dump verify");
  prepare(app);
  offline::verify_options o;
  std::string max_window;
  app.add_option("PATH", o.paths, paths_help);
  app.add_flag("-q,--quiet", o.quiet, "findings only, no counts");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  return run(app, std::move(arguments), [&] {
    refuse_terminal(o.paths);
    o.max_window_log = offline::window_log_of(max_window);
    offline::output out(STDOUT_FILENO);
    return offline::verify_files(out, o, complain);
  });
}

/// Names of the interfaces there are now.
class interfaces {
 public:
  interfaces() {
    nl_sock* socket = nl_socket_alloc();
    if (socket == nullptr) return;
    if (nl_connect(socket, NETLINK_ROUTE) == 0)
      (void)rtnl_link_alloc_cache(socket, AF_UNSPEC, &links_);
    nl_socket_free(socket);
  }
  ~interfaces() {
    if (links_ != nullptr) nl_cache_free(links_);
  }
  interfaces(const interfaces&) = delete;
  interfaces& operator=(const interfaces&) = delete;

  [[nodiscard]] std::optional<std::uint32_t> index(const std::string& name) const {
    const int found = links_ == nullptr ? 0 : rtnl_link_name2i(links_, name.c_str());
    return found == 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(found));
  }
  [[nodiscard]] std::string name(std::uint32_t index) const {
    char text[64];
    if (links_ != nullptr &&
        rtnl_link_i2name(links_, static_cast<int>(index), text, sizeof text) != nullptr)
      return text;
    return std::to_string(index);
  }

 private:
  nl_cache* links_ = nullptr;
};

int live(std::vector<std::string> arguments) {
  CLI::App app("Prints what the kernel knows now of this machine's TCP connections.",
               "tcpinfo-dump live");
  prepare(app);
  offline::live_options o;
  offline::filter_flags filter;
  print_flags flags;
  std::string interval;
  app.add_option("--interval", interval, "again and again, with this time between")
      ->type_name("DURATION");
  app.add_option("--reps", o.reps, "so many times with --interval, 0 = until interrupted")
      ->type_name("N")
      ->check(refuse_uncounted)
      ->capture_default_str();
  flags.declare(app);
  declare_of_connections(app, filter);
  return run(app, std::move(arguments), [&] {
    const interfaces names;
    o.filter =
        to_filter_options(filter, [&names](const std::string& name) { return names.index(name); });
    o.print = flags.options();
    if (!interval.empty()) {
      const auto ns = tcpinfo::text::parse_duration(interval);
      if (!ns || *ns < 1'000'000)
        throw bad_value(fmt::format(
            "--interval: '{}' is no duration of at least 1ms (examples: 100ms, 1s)", interval));
      o.interval_ns = *ns;
    }
    o.print.text.interface_name = [&names](std::uint32_t index) { return names.name(index); };
    offline::output out(STDOUT_FILENO);
    return offline::print_live(out, o, complain);
  });
}

}  // namespace

int main(int argc, char** argv) {
  tcpinfo::text::hold_standard_descriptors();
  // A reader that goes away shows as EPIPE, and is no trouble; a limit of file sizes as EFBIG.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string command = arguments.empty() ? "" : arguments.front();
  const auto rest = [&arguments] {
    arguments.erase(arguments.begin());
    return std::move(arguments);
  };
  try {
    if (command == "ls") return list(rest());
    if (command == "live") return live(rest());
    if (command == "verify") return verify(rest());
    return print_snapshots(std::move(arguments));
  } catch (const std::exception& e) {  // out of memory, above all
    complain(e.what());
    return offline::exit_trouble;
  }
}
