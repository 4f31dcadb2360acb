// SPDX-License-Identifier: Apache-2.0
//
// tcpinfo-collect: records every TCP connection of this machine. Reads the flags; the
// work is done by lib/collect.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "collect/collector.h"
#include "collect/control/control.h"
#include "collect/os/capabilities.h"
#include "collect/telemetry/log.h"
#include "common/message_of.h"
#include "tcpinfo-collect/bad_flag.h"
#include "tcpinfo-collect/config_of.h"
#include "tcpinfo-collect/flags.h"
#include "text/standard_output.h"

namespace collect = tcpinfo::collect;
namespace tools = tcpinfo::tools;

int main(int argc, char** argv) {
  // A log whose reader is gone, or a file size limit, is an error of one write, not the end.
  tcpinfo::text::hold_standard_descriptors();
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN);
  collect::raise_capabilities();
  collect::use_journal_if_connected();
  tools::collect_flags f;
  CLI::App app("Records what the kernel knows about every TCP connection of this machine.");
  if (argc < 1) return collect::exit_usage;
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  tools::declare(app, f);
  collect::config c;
  try {
    const std::vector<std::string> arguments = tools::all_arguments(app, argc, argv);
    std::vector<const char*> words;
    for (const std::string& argument : arguments) words.push_back(argument.c_str());
    app.parse(static_cast<int>(words.size()), words.data());
    tools::refuse_empty(app);
    c = tools::config_of(f);
  } catch (const CLI::Success& done) {  // --help, --version
    std::ostringstream text;
    app.exit(done, text);
    const int error = tcpinfo::text::print(text.str());
    if (error == 0) return collect::exit_ok;
    collect::log(collect::event::start_refused, "standard output: {}", tcpinfo::message_of(error));
    return collect::exit_trouble;
  } catch (const CLI::ParseError& e) {
    collect::log(collect::event::usage, "{} (see --help)", e.what());
    return collect::exit_usage;
  } catch (const tools::bad_flag& e) {
    collect::log_line(collect::event::usage, e.what());
    return collect::exit_usage;
  }
  // --file-mode says what is wanted, for folders as well. The event socket's mode is as it would
  // be.
  const mode_t masked = ::umask(0);
  if (!c.event_socket_mode) c.event_socket_mode = 0777U & ~masked;
  const auto operator_says = collect::make_signal_control();
  if (operator_says == nullptr) {
    collect::log(collect::event::start_refused, "cannot wait for signals: {}",
                 tcpinfo::message_of(errno));
    return collect::exit_trouble;
  }
  // Each namespace takes some; nothing here uses select(2).
  rlimit descriptors{};
  if (!c.netns.empty() && ::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
  }
  const auto system = collect::make_linux_os({c.output, c.file_mode, collect::say_no_fsync});
  const auto sources = collect::make_source_maker(*system);
  return collect::collect(*system, *sources, c, *operator_says);
}
