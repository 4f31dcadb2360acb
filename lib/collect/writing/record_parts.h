// SPDX-License-Identifier: Apache-2.0
//
// What records say besides the message, the same in every layout.
#ifndef TCPINFO_COLLECT_WRITING_RECORD_PARTS_H
#define TCPINFO_COLLECT_WRITING_RECORD_PARTS_H

#include <tcpinfo/archive.h>

#include <string_view>

#include "collect/writing/flow_archive.h"
#include "collect/writing/identity.h"
#include "collect/writing/snapshot_header.h"

namespace tcpinfo::collect {

/// Its views are those of the arguments.
[[nodiscard]] inline metadata metadata_of(const flow_archive& flow, std::string_view uuid,
                                          const identity& who) {
  metadata m;
  m.uuid = uuid;
  m.sequence = flow.sequence;
  m.start_time = flow.first_seen;
  m.host = who.host;
  m.kernel = who.kernel;
  m.collector = who.collector;
  m.interval = who.interval;
  m.run = who.run;
  m.netns = flow.netns->name;
  m.opened = flow.opened;
  m.policy = flow.finals_only ? who.finals_only_policy : who.policy;
  if (flow.owner != nullptr) {
    m.cgroup = flow.owner->cgroup;
    m.owner = owner_found_name(flow.owner->how);
    m.pid = flow.owner->pid;
    m.comm = flow.owner->comm;
    m.executable = flow.owner->executable;
  }
  return m;
}

[[nodiscard]] inline record_extras extras_of(const snapshot_header& header) noexcept {
  record_extras extras;
  extras.poll = header.poll;
  extras.carried = header.carried;
  extras.thinned = header.thinned;
  if (header.ended_ns != 0 && header.ended_ns != header.time_ns)
    extras.ended = timestamp::from_unix_nanoseconds(header.ended_ns);
  return extras;
}

}  // namespace tcpinfo::collect

#endif
