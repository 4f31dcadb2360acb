// SPDX-License-Identifier: Apache-2.0
//
// The parts of the configuration that may change while the collector runs: the UUID prefix and the
// exclusions.
#ifndef TCPINFO_COLLECT_CONTROL_RELOAD_H
#define TCPINFO_COLLECT_CONTROL_RELOAD_H

#include <string>

#include "collect/config.h"
#include "collect/sampling/current_exclusions.h"
#include "collect/telemetry/statistics.h"
#include "collect/writing/uuid_prefixes.h"

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

  /// Reads the files again. A fault is said, and then everything stays as it was.
  void reload();

  [[nodiscard]] const shared_exclusions& unwanted() const noexcept { return unwanted_; }
  [[nodiscard]] const uuid_prefixes& prefixes() const noexcept { return prefixes_; }

 private:
  void try_reload();
  [[nodiscard]] std::string read_lists(exclusion_lists& out) const;
  [[nodiscard]] std::string set_exclusions(exclusion_lists lists);

  const config& settings_;
  statistics& counts_;
  shared_exclusions unwanted_{settings_.include_local};
  uuid_prefixes prefixes_;
};

}  // namespace tcpinfo::collect

#endif
