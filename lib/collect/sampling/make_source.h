// SPDX-License-Identifier: Apache-2.0
//
// Which source a sampler has: by events where that is possible, else by dumps. A start that asks
// for events and cannot have them is refused in collector.cc; whether a poll by events queries or
// dumps is decided in each poll (event_source::poll()).
#ifndef TCPINFO_COLLECT_SAMPLING_MAKE_SOURCE_H
#define TCPINFO_COLLECT_SAMPLING_MAKE_SOURCE_H

#include <memory>
#include <string>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/sampling/current_exclusions.h"
#include "collect/sampling/source.h"

namespace tcpinfo::collect {

/// What a source is asked for. `unwanted` must outlive it.
[[nodiscard]] source_options source_options_of(const config& settings,
                                               const current_exclusions& unwanted) noexcept;

/// Any thread.
class source_maker {
 public:
  source_maker() = default;
  virtual ~source_maker() = default;
  source_maker(const source_maker&) = delete;
  source_maker& operator=(const source_maker&) = delete;

  /// A source of the caller's network namespace, not yet open. Where it was to follow events and
  /// cannot, it dumps, and `why` says why; else that is empty.
  [[nodiscard]] virtual std::unique_ptr<source> make(const source_options& options,
                                                     std::string& why) = 0;
};

/// The real one. `system` has the clock and the threads of its sources, and outlives them.
[[nodiscard]] std::unique_ptr<source_maker> make_source_maker(os& system);

}  // namespace tcpinfo::collect

#endif
