// SPDX-License-Identifier: Apache-2.0
#ifndef TCPINFO_OFFLINE_FLOWS_FLOW_LIST_H
#define TCPINFO_OFFLINE_FLOWS_FLOW_LIST_H

#include <tcpinfo/inetdiag.h>
#include <tcpinfo/parse.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "offline/flows/flow_summary.h"
#include "offline/flows/poll_log.h"
#include "offline/inputs/inputs.h"

namespace tcpinfo::offline {

/// All connections of what was read.
class flow_list {
 public:
  /// Give every record of the input, wanted or not: polls are counted over all of them.
  /// @return the connection it belongs to, null where it is of none (metadata, a listener).
  flow_summary* add(const input_record& r, bool wanted);

  [[nodiscard]] std::vector<flow_summary*> flows();
  [[nodiscard]] std::uint64_t snapshots() const noexcept { return snapshots_; }
  /// Files were passed over: nobody knows of which polls their records tell.
  void some_passed_over() noexcept { passed_over_ = true; }
  /// Polls between a connection's first and last record of which no record of any connection tells:
  /// missed, or nothing changed anywhere. nullopt without poll numbers, and where files were passed
  /// over.
  [[nodiscard]] std::optional<std::uint64_t> silent_polls(const flow_summary& f) const;

 private:
  snapshot decoded_;
  std::shared_ptr<const input_context> context_;
  std::uint32_t run_ = 0;
  poll_log polls_;
  std::map<std::string, flow_summary, std::less<>> flows_;
  std::map<std::string, unsigned> times_reused_;  // by key without the number that it adds
  flow_summary* latest_ = nullptr;                // of latest_cookie_ in context_
  std::uint64_t latest_cookie_ = 0;
  std::uint64_t snapshots_ = 0;
  bool passed_over_ = false;
};

}  // namespace tcpinfo::offline

#endif
