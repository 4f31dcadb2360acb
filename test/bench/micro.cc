// SPDX-License-Identifier: Apache-2.0
//
// How long the steps take that every message or record goes through. `./dev bench micro`.
#include <benchmark/benchmark.h>

#include "hot_path.h"

namespace {

constexpr std::size_t batch = hot_path::messages::count;

// Times are those of one message, record or frame.
template <void (hot_path::steps::*Step)(std::size_t)>
void each(benchmark::State& state) {
  static hot_path::steps steps;
  for (auto _ : state) (steps.*Step)(batch);
  const auto done = static_cast<double>(state.iterations()) * static_cast<double>(batch);
  state.counters["each"] =
      benchmark::Counter(done, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void frame(benchmark::State& state) {
  static hot_path::steps steps;
  for (auto _ : state) steps.compress(1);
  const auto done =
      static_cast<double>(state.iterations()) * static_cast<double>(hot_path::steps::frame_records);
  state.counters["each"] =
      benchmark::Counter(done, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace

BENCHMARK(each<&hot_path::steps::decode>)->Name("decode");
BENCHMARK(each<&hot_path::steps::compare_idle>)->Name("compare_idle");
BENCHMARK(each<&hot_path::steps::compare_changed>)->Name("compare_changed_and_keep");
BENCHMARK(each<&hot_path::steps::pass_on>)->Name("queue");
BENCHMARK(each<&hot_path::steps::encode_lines>)->Name("encode_line");
BENCHMARK(each<&hot_path::steps::encode_next_lines>)->Name("encode_next_line");
BENCHMARK(each<&hot_path::steps::observe>)->Name("observe");
BENCHMARK(each<&hot_path::steps::observe_traffic>)->Name("observe_with_traffic");
BENCHMARK(each<&hot_path::steps::observe_short>)->Name("observe_short_connection");
BENCHMARK(each<&hot_path::steps::summarize>)->Name("summary_record");
BENCHMARK(each<&hot_path::steps::encode_base64>)->Name("base64_280_bytes");
BENCHMARK(frame)->Name("frame_of_230_records_each");
BENCHMARK_MAIN();
