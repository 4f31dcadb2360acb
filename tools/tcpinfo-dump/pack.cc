// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "offline/commands/pack_command.h"
#include "offline/commands/window_flag.h"
#include "offline/filters/filter_flags.h"
#include "tcpinfo-dump/command_line.h"
#include "tcpinfo-dump/verbs.h"
#include "text/values.h"
#include "text/whole_number.h"

namespace tcpinfo::tools {

using offline::bad_value;

namespace {

constexpr std::uint64_t highest_level = 22;
// Below that a segment would be little more than one block.
constexpr std::uint64_t smallest_segment = std::uint64_t{4} << 20;

std::uint64_t segment_size_of(const std::string& text) {
  const auto size = text::parse_size(text);
  if (!size || *size < smallest_segment)
    throw bad_value(fmt::format("--segment-size: '{}' is no size from {}MiB up (example: 64MiB)",
                                text, smallest_segment >> 20U));
  return *size;
}

}  // namespace

int dump_pack(std::vector<std::string> arguments) {
  CLI::App app("Packs archives into segments, files of many connections.", "tcpinfo-dump pack");
  prepare(app);
  offline::pack_options o;
  std::string level = "7";
  std::string segment_size = "256MiB";
  std::string max_window;
  bool no_progress = false;
  app.add_option("PATH", o.paths, "archives and directories of archives");
  app.add_option("-o,--output", o.output, "directory for the segments")->type_name("DIR");
  app.add_flag("--replace", o.replace,
               "remove the archives, once they were read back and compared");
  app.add_option("--level", level, "of zstd, 1 (fast) to 22 (small)")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--segment-size", segment_size, "largest size of a segment")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_flag("-q,--quiet", o.quiet, "faults only, no counts");
  app.add_flag("--no-progress", no_progress, "no progress on a terminal");
  offline::declare_max_window(app, max_window);
  app.add_flag("-v,--verbose", o.verbose, verbose_help);
  return run(app, arguments, [&] {
    if (o.paths.empty()) throw bad_value("no archive and no directory named (see --help)");
    if (o.output.empty()) throw bad_value("--output is missing (see --help)");
    const auto number = text::parse_whole(level, highest_level);
    if (!number || *number == 0)
      throw bad_value(fmt::format("--level: '{}' is no number from 1 to {}", level, highest_level));
    o.level = static_cast<std::int32_t>(*number);
    o.segment_bytes = segment_size_of(segment_size);
    o.max_window_log = offline::window_log_of(max_window);
    o.progress = isatty(STDERR_FILENO) != 0 && !no_progress;
    offline::output out(STDOUT_FILENO);
    return offline::pack_archives(out, o, complain);
  });
}

}  // namespace tcpinfo::tools
