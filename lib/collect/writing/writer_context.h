// SPDX-License-Identifier: Apache-2.0
//
// What the writers of a collector share.
#ifndef TCPINFO_COLLECT_WRITING_WRITER_CONTEXT_H
#define TCPINFO_COLLECT_WRITING_WRITER_CONTEXT_H

#include <string>

#include "collect/config.h"
#include "collect/os/os.h"
#include "collect/owners/owner_book.h"
#include "collect/telemetry/log.h"
#include "collect/telemetry/observations.h"
#include "collect/telemetry/statistics.h"
#include "collect/telemetry/traffic_table.h"
#include "collect/writing/finalizer.h"
#include "collect/writing/identity.h"
#include "collect/writing/netns_registry.h"
#include "collect/writing/output_lock.h"
#include "collect/writing/sequence_index.h"
#include "collect/writing/uuid_prefixes.h"

namespace tcpinfo::collect {

/// So that what concerns all writers is said once, not by each.
struct writer_limits {
  log_limit write;
  log_limit drop;
  log_limit vanish;
  log_limit budget;
};

/// What all writers share; outlives them.
struct writer_context {
  os& system;
  const config& settings;
  const identity& who;
  const uuid_prefixes& prefixes;
  statistics& counts;
  writer_limits& limits;
  finalizer& finalize;
  output_lock& lock;
  const sequence_index& earlier;
  const netns_registry& namespaces;
  observations& seen;
  unsigned writers = 1;              ///< how many share
  std::string segment_stem = {};     ///< what names of segments begin with (segment_name.h)
  traffic_table* traffic = nullptr;  ///< null: no metrics of the traffic
  owner_book* owners = nullptr;      ///< null: nobody asks whose connections are
};

}  // namespace tcpinfo::collect

#endif
