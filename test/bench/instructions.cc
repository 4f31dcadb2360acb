// SPDX-License-Identifier: Apache-2.0
//
// usage: instructions STEP TIMES: does one step of hot_path.h so many times, for callgrind.
#include <cstdio>
#include <string_view>

#include "hot_path.h"

int main(int argc, char** argv) {
  struct {
    std::string_view name;
    void (hot_path::steps::*run)(std::size_t);
  } const all[] = {
      {"decode", &hot_path::steps::decode},
      {"compare_idle", &hot_path::steps::compare_idle},
      {"compare_changed", &hot_path::steps::compare_changed},
      {"queue", &hot_path::steps::pass_on},
      {"encode_line", &hot_path::steps::encode_lines},
      {"encode_next_line", &hot_path::steps::encode_next_lines},
      {"observe", &hot_path::steps::observe},
      {"observe_traffic", &hot_path::steps::observe_traffic},
      {"observe_short", &hot_path::steps::observe_short},
      {"segment_record", &hot_path::steps::add_to_segment},
      {"summary_record", &hot_path::steps::summarize},
      {"base64", &hot_path::steps::encode_base64},
      {"compress", &hot_path::steps::compress},
  };
  if (argc == 3) {
    hot_path::steps steps;
    for (const auto& [name, run] : all) {
      if (name != argv[1]) continue;
      (steps.*run)(std::strtoull(argv[2], nullptr, 10));
      return 0;
    }
  }
  std::fputs("usage: instructions STEP TIMES\n", stderr);
  return 2;
}
