// SPDX-License-Identifier: Apache-2.0
//
// A sampler with all that it needs, for tests that bring a source of their own.
#ifndef TCPINFO_TEST_UNIT_SAMPLER_BENCH_H
#define TCPINFO_TEST_UNIT_SAMPLER_BENCH_H

#include <memory>
#include <vector>

#include "collect/control/reload.h"
#include "collect/sampling/sampler.h"
#include "unit/collect/run.h"

struct bench {
  run r;
  statistics counts;
  reloadable current{r.settings, counts};
  observations seen;
  sequence_index earlier;
  identity who;
  writer_limits limits;
  netns_registry namespaces;
  finalizer finalize{r.system, counts, r.settings.output, 3};
  output_lock lock{r.system, r.settings.output};
  std::unique_ptr<current_exclusions> unwanted;
  std::unique_ptr<writer_context> writing;
  std::vector<std::unique_ptr<writer>> writers;

  bench() {
    REQUIRE(current.start().empty());
    current.begin_with("test");
    unwanted = std::make_unique<current_exclusions>(current.unwanted());
    (void)namespaces.add(
        std::make_shared<recorded_netns>(std::string(), r.system, anonymize_by::none));
    REQUIRE_FALSE(lock.take());
    writing.reset(new writer_context{r.system, r.settings, who, current.prefixes(), counts, limits,
                                     finalize, lock, earlier, namespaces, seen});
    writers.push_back(
        std::make_unique<writer>(*writing, memory_shares{.queue = std::size_t{8} << 20,
                                                         .queue_kept = std::size_t{8} << 20,
                                                         .waiting = std::size_t{64} << 20}));
    REQUIRE_FALSE(writers.back()->start());
  }
  void sample(source& from, attendant& company) {
    const sampler_context sampling{r.system,
                                   r.system,
                                   r.settings,
                                   current.unwanted(),
                                   current.prefixes(),
                                   earlier,
                                   writers,
                                   counts,
                                   seen,
                                   nullptr,
                                   r.system.monotonic_ns(),
                                   tombstone_bytes};
    sampler samples(sampling, {0, {}, *unwanted, from});
    REQUIRE_FALSE(samples.run(company));
    writers.back()->finish();
    intervals_max_ns = samples.intervals().max();
  }
  std::int64_t intervals_max_ns = 0;
  std::size_t tombstone_bytes = 0;
};

#endif
