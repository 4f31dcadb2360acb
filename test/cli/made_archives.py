# SPDX-License-Identifier: Apache-2.0
"""Archives made of records with few fields set, for tests of the tools that read them."""

from __future__ import annotations

import base64
import datetime
import json
import struct
from pathlib import Path

ESTABLISHED, SYN_SENT, FIN_WAIT2, CLOSE, CLOSE_WAIT = 1, 2, 5, 7, 8
UUID = "host_1700000000_unsafe_00000000000000AB"
# Of tcp_info: how it is written, and where.
PLACES = {
    "snd_mss": ("<I", 16), "unacked": ("<I", 24), "sacked": ("<I", 28), "lost": ("<I", 32),
    "retrans": ("<I", 36), "snd_ssthresh": ("<I", 76), "rcv_rtt": ("<I", 92),
    "total_retrans": ("<I", 100), "pacing_rate": ("<Q", 104), "max_pacing_rate": ("<Q", 112),
    "min_rtt": ("<I", 148), "data_segs_out": ("<I", 156), "delivery_rate": ("<Q", 160),
    "busy_time": ("<Q", 168), "rwnd_limited": ("<Q", 176), "sndbuf_limited": ("<Q", 184),
    "snd_wnd": ("<I", 228), "rcv_wnd": ("<I", 232)}


def time_text(second: float) -> str:
    seconds, _, fraction = f"{second:.9f}".partition(".")
    moment = datetime.datetime.fromtimestamp(1700000000 + int(seconds), datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}".rstrip("0").rstrip(".") + "Z"


def record(second: float, poll: int | None = None, state: int = ESTABLISHED, dport: int = 5201,
           cookie: int = 0xAB, sent: int = 0, acked: int = 1, received: int = 0, rtt: int = 100,
           cwnd: int = 10, more: dict[str, object] | None = None) -> str:
    idm = bytearray(72)
    idm[0:4] = bytes([2, state, 0, 0])
    idm[4:8] = struct.pack(">HH", 443, dport)
    idm[8:12] = bytes([192, 0, 2, 1])
    idm[24:28] = bytes([198, 51, 100, 9])
    idm[44:52] = struct.pack("<Q", cookie)
    info = bytearray(280)
    info[0] = state
    struct.pack_into("<I", info, 68, rtt)
    struct.pack_into("<I", info, 80, cwnd)
    struct.pack_into("<QQ", info, 120, acked, received)
    struct.pack_into("<I", info, 148, rtt)
    struct.pack_into("<Q", info, 200, sent)
    text = {"Timestamp": time_text(second),
            "RawIDM": base64.b64encode(idm).decode(),
            "Attributes": [None, None, base64.b64encode(info).decode(), None,
                           base64.b64encode(b"cubic\0").decode()]}
    if poll is not None:
        text["Poll"] = poll
    text |= more or {}
    return json.dumps(text, separators=(",", ":")) + "\n"


def with_fields(line: str, **fields: int) -> str:
    """The same record with these fields of tcp_info."""
    said = json.loads(line)
    info = bytearray(base64.b64decode(said["Attributes"][2]))
    for name, value in fields.items():
        form, at = PLACES[name]
        struct.pack_into(form, info, at, value)
    said["Attributes"][2] = base64.b64encode(info).decode()
    return json.dumps(said, separators=(",", ":")) + "\n"


def metadata(sequence: int = 0, uuid: str = UUID, run_id: str = "r", opened: float | None = None
             ) -> str:
    life = {} if opened is None else {"Opened": time_text(opened)}
    return json.dumps({"Timestamp": "0001-01-01T00:00:00Z",
                       "Metadata": {"UUID": uuid, "Sequence": sequence,
                                    "StartTime": "2023-11-14T22:13:20Z", "Kernel": "6.18.1",
                                    "Run": run_id} | life}, separators=(",", ":")) + "\n"


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def archive(folder: Path, sequence: int, text: str, uuid: str = UUID) -> Path:
    return write(folder, f"{uuid}.{sequence:05}.jsonl", text)
