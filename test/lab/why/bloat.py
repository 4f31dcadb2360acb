# SPDX-License-Identifier: Apache-2.0
"""When a queue is bufferbloat, and when a bottleneck's."""

from __future__ import annotations

# Above that delay, or above the other where round trips are so much longer by it.
BLOAT_US, BLOAT_LEAST_US, BLOAT_FACTOR = 100_000, 50_000, 4


def is_bloat(queue_us: float, bits: float, rtt_ms: float) -> bool:
    """`queue_us` is the 95th percentile of what packets waited for a link of that rate (0: there is
    none)."""
    # A segment's own time on the link is of what its sender sees.
    queue = queue_us + (1500 * 8e6 / bits if bits else 0)
    rtt = rtt_ms * 1000
    return queue > BLOAT_US or queue > BLOAT_LEAST_US and queue + rtt > BLOAT_FACTOR * rtt
