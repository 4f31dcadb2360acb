// SPDX-License-Identifier: Apache-2.0
//
// What a sampler and its parts are given.
#ifndef TCPINFO_COLLECT_SAMPLING_SAMPLER_CONTEXT_H
#define TCPINFO_COLLECT_SAMPLING_SAMPLER_CONTEXT_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/sampling/current_exclusions.h"
#include "collect/sampling/flow_listener.h"
#include "collect/sampling/make_source.h"
#include "collect/sampling/source.h"
#include "collect/telemetry/observations.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/identity.h"
#include "collect/writing/sequence_index.h"
#include "collect/writing/writer.h"

namespace tcpinfo::collect {

/// What all samplers share; outlives them.
struct sampler_context {
  os& system;
  source_maker& sources;
  const config& settings;
  const shared_exclusions& unwanted;
  const uuid_prefixes& prefixes;
  const sequence_index& earlier;
  const std::vector<std::unique_ptr<writer>>& writers;
  statistics& counts;
  observations& seen;
  flow_listener* listener;  ///< or null
  /// Monotonic, of tick 0: polls at the same time have the same numbers in all samplers.
  std::int64_t start_ns;
  /// Memory for tombstones of all samplers; 0: no bound.
  std::size_t tombstone_bytes = 0;
};

/// What one of them samples; outlives it.
struct sampled_netns {
  std::uint32_t number = 0;  ///< in the netns_registry
  std::string name;          ///< empty: the collector's own
  current_exclusions& unwanted;
  source& from;  ///< open; its filter is that of `unwanted`

  /// For the end of a log line's sentence.
  [[nodiscard]] std::string said() const {
    return name.empty() ? std::string() : " in network namespace " + name;
  }
};

}  // namespace tcpinfo::collect

#endif
