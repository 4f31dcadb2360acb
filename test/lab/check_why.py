# SPDX-License-Identifier: Apache-2.0
"""The short form of `./dev lab why`: a flow of each cause whose effect is plain, at once, recorded
by a real collector; `why` names its cause. How often it is right elsewhere is the long form's.

usage: check_why.py COLLECT DUMP RELAY
"""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "live"), str(HERE / "why")]

import labels  # noqa: E402 (the path is set above)
import series  # noqa: E402
from archives import check  # noqa: E402
from netns import Skip, run_test  # noqa: E402

COLLECT, DUMP, RELAY = (str(Path(one).resolve()) for one in sys.argv[1:4])
CAUSES = ("application", "peer_window", "send_buffer", "pacing_cap", "handshake", "mtu_hole",
          "rto_stall", "bufferbloat", "none")


def main() -> None:
    series.skip_where_not_permitted(RELAY)
    with socket.socket() as probe:
        for cc in ("reno", "cubic", "bbr"):
            try:
                probe.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, cc.encode())
            except OSError:
                raise Skip(f"the kernel has no {cc}") from None
    with tempfile.TemporaryDirectory(prefix="tcpinfo-lab-") as scratch:
        output = Path(scratch) / "series"
        flows = series.record({"collect": COLLECT, "relay": RELAY}, output,
                              [(f"{cause}/0/short", "relay") for cause in CAUSES], len(CAUSES))
        said = series.verdicts(DUMP, output / "archives")
    judged = 0
    for flow in flows:
        # A machine that does other things lets the relay be late: then nothing is known.
        if not flow["label"]:
            print(f"{flow['key']}: set aside: {flow['why']}")
            check(not flow["why"].startswith("it failed"), flow["why"])
            continue
        verdict = said[flow["outcome"]["sender"], "sender"]
        right = labels.right_causes(flow["label"], "sender")
        print(f"{flow['key']}: {flow['label']}: {verdict['sentence']}")
        check(verdict["cause"] in right, f"{flow['key']}: {verdict}")
        judged += 1
    print(f"{judged} of {len(flows)} flows judged")


run_test(main)
