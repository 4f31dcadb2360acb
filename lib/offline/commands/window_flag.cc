// SPDX-License-Identifier: Apache-2.0
#include "offline/commands/window_flag.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <bit>

#include "offline/filters/filter_flags.h"
#include "offline/inputs/inputs.h"
#include "text/values.h"

namespace tcpinfo::offline {

void declare_max_window(CLI::App& app, std::string& to) {
  app.add_option("--max-window", to, "memory that a zstd frame may ask for, 32MiB unless set")
      ->type_name("SIZE");
}

std::int32_t window_log_of(const std::string& text) {
  if (text.empty()) return usual_window_log;
  constexpr std::uint64_t most = std::uint64_t{1} << largest_window_log;
  const auto size = text::parse_size(text);
  // Windows go by powers of two: to allow more or less than what was asked for would be a lie.
  if (!size || *size < 1024 || *size > most || !std::has_single_bit(*size))
    throw bad_value(
        fmt::format("--max-window: '{}' is no power of two from 1KiB to {}GiB "
                    "(example: 128MiB)",
                    text, most >> 30U));
  return std::countr_zero(*size);
}

}  // namespace tcpinfo::offline
