# SPDX-License-Identifier: Apache-2.0
"""The Python module on the library that was built: structs against those of tcpinfo/c.h, archives
against their JSON, events, errors.

usage: module_test.py SOURCE_ROOT [unittest's arguments]

meson sets LD_LIBRARY_PATH and PYTHONPATH.
"""

from __future__ import annotations

import base64
import ctypes
import datetime
import json
import re
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tcpinfo
from tcpinfo import _native

SOURCE = Path(sys.argv[1]).resolve()
GOLDEN = SOURCE / "test" / "golden" / "own"
ARCHIVE = GOLDEN / "kernel618_1.jsonl"
ASSERTS = re.compile(r"static_assert\((sizeof|offsetof)\((tcpinfo_\w+)(?:, (\w+))?\) == (\d+)\);")


def lines_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def nanoseconds(text: str) -> int:
    """Of the golden archives: UTC, with a fraction."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.datetime.fromisoformat(whole + "+00:00")
    return int(moment.timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)


class Interface(unittest.TestCase):
    def test_structs(self) -> None:
        text = (SOURCE / "test/unit/c/c_layout_test.cc").read_text(encoding="utf-8")
        told = ASSERTS.findall(text)
        self.assertEqual({name for _, name, _, _ in told}, set(_native.STRUCTS))
        for what, name, member, number in told:
            mine = _native.STRUCTS[name]
            got = ctypes.sizeof(mine) if what == "sizeof" else getattr(mine, member).offset
            self.assertEqual(got, int(number), f"{name} {member}")
        members = sum(len(s._fields_) for s in _native.STRUCTS.values())
        self.assertEqual(sum(1 for what, *_ in told if what == "offsetof"), members)

    def test_functions(self) -> None:
        header = (SOURCE / "lib/include/tcpinfo/c.h").read_text(encoding="utf-8")
        for name in _native.FUNCTIONS:
            self.assertRegex(header, rf"\btcpinfo_{name}\(")
        with self.assertRaises(AttributeError):
            _native.LIB.no_such_function()

    def test_fields(self) -> None:
        self.assertIs(tcpinfo.field("info.rtt"), tcpinfo.FIELDS["rtt_us"])
        self.assertEqual(tcpinfo.field("rtt_us").unit, "us")
        self.assertEqual(tcpinfo.field("info.min_rtt").sentinel, 0xffffffff)
        self.assertFalse(tcpinfo.field("cong").is_number)
        with self.assertRaises(KeyError):
            tcpinfo.field("rtt")

    def test_programs_of_the_guide(self) -> None:
        text = (SOURCE / "docs/guide.md").read_text(encoding="utf-8")
        programs = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.assertTrue(programs)
        for program in programs:
            compile(program, "guide.md", "exec")
            for name in re.findall(r"tcpinfo\.(\w+)", program):
                self.assertIn(name, tcpinfo.__all__)
            for name in re.findall(r"\[\"([\w.]+)\"", program):
                self.assertTrue(name in tcpinfo.STATES or tcpinfo.field(name))

    def test_everything_is_documented(self) -> None:
        for name in tcpinfo.__all__:
            one = getattr(tcpinfo, name)
            if isinstance(one, type) or callable(one):
                self.assertTrue(one.__doc__, name)
        self.assertTrue((Path(tcpinfo.__file__).parent / "py.typed").is_file())

    def test_errors(self) -> None:
        with self.assertRaises(FileNotFoundError) as missing:
            tcpinfo.Reader("/nowhere/x")
        self.assertEqual(missing.exception.filename, "/nowhere/x")
        with self.assertRaises(tcpinfo.Error) as short:
            tcpinfo.Message(b"short")
        self.assertEqual(short.exception.code, -10001)
        self.assertIn("inet_diag_msg", str(short.exception))
        reader = tcpinfo.Reader(ARCHIVE)
        reader.close()
        reader.close()
        self.assertTrue(reader.closed)
        with self.assertRaises(ValueError):
            next(reader)


class Archives(unittest.TestCase):
    def test_records_are_those_of_the_json(self) -> None:
        wanted = lines_of(ARCHIVE)
        records = list(tcpinfo.Reader(ARCHIVE))
        self.assertEqual(len(records), len(wanted))
        self.assertEqual(records[0].metadata.uuid, wanted[0]["Metadata"]["UUID"])
        self.assertIsNone(records[0].message)
        for record, line in zip(records[1:], wanted[1:]):
            self.assertIsNone(record.metadata)
            self.assertEqual(record.time_ns, nanoseconds(line["Timestamp"]))
            raw = base64.b64decode(line["RawIDM"])
            self.assertEqual(record.message.data[:72], raw)
            sport, dport = struct.unpack_from(">HH", raw, 4)
            low, high = struct.unpack_from("<II", raw, 44)
            self.assertEqual((record.message.id.sport, record.message.id.dport), (sport, dport))
            self.assertEqual(record.message.id.cookie, low | high << 32)
            self.assertEqual(record.message.id.src.packed, raw[8:24])
            info = base64.b64decode(line["Attributes"][2])
            self.assertEqual(record.message["info.rtt"], struct.unpack_from("=I", info, 68)[0])
            self.assertEqual(record.message["info.bytes_acked"],
                             struct.unpack_from("=Q", info, 120)[0])
        # What the kernel did not send is not there.
        message = records[1].message
        self.assertNotIn("info.no_such_field", tcpinfo.FIELDS)
        self.assertIsNone(message.get("ulp_name"))
        self.assertEqual(message.get("ulp_name", "x"), "x")
        self.assertNotIn("ulp_name", message)
        with self.assertRaises(KeyError):
            message["ulp_name"]
        self.assertIn("cong", message.as_dict())
        self.assertEqual(message.state, "ESTABLISHED")

    def test_faults(self) -> None:
        lines = ARCHIVE.read_bytes().splitlines(keepends=True)
        text = b"".join([lines[0], b"nonsense\n", *lines[1:]])
        faults: list[Exception] = []
        with tcpinfo.Reader(memoryview(text), faults.append) as reader:
            self.assertEqual(len(list(reader)), len(lines))
        self.assertEqual(len(faults), 1)
        self.assertIn("memory:2: ", str(faults[0]))
        with tcpinfo.Reader(memoryview(text)) as reader:
            next(reader)
            with self.assertRaises(tcpinfo.Error):
                next(reader)
            self.assertEqual((reader.line_number, reader.line), (2, b"nonsense"))
            self.assertEqual(len(list(reader)), len(lines) - 1)
        faults.clear()
        found = tcpinfo.columns(memoryview(text), ["rtt_us"], on_fault=faults.append)
        self.assertEqual((len(found["rtt_us"]), len(faults)), (len(lines) - 1, 1))
        with self.assertRaises(tcpinfo.Error):
            tcpinfo.columns(memoryview(text), ["rtt_us"])
        with self.assertRaises(tcpinfo.Error):
            tcpinfo.columns(ARCHIVE, ["cong"], on_fault=faults.append)

    def check_columns(self) -> None:
        names = ["rtt_us", "info.min_rtt", "info.bytes_acked", "skmem_rmem_alloc_bytes", "ulp_name"]
        numbers = names[:-1]
        messages = [r for r in tcpinfo.Reader(ARCHIVE) if r.message]
        found = tcpinfo.columns(ARCHIVE, numbers)
        self.assertEqual(list(found), numbers)
        self.assertEqual(list(found.times_ns), [r.time_ns for r in messages])
        for name in numbers:
            self.assertEqual(list(found[name]), [r.message.get(name) for r in messages])
        # More than the library reads at once.
        many = b"".join(ARCHIVE.read_bytes().splitlines(keepends=True)[1:]) * 60
        long = tcpinfo.columns(memoryview(many), ["rtt_us"])
        self.assertEqual(list(long["rtt_us"]), list(found["rtt_us"]) * 60)
        self.assertGreater(len(long.times_ns), 2 * 4096)

    def test_columns(self) -> None:
        self.check_columns()

    def test_columns_without_numpy(self) -> None:
        text = ("import sys; sys.modules['numpy'] = None; sys.argv = sys.argv[1:]\n"
                "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')")
        subprocess.run([sys.executable, "-B", "-c", text, __file__, str(SOURCE),
                        "Archives.test_columns"], check=True, capture_output=True)

    def test_columns_with_numpy(self) -> None:
        try:
            import numpy
        except ImportError:
            self.skipTest("no numpy here")
        column = tcpinfo.columns(ARCHIVE, ["rtt_us"])["rtt_us"]
        self.assertIsInstance(column.values, numpy.ndarray)
        self.assertEqual(column.values.dtype, numpy.uint64)
        self.assertEqual(column.present.dtype, numpy.bool_)
        self.assertEqual(int(column.masked().sum()), sum(v or 0 for v in column))

    def test_writing(self) -> None:
        records = list(tcpinfo.Reader(ARCHIVE))
        with tempfile.TemporaryDirectory() as folder:
            for plain in (True, False):
                path = Path(folder) / f"copy-{plain}"
                with tcpinfo.Writer(path, plain=plain, frame_bytes=5000) as writer:
                    for record in records:
                        if record.metadata:
                            writer.write_metadata(record.metadata)
                        else:
                            writer.write(record.message, record.time_ns, poll=record.poll,
                                         ended_ns=record.ended_ns, carried=record.carried)
                self.assertEqual(path.read_bytes() == ARCHIVE.read_bytes(), plain)
                again = list(tcpinfo.Reader(path))
                self.assertEqual([r.message.data for r in again if r.message],
                                 [r.message.data for r in records if r.message])
                with self.assertRaises(FileExistsError):
                    tcpinfo.Writer(path)


class Followed(unittest.TestCase):
    def test_events(self) -> None:
        wanted = lines_of(GOLDEN / "events.jsonl")
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_UNIX) as listening:
            path = Path(folder) / "events.sock"
            with self.assertRaises(FileNotFoundError):
                tcpinfo.Events(path)
            listening.bind(str(path))
            listening.listen(1)
            events = tcpinfo.Events(path, nonblocking=True)
            server = listening.accept()[0]
            with self.assertRaises(BlockingIOError):
                next(events)
            text = (GOLDEN / "events.jsonl").read_bytes()
            self.assertLess(len(text), 65536)
            server.sendall(text + b"nonsense\n")
            server.close()
            got = [next(events) for _ in wanted]
            with self.assertRaises(tcpinfo.Error):
                next(events)
            self.assertEqual(list(events), [])
            events.close()
        for event, line in zip(got, wanted):
            self.assertEqual((event.kind, event.uuid), (line["Event"], line["UUID"]))
            self.assertEqual(event.time_ns, nanoseconds(line["Timestamp"]))
            if line.get("ID"):
                self.assertEqual((str(event.id.src), event.id.sport, event.id.cookie),
                                 (line["ID"]["SrcIP"], line["ID"]["SPort"], line["ID"]["Cookie"]))
            else:
                self.assertIsNone(event.id)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
