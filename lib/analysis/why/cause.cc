// SPDX-License-Identifier: Apache-2.0
#include "analysis/why/cause.h"

namespace tcpinfo::analysis::why {
namespace {

// By cause.
constexpr std::array<std::string_view, cause_count> names = {
    "none",
    "cannot_tell",
    "application",
    "peer_window",
    "peer_reads_slowly",
    "send_buffer",
    "receive_autotuning",
    "shaped_bottleneck",
    "bufferbloat",
    "policer",
    "random_loss",
    "ecn",
    "pacing_cap",
    "slow_start_never_left",
    "slow_start_left_early",
    "bbr_phase",
    "rto_stall",
    "tail_loss",
    "spurious_rto",
    "reordering",
    "delayed_ack_nagle",
    "handshake",
    "mtu_hole",
    "host_drops",
    "congested_path",
};

}  // namespace

std::string_view name_of(cause c) noexcept { return names[index_of(c)]; }

}  // namespace tcpinfo::analysis::why
