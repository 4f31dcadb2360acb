// SPDX-License-Identifier: Apache-2.0
//
// Records other network namespaces than the collector's own: one thread follows which there are,
// and each has a sampler with a thread of its own, so that one with many connections delays no
// other.
#ifndef TCPINFO_COLLECT_SAMPLING_NETNS_SAMPLERS_H
#define TCPINFO_COLLECT_SAMPLING_NETNS_SAMPLERS_H

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>

#include "collect/os/netns.h"
#include "collect/os/wake_event.h"
#include "collect/sampling/sampler.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/netns_registry.h"

namespace tcpinfo::collect {

/// Shows the sockets of the namespaces that there are now. What cannot be entered is passed over.
/// Throws std::bad_alloc.
/// @return why there is no thread for it.
[[nodiscard]] std::error_code probe_netns(os& system, source_maker& sources, const config& settings,
                                          const shared_exclusions& current, message_sink& sink);

class netns_samplers {
 public:
  /// All outlive it.
  /// @param by_events whether the collector's own namespace is sampled so: the first other that is
  /// not is named
  netns_samplers(const sampler_context& context, netns_registry& namespaces, bool by_events);
  ~netns_samplers();
  netns_samplers(const netns_samplers&) = delete;
  netns_samplers& operator=(const netns_samplers&) = delete;

  /// Begins, and returns when those that there are now are sampled: what closes in them from then
  /// on is not missed. One that cannot be sampled for now is a fault, said and tried again.
  /// Throws std::bad_alloc.
  /// @return why it cannot look for them: no thread, or no descriptor.
  [[nodiscard]] std::error_code start();
  /// Ends all of them. What they have seen is in the writers' queues then.
  void finish() noexcept;
  /// Time from one poll to the next, of all that have ended. After finish().
  [[nodiscard]] const duration_histogram& intervals() const noexcept { return intervals_; }

 private:
  class one;
  struct failure {
    std::int64_t again_ns;
    netns_fault fault;
  };

  void run() noexcept;
  void look();
  void reap();
  void begin(const found_netns& where);
  void fail(const found_netns& where, const std::error_code& ec, std::string lacks = {});
  void forget_failure(const one& recovered);
  void say_faults();

  const sampler_context& context_;
  netns_registry& namespaces_;
  std::atomic<bool> say_dumps_;  // of the next that is sampled by dumps
  std::unique_ptr<netns_finder> finder_;
  netns_findings seen_;  // by the last look
  std::list<std::unique_ptr<one>> running_;
  std::map<netns_id, failure> failures_;  // of those that are there
  std::map<std::string, int> faults_;     // seen how often in a row, up to a bound
  duration_histogram intervals_;
  wake_event woken_;
  std::atomic<bool> finishing_{false};
  std::binary_semaphore first_look_done_{0};  // from then on all is the thread's
  std::thread thread_;
};

}  // namespace tcpinfo::collect

#endif
