// SPDX-License-Identifier: Apache-2.0
//
// The handshake: SYNs that were lost.
#ifndef TCPINFO_ANALYSIS_WHY_HANDSHAKE_H
#define TCPINFO_ANALYSIS_WHY_HANDSHAKE_H

#include "analysis/why/life.h"
#include "analysis/why/report.h"

namespace tcpinfo::analysis::why {

/// How often a SYN, or the answer to it, had to be sent again, as far as its first records tell.
[[nodiscard]] std::uint64_t lost_syns(const life& l) noexcept;
void explain_handshake(const life& l, phase& p);

}  // namespace tcpinfo::analysis::why

#endif
