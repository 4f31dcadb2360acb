// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/jobs_flag.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "offline/filters/filter_flags.h"
#include "text/whole_number.h"

namespace tcpinfo::offline {
namespace {

constexpr unsigned max_workers = 256;

}  // namespace

void declare_jobs(CLI::App& app, std::string& to) {
  app.add_option("-j,--jobs", to, "files to work on at a time, 0 = by the machine")
      ->type_name("N")
      ->capture_default_str();
}

unsigned workers_of(const std::string& text) {
  const auto n = text::parse_whole(text, max_workers);
  if (!n) throw bad_value(fmt::format("--jobs: '{}' is no number from 0 to {}", text, max_workers));
  if (*n != 0) return static_cast<unsigned>(*n);
  const long here = sysconf(_SC_NPROCESSORS_ONLN);
  return here < 1 ? 1 : static_cast<unsigned>(std::min(here, long{max_workers}));
}

}  // namespace tcpinfo::offline
