// SPDX-License-Identifier: Apache-2.0
//
// The connections of a writer.
#ifndef TCPINFO_COLLECT_WRITING_WRITTEN_FLOWS_H
#define TCPINFO_COLLECT_WRITING_WRITTEN_FLOWS_H

#include <cstdint>
#include <memory_resource>
#include <unordered_map>

#include "collect/writing/flow_log.h"
#include "collect/writing/record_observer.h"

namespace tcpinfo::collect {

struct written_flow : flow_log {
  observed_flow observed;
};

/// By cookie.
using written_flows = std::pmr::unordered_map<std::uint64_t, written_flow>;

}  // namespace tcpinfo::collect

#endif
