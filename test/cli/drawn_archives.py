# SPDX-License-Identifier: Apache-2.0
"""Archives of connections that have something to draw in every chart."""

from __future__ import annotations

from pathlib import Path

from made_archives import CLOSE, ESTABLISHED, metadata, record, with_fields

UNLIMITED = 2**64 - 1


def uuid_of(number: int) -> str:
    return f"host_1700000000_unsafe_{0xA0 + number:016X}"


def peak_at(i: int) -> bool:
    """Whether that record has a round-trip time that no other has."""
    return i % 997 == 500


def drawn(number: int, count: int, interval: float = 0.05) -> str:
    """An archive of so many records: a saw of the congestion window, peaks of the round-trip time,
    the peer's window as the limit in its second half."""
    lines = [metadata(0, uuid_of(number))]
    for i in range(count):
        t = i * interval
        saw = (t * 0.7 + number) % 8
        cwnd = int(10 + saw * 20)
        rtt = 20_000 + number * 5000 + int(saw * 3000) + (90_000 + i % 7 if peak_at(i) else i % 11)
        last = i == count - 1
        lines.append(with_fields(
            record(t, cookie=0xA0 + number, state=CLOSE if last else ESTABLISHED, rtt=rtt,
                   sent=i * 14_480, acked=i * 14_480, received=i * 100, cwnd=cwnd,
                   dport=5200 + number),
            snd_mss=1448, unacked=cwnd - 2, sacked=i % 2, lost=i % 3 == 2,
            retrans=i % 2, min_rtt=20_000 + number * 5000,
            snd_ssthresh=0x7fffffff if i < count / 10 else 40 + number,
            total_retrans=int(t * 2), pacing_rate=3_000_000 + i % 1000,
            max_pacing_rate=UNLIMITED, delivery_rate=1_400_000 + i % 500,
            busy_time=int(t * 900_000),
            rwnd_limited=int(max(0.0, t - count * interval / 2) * 800_000),
            sndbuf_limited=int(t * 30_000), snd_wnd=60_000 + 40 * (i % 1000),
            rcv_wnd=131_072))
    return "".join(lines)


def write_drawn(folder: Path, number: int, count: int, interval: float = 0.05) -> Path:
    path = folder / f"{uuid_of(number)}.00000.jsonl"
    path.write_text(drawn(number, count, interval))
    return path
