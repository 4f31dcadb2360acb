# SPDX-License-Identifier: Apache-2.0
"""Runs one flow: sets up the kernel's parts of it, its path and tools, and undoes them."""

from __future__ import annotations

import contextlib
import socket
import subprocess

from backlog import Backlog
from changes import Changes
from programs import Ends
from flows import Flow, Outcome
from held import Queue
from place import DEVICE, Failed, Place

# Bytes that make a queue: two segments and more.
QUEUE = 3000
# What tools leave in the receiver's namespace, from one flow to the next.
UNDO = (("ip", "link", "del", "ifb0"), ("iptables", "-w", "-F", "INPUT"),
        ("nft", "delete", "table", "ip", "lab"))


def run(place: Place, flow: Flow, seed: int) -> Outcome:
    place.reset()
    _prepare(place, flow)
    queue = backlog = changes = None
    with place.route(list(flow.words), seed, 90) as path, contextlib.ExitStack() as stack:
        stack.callback(_undo, place, flow)
        _equip(place, flow)
        with place.receiver.inside():
            if flow.holds:
                queue = stack.enter_context(Queue(flow.holds, seed))
            if flow.ifb_bits:
                backlog = stack.enter_context(
                    Backlog(socket.if_nametoindex("ifb0"), flow.ifb_bits))
        if flow.changes:
            changes = stack.enter_context(Changes(place, flow.changes))
        ends = Ends(place, flow, seed, [one for one in (queue, backlog, changes) if one])
        outcome = ends.run()
    if changes and changes.failed:
        raise Failed(changes.failed)
    if queue and not queue.counts:
        raise Failed("the program behind NFQUEUE ended before the flow did")
    late = [path.counters[way]["late_us"]["p99"] for way in ("there", "back")
            if path.counters[way]["late_us"]]
    outcome.late_us = max(late + ([queue.late_us] if queue else []), default=0)
    queued = path.counters["there"]["queue_delay_us"]
    outcome.queue_us = backlog.queue_us() if backlog else queued["p95"] if queued else None
    if flow.staged_at:
        outcome.path = stages_of_tools(changes.done if changes else [flow.staged_at],
                                       queue.dropped if queue else [],
                                       backlog.times if backlog else [], flow.ifb_bits)
    else:
        outcome.path = [stage_of_relay(one, ends.began) for one in path.counters["stages"]]
    return outcome


def stage_of_relay(events: dict[str, int], began: float) -> dict[str, float]:
    """In seconds since the first byte, what happened; `queue` is a duration."""
    found = {name.removesuffix("_ns"): at / 1e9 - began for name, at in events.items()
             if name.endswith("_ns") and at >= 0}
    return {**found, "queue": events["queue_us"] / 1e6}


def stages_of_tools(done: list[float], dropped: list[float], waiting: list[tuple[float, int]],
                    bits: float) -> list[dict[str, float]]:
    """What the relay says of its stages, of tools that were changed at these times: from when each
    held, its first loss, its first queue, when no packet of it waited any more, and the 95th
    percentile of what was to be waited for while there was a queue."""
    found = []
    for begin, end in zip([0.0, *done], [*done, float("inf")]):
        lost = next((at for at in dropped if begin <= at < end), None)
        queued = next((at for at, size in waiting if begin <= at < end and size >= QUEUE), None)
        left = next((at for at, size in waiting if at >= end and size == 0), None)
        sizes = sorted(size for at, size in waiting
                       if queued is not None and queued <= at < end)
        stage = {"first": begin, "lost": lost, "queued": queued, "left": left,
                 "queue": sizes[(len(sizes) - 1) * 95 // 100] * 8 / bits if sizes else 0.0}
        found.append({name: at for name, at in stage.items() if at is not None})
    return found


def _undo(place: Place, flow: Flow) -> None:
    for command in UNDO if flow.tools else ():
        with place.receiver.inside():
            subprocess.run(command, check=False, capture_output=True)


def _prepare(place: Place, flow: Flow) -> None:
    if flow.ecn:
        for one in (place.sender, place.receiver):
            one.sysctl("net.ipv4.tcp_ecn", "1")
    if flow.mtu_probing:
        place.sender.sysctl("net.ipv4.tcp_mtu_probing", "1")
    if flow.most_rmem:
        first = min(131072, flow.most_rmem // 3)
        place.receiver.sysctl("net.ipv4.tcp_rmem", f"4096 {first} {flow.most_rmem}")
    if flow.fixed_rmem:
        place.receiver.sysctl("net.ipv4.tcp_moderate_rcvbuf", "0")
        place.receiver.sysctl("net.ipv4.tcp_rmem", f"4096 {flow.fixed_rmem} 16777216")
    if flow.most_wmem:
        first = min(16384, flow.most_wmem)
        place.sender.sysctl("net.ipv4.tcp_wmem", f"4096 {first} {flow.most_wmem}")
    if flow.wide or flow.initcwnd:
        place.receiver.sysctl("net.ipv4.tcp_rmem", "4096 8388608 16777216")


def _equip(place: Place, flow: Flow) -> None:
    if flow.wide or flow.initcwnd:
        place.receiver.ip("route", "replace", "10.78.0.0/24", "dev", DEVICE, "initrwnd", "2000")
    if flow.initcwnd:
        place.sender.ip("route", "replace", "10.78.0.0/24", "dev", DEVICE,
                        "initcwnd", str(flow.initcwnd))
    for command in flow.tools:
        with place.receiver.inside():
            subprocess.run(command, check=True, capture_output=True, text=True)
