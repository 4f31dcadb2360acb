# SPDX-License-Identifier: Apache-2.0
"""Archives of a small fleet over two weeks: connections whose addresses, times, limits and ends are
drawn from a seed, so that every question of docs/fleet/questions has an answer."""

from __future__ import annotations

import base64
import ipaddress
import json
import random
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
# pylint: disable=wrong-import-position
import made_archives  # noqa: E402

DAY = 86400
LAST_STATES = (made_archives.ESTABLISHED, made_archives.FIN_WAIT2, made_archives.CLOSE_WAIT)
SERVICES = (443, 5201, 22, 8080)
OWNERS = ((None, None), ("/system.slice/web.service", "web"), ("/system.slice/db.service", "db"))


def _networks() -> list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """A first address of each network, and the round trip to there in the first week, in us."""
    four = [(ipaddress.ip_address(f"198.51.{third}.1"), 400 + third * 3100) for third in range(14)]
    six = [(ipaddress.ip_address(f"2001:db8:{group:x}::1"), 900 + group * 7000)
           for group in range(1, 7)]
    # One network, whose zeros are written in one address and left out in the other.
    six += [(ipaddress.ip_address(f"2001:db8:0:{rest}"), 1600) for rest in (":1", "1::1")]
    return four + six


def _addressed(line: str, remote: ipaddress.IPv4Address | ipaddress.IPv6Address, sport: int,
               dport: int) -> str:
    """The same record with these ends."""
    said = json.loads(line)
    idm = bytearray(base64.b64decode(said["RawIDM"]))
    idm[4:8] = struct.pack(">HH", sport, dport)
    if remote.version == 6:
        idm[0] = 10
        idm[8:24] = ipaddress.ip_address("2001:db8:ff::9").packed
    idm[24:40] = remote.packed.ljust(16, b"\0")
    said["RawIDM"] = base64.b64encode(idm).decode()
    return json.dumps(said, separators=(",", ":")) + "\n"


def _metadata(uuid: str, start: float, host: str, owner: tuple[str | None, str | None]) -> str:
    said = json.loads(made_archives.metadata(uuid=uuid, opened=start))
    said["Metadata"] |= {"StartTime": made_archives.time_text(start), "Host": host}
    if owner[0] is not None:
        said["Metadata"] |= {"Cgroup": owner[0], "Comm": owner[1], "Owner": "connect"}
    return json.dumps(said, separators=(",", ":")) + "\n"


def make(folder: Path, connections: int, seed: int = 7) -> list[str]:
    """The paths of the archives."""
    draw = random.Random(seed)
    networks = _networks()
    paths = []
    for number in range(1, connections + 1):
        network, rtt = draw.choice(networks)
        remote = network + draw.randrange(200)
        # The second week is slower in every third network.
        start = draw.randrange(14 * DAY) + draw.random()
        if start > 7 * DAY and int(network) % 3 == 0:
            rtt *= 2
        rtt += draw.randrange(300)
        service = draw.choice(SERVICES)
        ours, theirs = service, 40000 + number
        if draw.random() < 0.2:
            ours, theirs = theirs, ours
        uuid = f"host_1700000000_unsafe_{number:016X}"
        polls, busy = draw.randrange(2, 6), draw.choice((0, 400000, 900000))
        sent, again, waited = 0, 0, 0
        text = _metadata(uuid, start, f"host{number % 3}", draw.choice(OWNERS))
        for poll in range(polls):
            sent += draw.randrange(200000)
            again += draw.choice((0, 0, 0, 1, 4))
            waited += draw.choice((0, 400000, 900000))
            state = made_archives.ESTABLISHED
            if poll == 0 and ours > theirs:
                state = made_archives.SYN_SENT
            elif poll == polls - 1:
                state = draw.choice(LAST_STATES)
            line = made_archives.record(start + poll, poll=poll, state=state, cookie=number,
                                        sent=sent, acked=sent, received=100 * poll, rtt=rtt)
            line = made_archives.with_fields(
                line, total_retrans=again, data_segs_out=1 + sent // 1448, busy_time=busy * poll,
                rwnd_limited=min(waited, busy * poll), min_rtt=rtt,
                delivery_rate=draw.randrange(10000000))
            text += _addressed(line, remote, ours, theirs)
        if draw.random() < 0.8:
            line = made_archives.record(start + polls, state=made_archives.CLOSE, cookie=number,
                                        sent=sent, acked=sent, rtt=rtt)
            text += _addressed(line, remote, ours, theirs)
        paths.append(str(made_archives.archive(folder, 0, text, uuid)))
    return paths
