// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/handshake.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/why/words.h"

namespace tcpinfo::analysis::why {

// The kernel counts SYNs among the segments sent again, and only there: bytes_retrans has data
// alone. What was sent again before any data was, was a SYN.
std::uint64_t lost_syns(const life& l) noexcept {
  std::uint64_t most = 0;
  const auto look = [&most](const sample& s) {
    const auto data = s.get(seen::data_segs_out);
    const auto again = s.get(seen::bytes_retrans);
    if ((data && *data == 0) || (again && *again == 0))
      most = std::max(most, s.or_zero(seen::total_retrans));
  };
  look(l.start());
  for (std::size_t i = 0; i < l.size() && l.is_opening(i); ++i) look(l.to(i));
  return most;
}

void explain_handshake(const life& l, phase& p) {
  const std::uint64_t lost = lost_syns(l);
  p.sentence = fmt::format("The handshake took {}: {} had to be sent again.",
                           ns_text(p.end_ns - p.begin_ns), counted(lost, "SYN"));
  const sample& s = p.begin_ns < l.start().time_ns() || l.size() == 0 ? l.start() : l.to(p.last);
  p.show(s, seen::total_retrans, "segments sent again, SYNs among them");
  p.show(s, seen::total_rto, "timeouts, those of the handshake among them");
  p.show(s, seen::rtt, "round-trip time: what the handshake takes otherwise");
}

}  // namespace tcpinfo::analysis::why
