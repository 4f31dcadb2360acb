// SPDX-License-Identifier: Apache-2.0
//
// The parts of the configuration that may change while the collector runs: the UUID prefix and the
// exclusions.
#ifndef TCPINFO_COLLECT_CONTROL_RELOAD_H
#define TCPINFO_COLLECT_CONTROL_RELOAD_H

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <system_error>

#include "collect/config.h"
#include "collect/control/exclusion_file.h"
#include "collect/sampling/exclusions.h"
#include "collect/sampling/source.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/identity.h"

namespace tcpinfo::collect {

/// start(), begin_with() and reload() belong to one thread, the rest to any.
class reloadable {
 public:
  /// Both outlive it.
  reloadable(const config& settings, statistics& counts) : settings_(settings), counts_(counts) {}

  /// Reads the exclusions.
  /// @return what is wrong with them; empty where nothing is.
  [[nodiscard]] std::string start();
  /// The first UUID prefix. Before reload().
  void begin_with(const std::string& uuid_prefix) { (void)prefixes_.set(uuid_prefix); }

  /// Reads the files again. What is wrong is said, and then everything stays as it was.
  void reload();

  /// Grows each time the exclusions become other ones.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }
  /// Makes `to` the exclusions in force, and tells their generation. Fails, changing nothing, where
  /// memory runs out.
  [[nodiscard]] std::error_code copy_exclusions(exclusions& to, std::uint64_t& generation) const;
  [[nodiscard]] const uuid_prefixes& prefixes() const noexcept { return prefixes_; }

 private:
  void try_reload();
  [[nodiscard]] std::string read_lists(exclusion_lists& out) const;
  [[nodiscard]] std::string set_exclusions(exclusion_lists lists);

  const config& settings_;
  statistics& counts_;
  mutable std::mutex mutex_;
  exclusion_lists lists_;  // in force
  std::atomic<std::uint64_t> generation_{0};
  uuid_prefixes prefixes_;
};

/// One sampler's copy of the exclusions. One thread.
class current_exclusions {
 public:
  /// `from` outlives it.
  explicit current_exclusions(const reloadable& from) : from_(from) {}

  /// Follows reloads. True where they are other ones now; where memory has run out they are the old
  /// ones until the next call.
  [[nodiscard]] bool renew() noexcept;
  [[nodiscard]] const exclusions& get() const noexcept { return unwanted_; }

 private:
  const reloadable& from_;
  exclusions unwanted_;
  std::uint64_t generation_ = 0;
};

/// What a source is asked for. `unwanted` must outlive it.
[[nodiscard]] inline source_options source_options_of(const config& settings,
                                                      const current_exclusions& unwanted) noexcept {
  source_options options;
  options.exclude = &unwanted.get().rules();
  options.event_buffer = settings.event_buffer;
  options.follow = settings.sampling != sampling_by::dump;
  options.reconcile_ns = settings.reconcile_ns;
  return options;
}

}  // namespace tcpinfo::collect

#endif
