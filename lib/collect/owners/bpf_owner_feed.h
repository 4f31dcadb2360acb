// SPDX-License-Identifier: Apache-2.0
//
// Owners by BPF programs (bpf/owners.bpf.c), of all network namespaces.
#ifndef TCPINFO_COLLECT_OWNERS_BPF_OWNER_FEED_H
#define TCPINFO_COLLECT_OWNERS_BPF_OWNER_FEED_H

#include <memory>
#include <string>

#include "collect/owners/owner_feed.h"

namespace tcpinfo::collect {

/// Loads and attaches the programs, and goes through all open files once. Null where this kernel
/// or the privileges do not allow it, and `why` says why. Otherwise `why` says what is missing,
/// where something is.
[[nodiscard]] std::unique_ptr<owner_feed> make_bpf_owner_feed(std::string& why);

}  // namespace tcpinfo::collect

#endif
