# SPDX-License-Identifier: Apache-2.0
"""Every scenario, by the cause that it is made to have."""

from __future__ import annotations

from collections.abc import Callable

import by_state
import healthy
import scenarios
import staged
import staged_tools
import tools
from scenarios import Draw, Scenario

SEEN: dict[str, Callable[[Draw], Scenario]] = {
    "application": scenarios.application,
    "peer_window": scenarios.window_of_receiver,
    "peer_reads_slowly": scenarios.slow_reader,
    "send_buffer": scenarios.send_buffer,
    "receive_autotuning": scenarios.receive_autotuning,
    "shaped_bottleneck": scenarios.shaped_bottleneck,
    "bufferbloat": scenarios.bufferbloat,
    "policer": scenarios.policer,
    "congested_path": scenarios.congested_path,
    "random_loss": scenarios.random_loss,
    "ecn": scenarios.ecn,
    "pacing_cap": scenarios.pacing_cap,
    "slow_start_never_left": scenarios.slow_start_never_left,
    "slow_start_left_early": scenarios.slow_start_left_early,
    "bbr_phase": by_state.bbr_phase,
    "rto_stall": scenarios.rto_stall,
    "spurious_rto": scenarios.spurious_rto,
    "tail_loss": scenarios.tail_loss,
    "reordering": scenarios.reordering,
    "delayed_ack_nagle": scenarios.delayed_ack_nagle,
    "handshake": scenarios.handshake,
    "mtu_hole": scenarios.mtu_hole,
    "host_drops": by_state.host_drops,
    "none": healthy.healthy,
    "two": staged.two_causes,
}

# By other tools than the relay, or other patterns of programs.
UNSEEN: dict[str, Callable[[Draw], Scenario]] = {
    "application": tools.application,
    "peer_window": tools.window_without_autotuning,
    "peer_reads_slowly": tools.reader_that_stops,
    "send_buffer": tools.send_autotuning,
    "receive_autotuning": tools.autotuning_that_ends,
    "shaped_bottleneck": tools.shaped_bottleneck,
    "bufferbloat": tools.bufferbloat,
    "policer": tools.policer,
    "congested_path": tools.congested_path,
    "random_loss": tools.random_loss,
    "ecn": tools.ecn,
    "pacing_cap": tools.pacing_that_varies,
    "slow_start_never_left": tools.small_first_window,
    "slow_start_left_early": tools.slow_start_left_early,
    "bbr_phase": tools.bbr_phase,
    "rto_stall": tools.rto_stall,
    "spurious_rto": tools.spurious_rto,
    "tail_loss": tools.tail_loss,
    "reordering": tools.reordering,
    "delayed_ack_nagle": tools.many_small_writes,
    "handshake": tools.handshake,
    "mtu_hole": tools.mtu_hole,
    "host_drops": tools.drops_that_vary,
    "none": healthy.healthy,
    "two": staged_tools.two_causes,
}
KINDS = {"relay": SEEN, "unseen": UNSEEN}
