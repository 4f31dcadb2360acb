// SPDX-License-Identifier: Apache-2.0
//
// Activity from BPF programs on tracepoints.
#ifndef TCPINFO_COLLECT_SAMPLING_EVENTS_BPF_FEED_H
#define TCPINFO_COLLECT_SAMPLING_EVENTS_BPF_FEED_H

#include <memory>
#include <string>

#include "collect/sampling/events/activity_feed.h"

namespace tcpinfo::collect {

/// Loads the programs and attaches them. Null where this kernel, these privileges or this build do
/// not allow it, and `why` says which; where only some of them could be loaded `why` says what.
/// Everything is detached when the maker and all feeds have ended, and by the kernel when the
/// process does, however it ends.
[[nodiscard]] std::unique_ptr<feed_maker> make_bpf_feed_maker(std::string& why);

}  // namespace tcpinfo::collect

#endif
