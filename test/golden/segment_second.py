#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads segments as docs/segment.md describes them, slowly and plainly, and compares their text.

usage: segment_second.py FOLDER

Written from the page alone: what the page does not say would be missing here. Exit status 77:
there is no zstd to unpack with.
"""
import base64
import datetime
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

MAGIC = b"\x89TCPSEG\n"
WORD = 1 << 32
NAMES = {1: "MEMINFO", 2: "INFO", 3: "VEGASINFO", 4: "CONG", 7: "SKMEMINFO"}
CONTEXT_KEYS = ["Host", "Kernel", "Collector", "Interval", "Run", "Netns", "ByteOrder"]
LATER_CONTEXT_KEYS = ["Policy", "Cgroup", "Owner", "Pid", "Comm", "Executable"]


class Stream:
    def __init__(self, data):
        self.data, self.at = data, 0

    def varint(self):
        number = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return number

    def folded(self):
        number = self.varint()
        return -(number >> 1) - 1 if number & 1 else number >> 1

    def bytes(self, size):
        self.at += size
        return self.data[self.at - size:self.at]


def checksum(*runs):
    multiplier, mask = 0x9e3779b97f4a7c15, (1 << 64) - 1

    def step(number, word):
        number ^= word
        return ((number << 27 | number >> 37) & mask) * multiplier & mask
    sums, total = [1, 2, 3, 4], sum(map(len, runs))
    for run in runs:
        whole = len(run) // 32 * 32
        for at in range(0, whole, 32):
            sums = [step(s, w) for s, w in zip(sums, struct.unpack_from("<4Q", run, at))]
        for byte in run[whole:]:
            sums[0] = step(sums[0], byte + 1)
    for number in sums:
        total = step(total, number)
    return (total ^ total >> 29) * multiplier & mask


def time_text(ns):
    if ns is None:
        return "0001-01-01T00:00:00Z"
    seconds, rest = divmod(ns, 10**9)
    text = (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).isoformat()
    return text + (f".{rest:09d}".rstrip("0") if rest else "") + "Z"


def read_archives(archives, texts, contexts):
    found = [{} for _ in range(archives.varint())]
    for a in found:
        a["flags"] = archives.varint()
    for a in found:
        a["records"] = archives.varint()
    for a in found:
        if a["flags"] & 1:
            a["context"] = contexts[archives.varint()]
    before = 0
    for a in found:
        if a["flags"] & 4:
            before = (before + archives.folded()) % (1 << 64)
            a["cookie"] = before
            a["uuid"] = f"{texts[a['context'][0] - 1].decode()}_{before:016X}"
        elif a["flags"] & 1:
            a["uuid"] = texts[archives.varint()].decode()
    for a in found:
        if a["flags"] & 1:
            a["sequence"] = archives.varint()
    before = 0
    for a in found:
        a["start"] = None
        if a["flags"] & 32:
            before += archives.folded()
            a["start"] = before
    for a in found:
        if a["flags"] & 64:
            a["opened"] = archives.folded()  # against the start
    before = 0
    for a in found:
        if a["flags"] & 8:
            a["path"] = texts[archives.varint()].decode()
        else:
            before += archives.folded()
            day = datetime.date(1970, 1, 1) + datetime.timedelta(days=before)
            a["path"] = f"{day:%Y/%m/%d}/{a['uuid']}.{a['sequence']:05d}.jsonl.zst"
    return found


def read_moments(streams, count):
    table, numbers = streams[7], streams[8]
    if not table.data:
        return []
    own, size, unit = table.varint(), table.varint(), table.varint()
    time = table.folded()
    times, polls, poll = [], [], 0
    for _ in range(size):
        time += table.folded() * unit
        times.append(time)
    for _ in range(size):
        poll = (poll + table.folded()) % (1 << 64)
        polls.append(poll - 1 if poll else None)
    moments = list(zip(times, polls))
    if own:
        return moments
    chosen, expected = [], 0
    for _ in range(count):
        number = (expected + numbers.folded()) % WORD
        chosen.append(moments[number])
        expected = number + 1
    return chosen


def joined(planes, count):
    """The varints whose first bytes stand first, then the second bytes, and so on."""
    starts, at, size = [], 0, count
    while size:
        starts.append(at)
        at, size = at + size, sum(byte > 127 for byte in planes[at:at + size])
    assert at == len(planes)
    made = bytearray()
    for _ in range(count):
        plane = 0
        while True:
            made.append(planes[starts[plane]])
            starts[plane] += 1
            plane += 1
            if made[-1] < 128:
                break
    return bytes(made)


def read_columns(streams, slots, rows_of):
    """For each slot and word, a dictionary from row to difference."""
    columns, found = streams[10], []
    for slot, (_, size) in enumerate(slots):
        words = []
        for _ in range((size + 3) // 4):
            mode, rows = columns.varint(), []
            planes, mode = mode > 3, mode % 4
            if mode:
                deltas = Stream(streams[13].bytes(columns.varint()))
            changes = columns.varint() if mode == 2 or (planes and mode == 3) else rows_of[slot]
            if planes:
                deltas = Stream(joined(deltas.data, changes))
            if mode == 1:
                rows = range(rows_of[slot])
            elif mode == 2:
                row = 0
                for _ in range(changes):
                    row += streams[11].varint()
                    rows.append(row)
                    row += 1
            elif mode == 3:
                bits = streams[12].bytes((rows_of[slot] + 7) // 8)
                rows = [r for r in range(rows_of[slot]) if bits[r // 8] >> r % 8 & 1]
            words.append({row: deltas.folded() for row in rows})
        found.append(words)
    return found


def metadata_line(a, texts):
    about = {"UUID": a["uuid"], "Sequence": a["sequence"], "StartTime": time_text(a["start"])}
    for key, number in zip(CONTEXT_KEYS, a["context"][1:]):
        if number:
            about[key] = texts[number - 1].decode()
    if "opened" in a:
        about["Opened"] = time_text((a["start"] or 0) + a["opened"])
    for key, number in zip(LATER_CONTEXT_KEYS, a["context"][8:]):
        if number:
            about[key] = texts[number - 1].decode()
    return json.dumps({"Timestamp": time_text(None), "Metadata": about}, separators=(",", ":"))


def record_line(time, poll, payloads, ended, carried, thinned):
    types = {kind: base64.b64encode(data).decode() for kind, data in payloads[1:]}
    line = {"Timestamp": time_text(time), "RawIDM": base64.b64encode(payloads[0][1]).decode(),
            "Attributes": [types.get(kind) for kind in range(max(types, default=0) + 1)]}
    if poll is not None:
        line["Poll"] = poll
    if ended is not None:
        line["Ended"] = time_text(time + ended)
    if carried:
        line["Carried"] = [NAMES[bit] for bit in range(1, 32) if carried >> bit & 1]
    if thinned:
        line["Thinned"] = thinned
    return json.dumps(line, separators=(",", ":"))


def read_thinned(stream):
    """By the numbers of the records, from 1."""
    found, number = {}, 0
    while stream.at < len(stream.data):
        number += stream.varint()
        found[number] = stream.varint()
    return found


def read_streams(block):
    assert struct.unpack_from("<Q", block, 16)[0] == checksum(block[:16], block[24:])
    directory = Stream(block[40:])
    sizes = [(directory.varint(), directory.varint()) for _ in range(directory.varint())]
    streams = {kind: Stream(b"") for kind in range(21)}
    for kind, size in sizes:
        streams[kind] = Stream(directory.bytes(size))
    assert directory.at == len(directory.data)
    return streams


def read_texts(source):
    lengths = [source.varint() for _ in range(source.varint() if source.data else 0)]
    return [source.bytes(length) for length in lengths]


def read_tables(streams):
    """Texts and archives."""
    texts = read_texts(streams[1])
    contexts, source = [], streams[2]
    if source.data:
        count, each = source.varint(), source.varint()
        contexts = [[source.varint() for _ in range(each)] for _ in range(count)]
    return texts, read_archives(streams[3], texts, contexts)


def read_values(streams, count):
    """For each summary a dictionary from field to value."""
    found, fields = [{} for _ in range(count)], streams[17]
    for _ in range(fields.varint() if fields.data else 0):
        field, mode = fields.varint(), fields.varint()
        values = Stream(streams[18].bytes(fields.varint()))
        bits = streams[12].bytes((count + 7) // 8) if mode == 3 else b"\xff" * count
        value = 0
        for number, summary in enumerate(found):
            if bits[number // 8] >> number % 8 & 1:
                value = (value + values.folded()) % (1 << 64)
                summary[field] = value
        assert mode in (1, 3) and values.at == len(values.data)
    return found


def read_summaries(block):
    """The lines of a block of summaries."""
    count = struct.unpack_from("<I", block, 32)[0]
    streams = read_streams(block)
    texts, archives = read_tables(streams)
    owners = [a for a in archives for _ in range(a["records"])]
    assert len(owners) == count
    values = read_values(streams, count)
    names = read_texts(streams[20])
    for owner, fields in zip(owners, values):
        yield ("~+ " if owner["flags"] & 2 else "~ ") + owner["path"]
        if owner["flags"] & 1:
            yield metadata_line(owner, texts)
        yield from (f"{field}: {value}" for field, value in fields.items())
        highest = 0
        for _ in range(streams[19].varint() if streams[19].data else 0):
            lowest = highest + streams[19].varint()
            highest = lowest + streams[19].varint()
            yield f"{lowest} to {highest} us: {streams[19].varint()}"
        if names and (name := streams[20].varint()):
            yield names[name - 1].decode()


def read_block(block):
    """The lines of a block's text."""
    assert block[8:10] == b"\1\1"
    streams = read_streams(block)
    texts, archives = read_tables(streams)
    slots = [(None, 72)]
    if streams[4].data:
        for _ in range(streams[4].varint() - 1):
            slots.append((streams[4].varint(), streams[4].varint()))
    shapes = []
    if streams[5].data:
        for _ in range(streams[5].varint()):
            shapes.append([0] + [streams[5].varint() for _ in range(streams[5].varint())])
    heads = [streams[6].varint() for _ in range(sum(a["records"] for a in archives))]
    rows_of = [0] * len(slots)
    for head in heads:
        for slot in shapes[head // 4 - 1] if head else []:
            rows_of[slot] += 1
    moments = iter(read_moments(streams, sum(head != 0 for head in heads)))
    columns = read_columns(streams, slots, rows_of)
    thinned, record = read_thinned(streams[16]), 0
    heads, row, first = iter(heads), [0] * len(slots), {}
    for a in archives:
        latest, body = {}, []
        for number in range(a["records"]):
            head = next(heads)
            record += 1
            if not head:
                body.append(streams[15].bytes(streams[14].varint()).decode().removesuffix("\n"))
                continue
            time, poll = next(moments)
            if number == 0 and a["flags"] & 16:
                a["start"] = time
            ended = streams[9].folded() if head & 1 else None
            carried = streams[9].varint() if head & 2 else 0
            payloads = []
            for slot in shapes[head // 4 - 1]:
                kind, size = slots[slot]
                begins = slot not in latest
                words = list(latest.get(slot) or first.get(slot) or [0] * ((size + 3) // 4))
                if begins and slot == 0 and a["flags"] & 4:
                    words[11:13] = a["cookie"] % WORD, a["cookie"] // WORD
                for word, changes in enumerate(columns[slot]):
                    words[word] = (words[word] + changes.get(row[slot], 0)) % WORD
                row[slot] += 1
                latest[slot] = words
                if begins:
                    first[slot] = words
                payloads.append((kind, struct.pack(f"<{len(words)}I", *words)[:size]))
            body.append(record_line(time, poll, payloads, ended, carried, thinned.get(record)))
        if a["records"]:
            yield ("+ " if a["flags"] & 2 else "= ") + a["path"]
            if a["flags"] & 1:
                yield metadata_line(a, texts)
            yield from body


def text_of(path):
    content = subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True).stdout
    lines, summaries, at = [], [], 0
    while at < len(content):
        assert content[at:at + 8] == MAGIC
        size = struct.unpack_from("<I", content, at + 12)[0]
        block = content[at:at + size]
        if block[9] == 2:
            summaries += read_summaries(block)
        else:
            lines += read_block(block)
        at += size
    return "".join(line + "\n" for line in lines + summaries)


def main():
    if shutil.which("zstd") is None:
        print("skipped: there is no zstd")
        return 77
    paths = sorted(Path(sys.argv[1]).glob("*.tcpseg.zst"))
    faults = 0
    for path in paths:
        wanted = path.with_name(path.name.removesuffix(".tcpseg.zst") + ".txt").read_text(
            encoding="utf-8")
        if text_of(path) != wanted:
            print(f"FAIL {path}: its text is another one")
            faults += 1
    print(f"{len(paths)} files, {faults} faults")
    return 0 if paths and not faults else 1


sys.exit(main())
