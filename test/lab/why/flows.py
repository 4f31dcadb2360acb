# SPDX-License-Identifier: Apache-2.0
"""One flow over one path: everything that makes it what it is, and how long it took."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from changes import Change
from held import Hold

ALWAYS = 1e9


@dataclass(frozen=True)
class Slow:
    """From `begin` to `end`, in seconds since the first byte, a program moves so many bytes, then
    does nothing for `pause` seconds, and so on."""

    begin: float
    end: float
    piece: int
    pause: float
    vary: bool = False  # both are means of what is drawn each time
    whole: bool = False  # a reader pauses after so many bytes, however many reads these take


@dataclass(frozen=True)
class Flow:
    """Everything that makes a flow what it is. Times are seconds, sizes bytes."""

    words: tuple[str, ...] = ()  # the relay's
    tools: tuple[tuple[str, ...], ...] = ()  # commands run at the receiver: other tools than it
    holds: tuple[Hold, ...] = ()  # of the packets that such a rule gives to a program
    ifb_bits: float = 0  # the rate of a queue on ifb0 that these tools make
    changes: tuple[Change, ...] = ()  # of these tools, while the flow lasts
    staged_at: float = 0  # of two causes by such tools: when the first gives way to the second
    size: int = 0  # to send; 0: as much as goes in `until`
    until: float = 0
    messages: tuple[int, ...] = ()  # writes of one message, which is answered; `size` of them all
    cc: str = "cubic"
    ecn: bool = False
    mtu_probing: bool = False
    most_rmem: int = 0  # the cap of the receiver's autotuning
    most_wmem: int = 0  # of the sender's
    rcvbuf: int = 0
    fixed_rmem: int = 0  # the receiver's buffer, for ever: its autotuning is off
    shrunk: int = 0  # the receive buffer while the reader pauses
    sndbuf: int = 0
    nodelay: bool = True
    pacing: int = 0  # bytes a second
    pacing_varies: bool = False  # that is the mean of what is set twice a second
    wide: bool = False  # the receiver's window is large from the beginning
    initcwnd: int = 0  # a first window of so many segments; the receiver's is wide, too
    writer: tuple[Slow, ...] = ()
    reader: tuple[Slow, ...] = ()
    competitors: int = 0  # bulk flows over the same path, which begin `lead` before
    lead: float = 0
    linger: float = 0  # it stays open so long after the answer
    watched: bool = False  # the sender's socket is looked at all the time
    deadline: float = 12


@dataclass
class Outcome:
    """What came of it. `seconds` is None where it did not end before its deadline."""

    seconds: float | None
    lasted: float
    began: float  # time.time() of the first byte
    size: int
    sender: int  # cookies
    receiver: int
    drops: int = 0  # packets that the receiver's socket had no room for
    # Times below are seconds since the first byte.
    written: float = 0  # when all was written
    writer: list[list[float]] = dataclasses.field(default_factory=list)  # from, to it was slow
    reader: list[list[float]] = dataclasses.field(default_factory=list)
    bbr: list[list[float]] = dataclasses.field(default_factory=list)  # draining or probing for RTT
    blocked: list[float] = dataclasses.field(default_factory=list)  # moments: the window stalled it
    # Stages of relay or tools.
    path: list[dict[str, float]] = dataclasses.field(default_factory=list)
    late_us: int = 0  # how late the relay was, at worst but for one packet in a hundred
    queue_us: int | None = None  # the 95th percentile of what packets with data waited there

    def took(self) -> float:
        return self.seconds if self.seconds is not None else self.lasted


def without(flow: Flow, **changes: object) -> Flow:
    """The same but for these: a twin."""
    return dataclasses.replace(flow, **changes)
