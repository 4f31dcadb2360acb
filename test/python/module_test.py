# SPDX-License-Identifier: Apache-2.0
"""The Python module on the library that was built: structs against those of tcpinfo/c.h, archives
against their JSON, events, errors.

usage: module_test.py SOURCE_ROOT [unittest's arguments]

meson sets LD_LIBRARY_PATH, PYTHONPATH and TCPINFO_MAKE_SEGMENT.
"""

from __future__ import annotations

import base64
import ctypes
import dataclasses
import datetime
import gc
import inspect
import ipaddress
import json
import os
import pickle
import pydoc
import re
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import tcpinfo
from tcpinfo import _arrow, _native

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


class ArrowSchema(ctypes.Structure):
    pass


class ArrowArray(ctypes.Structure):
    pass


ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_void_p),
    ("flags", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowSchema))), ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowSchema))),
    ("private_data", ctypes.c_void_p)]
ArrowArray._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowArray))), ("dictionary", ctypes.c_void_p),
    ("release", ctypes.CFUNCTYPE(None, ctypes.POINTER(ArrowArray))),
    ("private_data", ctypes.c_void_p)]
ARROW_TYPES = {b"tsn:": ctypes.c_int64, b"L": ctypes.c_uint64, b"I": ctypes.c_uint32}


def arrow_batches(stream: tcpinfo.ArrowStream) -> tuple[list[str], list[tuple[int, list]]]:
    """The names of the columns, and of each array its length and the numbers of its columns."""
    capsule = stream.__arrow_c_stream__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    held = _native.ArrowStreamStruct.from_address(pointer(capsule, b"arrow_array_stream"))
    schema, batches = ArrowSchema(), []
    assert held.get_schema(held, ctypes.addressof(schema)) == 0
    types = [schema.children[i].contents for i in range(schema.n_children)]
    names = [one.name.decode() for one in types]
    while True:
        array = ArrowArray()
        failed = held.get_next(held, ctypes.addressof(array))
        if failed:
            schema.release(schema)
            raise OSError(failed, held.get_last_error(held).decode())
        if not array.release:
            break
        columns = []
        for at, one in enumerate(types):
            number = ARROW_TYPES.get(one.format)
            child = array.children[at].contents
            columns.append(list((number * child.length).from_address(child.buffers[1]))
                           if number else [])
        batches.append((array.length, columns))
        array.release(array)
    schema.release(schema)
    return names, batches


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

    def test_help_shows_every_attribute(self) -> None:
        members = {tcpinfo.Column: ["values", "present"],
                   tcpinfo.Columns: ["times_ns", "metadata", "id"],
                   tcpinfo.Error: ["code", "text", "filename", "line"]}
        for one in vars(tcpinfo).values():
            if isinstance(one, type) and dataclasses.is_dataclass(one):
                members[one] = [field.name for field in dataclasses.fields(one)]
        self.assertIn(tcpinfo.Record, members)
        for one, names in members.items():
            # "sport, dport: …" tells of both.
            told = re.findall(r"^(\w+(?:, \w+)*): .", inspect.getdoc(one) or "", re.MULTILINE)
            self.assertEqual(", ".join(told).split(", "), names, one)
        for name, member in vars(tcpinfo.Message).items():
            if isinstance(member, property):
                self.assertTrue(member.__doc__, name)
        message = tcpinfo.Message(bytes(72), 2)
        self.assertEqual((message.data, message.layout), (bytes(72), 2))
        self.assertNotIn("data", vars(message))
        for constant in ("ALL_STATES", "CLOSED", "CONNECTIONS", "FIELDS", "OPENED", "STATES"):
            self.assertRegex(tcpinfo.__doc__, rf"(?m)^(\w+, )?{constant}(, \w+)?: ")

    def test_sets_of_states_have_names(self) -> None:
        help_text = " ".join(pydoc.render_doc(tcpinfo, renderer=pydoc.plaintext).split())
        self.assertRegex(help_text,
                         r"\bdump\( ?states: 'Iterable\[int \| str\]' = tcpinfo\.CONNECTIONS, ")
        self.assertNotIn("frozenset({", help_text)
        self.assertEqual(tcpinfo.CONNECTIONS, set(range(1, 13)) - {10})
        self.assertEqual(tcpinfo.ALL_STATES, set(tcpinfo.STATES.values()) | {12})
        again = pickle.loads(pickle.dumps(tcpinfo.ALL_STATES))
        self.assertEqual((again, repr(again)), (tcpinfo.ALL_STATES, "tcpinfo.ALL_STATES"))
        # What is made of it is another set.
        self.assertEqual(repr(tcpinfo.CONNECTIONS - tcpinfo.CONNECTIONS), "frozenset()")

    def test_mapped_addresses(self) -> None:
        v4 = ipaddress.ip_address("63.243.240.101")
        mapped = ipaddress.ip_address("::ffff:63.243.240.101")
        v6 = ipaddress.ip_address("2001:db8::1")
        self.assertEqual([tcpinfo.unmapped(one) for one in (mapped, v4, v6, None)],
                         [v4, v4, v6, None])
        header = bytearray(72)
        header[0:8] = struct.pack(">BBBBHH", 10, 1, 0, 0, 443, 5001)
        header[8:24], header[24:40] = mapped.packed, v6.packed
        message = tcpinfo.Message(bytes(header))
        self.assertEqual((message.id.src, message["src"]), (mapped, mapped))
        self.assertIn(" 63.243.240.101:443 [2001:db8::1]:5001 ESTABLISHED ", repr(message))

    def test_errors(self) -> None:
        with self.assertRaises(FileNotFoundError) as missing:
            tcpinfo.Reader("/nowhere/x")
        self.assertEqual(missing.exception.filename, "/nowhere/x")
        with self.assertRaises(tcpinfo.Error) as short:
            tcpinfo.Message(b"short")
        self.assertEqual(short.exception.code, -10001)
        self.assertIn("inet_diag_msg", str(short.exception))
        self.assertIsNone(short.exception.filename)
        with self.assertRaises(tcpinfo.Error) as text:
            tcpinfo.Message(bytes(72)).raw("cong")
        self.assertEqual(str(text.exception), "field cong is a text, raw() takes numbers")
        # Opening a folder works, reading it does not.
        faults: list[Exception] = []
        with tcpinfo.Reader(GOLDEN, faults.append) as folder:
            self.assertEqual(list(folder), [])
        self.assertEqual([type(one) for one in faults], [IsADirectoryError])
        self.assertEqual((faults[0].filename, faults[0].line), (str(GOLDEN), None))
        with self.assertRaises(IsADirectoryError) as columns:
            tcpinfo.columns(GOLDEN, ["rtt_us"])
        self.assertEqual(columns.exception.filename, str(GOLDEN))
        descriptor = os.open(GOLDEN, os.O_RDONLY)
        with self.assertRaises(IsADirectoryError) as folder_of:
            next(tcpinfo.Reader(descriptor))
        os.close(descriptor)
        self.assertEqual(folder_of.exception.filename, descriptor)
        with self.assertRaises(FileNotFoundError) as unwritten:
            tcpinfo.Writer("/nowhere/x")
        self.assertEqual(unwritten.exception.filename, "/nowhere/x")
        with self.assertRaises(FileNotFoundError) as unconnected:
            tcpinfo.Events(Path("/nowhere/x"))
        self.assertEqual(unconnected.exception.filename, "/nowhere/x")
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
        self.assertIn("<memory>:2: ", str(faults[0]))
        self.assertEqual((faults[0].filename, faults[0].line), ("<memory>", 2))
        again = pickle.loads(pickle.dumps(faults[0]))
        self.assertEqual((str(again), vars(again)), (str(faults[0]), vars(faults[0])))
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
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x"
            path.write_bytes(text)
            with self.assertRaises(tcpinfo.Error) as bad:
                tcpinfo.columns(path, ["rtt_us"])
        self.assertEqual((bad.exception.filename, bad.exception.line), (str(path), 2))
        self.assertTrue(str(bad.exception).startswith(f"{path}:2: "))
        # No line is at fault where there is none.
        with self.assertRaises(tcpinfo.Error) as frame:
            next(tcpinfo.Reader(memoryview(b"\x28\xb5\x2f\xfd\x00")))
        self.assertEqual(frame.exception.line, None)
        self.assertTrue(str(frame.exception).startswith("<memory>: "))

    def test_columns_take_numbers(self) -> None:
        for name, text in (("src", "field src is an address, columns() takes numbers"),
                           ("cong.cong", "field cong.cong is a text, columns() takes numbers"),
                           (tcpinfo.field("dst"),
                            "field dst is an address, columns() takes numbers")):
            faults: list[Exception] = []
            with self.assertRaises(tcpinfo.Error) as wrong:
                tcpinfo.columns(ARCHIVE, ["rtt_us", name], on_fault=faults.append)
            self.assertEqual((str(wrong.exception), wrong.exception.code, faults),
                             (text, -11002, []))
        # A field that is not of this library is no fault of a line that is told for ever.
        nothing = dataclasses.replace(tcpinfo.field("rtt_us"), id=65535)
        with self.assertRaises(tcpinfo.Error) as unknown:
            tcpinfo.columns(b"/dev/null", [nothing], on_fault=faults.append)
        self.assertEqual((unknown.exception.code, faults), (-11001, []))

    def test_lines_that_say_nothing(self) -> None:
        events = GOLDEN / "events.jsonl"
        number = len(events.read_bytes().splitlines())
        faults: list[Exception] = []
        self.assertEqual(list(tcpinfo.Reader(events, faults.append)), [])
        self.assertEqual([one.line for one in faults], list(range(1, number + 1)))
        self.assertEqual(str(faults[1]), f"{events}:2: neither a message nor metadata")
        self.assertEqual({one.code for one in faults}, {-10009})
        faults.clear()
        found = tcpinfo.columns(events, ["rtt_us"], on_fault=faults.append)
        self.assertEqual((len(found.times_ns), found.id, found.metadata), (0, None, None))
        self.assertEqual(len(faults), number)
        with self.assertRaises(tcpinfo.Error):
            tcpinfo.columns(events, ["rtt_us"])
        # Behind one that is raised, reading goes on.
        lines = ARCHIVE.read_bytes().splitlines(keepends=True)
        text = lines[0] + b'{"Timestamp":"2023-11-14T22:14:00Z"}\n' + b"".join(lines[1:])
        reader = tcpinfo.Reader(memoryview(text))
        next(reader)
        with self.assertRaises(tcpinfo.Error):
            next(reader)
        self.assertEqual(len(list(reader)), len(lines) - 1)

    def check_columns(self) -> None:
        names = ["rtt_us", "info.min_rtt", "info.bytes_acked", "skmem_rmem_alloc_bytes", "ulp_name"]
        numbers = names[:-1]
        messages = [r for r in tcpinfo.Reader(ARCHIVE) if r.message]
        found = tcpinfo.columns(ARCHIVE, numbers)
        self.assertEqual(list(found), numbers)
        self.assertEqual(list(found.times_ns), [r.time_ns for r in messages])
        for name in numbers:
            self.assertEqual(list(found[name]), [r.message.get(name) for r in messages])
        self.assertEqual(found.metadata, next(tcpinfo.Reader(ARCHIVE)).metadata)
        self.assertEqual(found.id, messages[0].message.id)
        # What next() has returned is not returned again; metadata is known all the same.
        with tcpinfo.Reader(ARCHIVE) as reader:
            next(reader)
            self.assertEqual(list(reader.columns(["rtt_us"])["rtt_us"]), list(found["rtt_us"]))
        with tcpinfo.Reader(ARCHIVE) as reader:
            next(reader), next(reader)
            rest = reader.columns(["rtt_us"])
        self.assertEqual(list(rest["rtt_us"]), list(found["rtt_us"])[1:])
        self.assertEqual((rest.metadata, rest.id), (found.metadata, found.id))
        # The first row is made here, all others by the library.
        lines = ARCHIVE.read_bytes().splitlines(keepends=True)
        every = [one for one in tcpinfo.FIELDS.values() if one.is_number]
        data = bytearray(messages[0].message.data)
        # tcpi_min_rtt of tcp_info.
        at = data.index(base64.b64decode(json.loads(lines[1])["Attributes"][2])) + 148
        data[at:at + 4] = struct.pack("=I", 0xffffffff)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x"
            with tcpinfo.Writer(path, plain=True) as writer:
                writer.write(bytes(data), messages[0].time_ns)
            twice = lines[1] * 2 + path.read_bytes() * 2
        for keep in (False, True):
            for text in (twice[:2 * len(lines[1])], twice[2 * len(lines[1]):]):
                same = tcpinfo.columns(memoryview(text), every, keep_sentinels=keep)
                self.assertEqual(same.times_ns[0], same.times_ns[1])
                for name, one in same.items():
                    self.assertEqual((one.values[0], one.present[0]),
                                     (one.values[1], one.present[1]), name)
            self.assertEqual(list(same["min_rtt_us"]), [0xffffffff if keep else None] * 2)
            self.assertIsNone(same.metadata)
        # No time, no field.
        text = re.sub(rb'"Timestamp":"[^"]*"', b'"Timestamp":"0001-01-01T00:00:00Z"', lines[1])
        untold = tcpinfo.columns(memoryview(text * 2), [])
        self.assertEqual((list(untold), list(untold.times_ns)), ([], [-2**63] * 2))
        # Of the other byte order: each record is a fault.
        told = json.loads(lines[0])
        told["Metadata"]["ByteOrder"] = "big" if sys.byteorder == "little" else "little"
        faults: list[Exception] = []
        turned = tcpinfo.columns(memoryview(json.dumps(told).encode() + b"\n" + lines[1] * 3),
                                 ["rtt_us"], on_fault=faults.append)
        self.assertEqual((len(turned["rtt_us"]), turned.id), (0, None))
        self.assertEqual([(one.code, one.line) for one in faults],
                         [(-11003, 2), (-11003, 3), (-11003, 4)])
        # More than the library reads at once.
        many = b"".join(ARCHIVE.read_bytes().splitlines(keepends=True)[1:]) * 60
        long = tcpinfo.columns(memoryview(many), ["rtt_us"])
        self.assertEqual(list(long["rtt_us"]), list(found["rtt_us"]) * 60)
        self.assertGreater(len(long.times_ns), 2 * 4096)

    def test_columns(self) -> None:
        self.check_columns()

    def test_arrow(self) -> None:
        wanted = tcpinfo.columns(ARCHIVE, ["rtt_us", "cookie"])
        stream = tcpinfo.Reader(ARCHIVE).arrow(["rtt_us", tcpinfo.field("cong"), "cookie"],
                                               batch_rows=3)
        names, batches = arrow_batches(stream)
        self.assertEqual(names, ["uuid", "timestamp", "poll", "ended", "rtt_us", "cong", "cookie"])
        self.assertTrue(all(0 < length <= 3 for length, _ in batches))
        self.assertEqual([n for _, columns in batches for n in columns[1]], list(wanted.times_ns))
        self.assertEqual([n for _, columns in batches for n in columns[6]],
                         list(wanted["cookie"].values))
        with self.assertRaises(ValueError):
            stream.__arrow_c_stream__()
        names, batches = arrow_batches(tcpinfo.Reader(ARCHIVE).arrow())
        self.assertEqual(names[4:], list(tcpinfo.FIELDS))
        with self.assertRaises(KeyError):
            tcpinfo.Reader(ARCHIVE).arrow(["nothing"])
        for taker in (tcpinfo.Reader.arrow, tcpinfo.Reader.columns):
            with self.assertRaisesRegex(TypeError, r"\['info.rtt'\]"):
                taker(tcpinfo.Reader(ARCHIVE), "info.rtt")
        with self.assertRaises(ValueError):
            tcpinfo.Reader(ARCHIVE).arrow([])
        with self.assertRaises(ValueError):
            tcpinfo.Reader(ARCHIVE).arrow(batch_rows=-1)

    def test_arrow_faults(self) -> None:
        lines = ARCHIVE.read_bytes().splitlines(keepends=True)
        damaged = memoryview(b"".join(lines[:3] + [b"nonsense\n"] + lines[3:]))
        with self.assertRaises(OSError) as ended:
            arrow_batches(tcpinfo.Reader(damaged).arrow(["rtt_us"]))
        self.assertRegex(str(ended.exception), "line 4: .")
        faults: list[Exception] = []
        reader = tcpinfo.Reader(damaged, faults.append)
        stream = reader.arrow(["rtt_us"])
        self.assertTrue(reader.closed)
        del reader, damaged
        gc.collect()
        _, batches = arrow_batches(stream)
        self.assertEqual(sum(length for length, _ in batches), len(lines) - 1)
        self.assertEqual([str(fault) for fault in faults], ["<memory>:4: not a JSON record"])

    def test_arrow_is_released(self) -> None:
        reader = tcpinfo.Reader(memoryview(ARCHIVE.read_bytes()), print)
        stream = reader.arrow()
        self.assertEqual(len(_arrow._kept), 1)
        del stream
        gc.collect()
        self.assertEqual(len(_arrow._kept), 0)
        capsule = tcpinfo.Reader(ARCHIVE).arrow().__arrow_c_stream__()
        gc.collect()
        self.assertEqual((len(_arrow._kept), len(_arrow._structs)), (1, 1))
        del capsule
        gc.collect()
        self.assertEqual((len(_arrow._kept), len(_arrow._structs)), (0, 0))

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

    def test_names(self) -> None:
        def parts(path: object) -> tuple[object, ...]:
            return dataclasses.astuple(tcpinfo.parse_archive_name(path))  # type: ignore[arg-type]

        self.assertEqual(parts("/x/2019/04/02/a.b_0.00183.jsonl.zst"), ("a.b_0", 183, True, False))
        self.assertEqual(parts(Path("a.00000.jsonl")), ("a", 0, False, False))
        self.assertEqual(parts(b"a.123456.jsonl.zst.part"), ("a", 123456, True, True))
        self.assertEqual(parts("a.18446744073709551615.jsonl.part"), ("a", 2**64 - 1, False, True))
        longest = "u" * (255 - len(".18446744073709551615.jsonl.zst.part"))
        self.assertEqual(parts(longest + ".00000.jsonl"), (longest, 0, False, False))
        bad = ["", "a", "a.jsonl", "a.00000", "a.0000.jsonl", "a.000000.jsonl", "a.0000x.jsonl",
               "a.-0001.jsonl", "a.18446744073709551616.jsonl", "a.00000.json.zst",
               "a.00000.jsonl.gz", "a.00000.jsonl.zst/", "a.00000.jsonl.part.zst",
               "a.00000.jsonl.zst.part.damaged", "a.00000.jsonl\n", "a.\u0660\u0660000.jsonl"]
        names = [".00000.jsonl", "..00000.jsonl", "...00000.jsonl", "a\n.00000.jsonl",
                 "a\x85.00000.jsonl", "a\x7f.00000.jsonl", longest + "u.00000.jsonl",
                 b"a\xff.00000.jsonl"]
        for code, wrong in ((-10008, bad), (-10017, names)):
            for name in wrong:
                with self.assertRaises(tcpinfo.Error, msg=name) as refused:
                    parts(name)
                self.assertEqual(refused.exception.code, code, name)
                self.assertEqual(refused.exception.filename, os.fsdecode(name))

    def test_archives_of_a_folder(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            files = ["2019/04/02/a.00002.jsonl.zst", "2019/04/02/a.99999.jsonl.zst",
                     "2019/04/02/a.100000.jsonl", "2019/04/02/b.00000.jsonl",
                     "2019/04/10/a.100001.jsonl.zst"]
            partial = "2019/04/02/a.100000.jsonl.zst.part"
            others = ["2019/04/02/a.100000.jsonl.zst.part.damaged", "2019/04/02/notes.txt",
                      "2019/04/02/a.jsonl", "lock"]
            segments = ["2019/04/02/host.20190402T000000Z-1.0.0.tcpseg.zst",
                        "2019/04/10/host.20190410T000000Z-1.0.0.tcpseg.zst"]
            growing = "2019/04/10/host.20190410T000000Z-1.0.1.tcpseg.zst.part"
            others += ["2019/04/02/host.tcpseg", "2019/04/02/.tcpseg.zst",
                       "2019/04/02/host.tcpseg.zst.part.damaged"]
            for name in [*files, partial, *others, *segments, growing]:
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).touch()
            (top / "2019/04/10/c.00000.jsonl").mkdir()
            os.mkfifo(top / "2019/04/10/d.00000.jsonl")
            (top / "2019/04/10/e.00000.jsonl").symlink_to("nothing")
            (top / "2019/04/11").symlink_to("02")
            found = list(tcpinfo.archives(folder))
            self.assertEqual([path for path, _ in found], [top / name for name in files])
            self.assertEqual([name for path, name in found],
                             [tcpinfo.parse_archive_name(path) for path, _ in found])
            for given in (top, os.fsencode(folder)):
                self.assertEqual(list(tcpinfo.archives(given)), found)
            with_partial = list(tcpinfo.archives(folder, partial=True))
            self.assertEqual([one for one in with_partial if one not in found],
                             [(top / partial, tcpinfo.ArchiveName("a", 100000, True, True))])
            both = [*files[:4], segments[0], files[4], segments[1]]
            self.assertEqual(list(tcpinfo.files(folder)), [top / name for name in both])
            both.insert(both.index(files[2]) + 1, partial)
            self.assertEqual(set(tcpinfo.files(top, partial=True)),
                             {top / name for name in [*both, growing]})
            # By connection.
            self.assertEqual([name.sequence for name in sorted(name for _, name in found)],
                             [2, 99999, 100000, 100001, 0])
            with self.assertRaises(FileNotFoundError) as missing:
                list(tcpinfo.archives(top / "nowhere", on_fault=print))
            with self.assertRaises(FileNotFoundError):
                list(tcpinfo.files(top / "nowhere", on_fault=print))
            self.assertEqual(missing.exception.filename, str(top / "nowhere"))
            with self.assertRaises(NotADirectoryError):
                list(tcpinfo.archives(top / "lock"))
            # A day that is removed meanwhile, and what cannot be looked at.
            going = tcpinfo.archives(folder)
            next(going)
            (top / "2019/04/10/a.100001.jsonl.zst").rename(top / "kept")
            (top / "2019/04/10").rename(top / "2019/05")
            self.assertEqual([path.name for path, _ in going],
                             [Path(name).name for name in files[1:4]])
            (top / "2019/05/e.00000.jsonl").unlink()
            (top / "2019/05/e.00000.jsonl").symlink_to("e.00000.jsonl")
            with self.assertRaises(OSError) as loop:
                list(tcpinfo.archives(folder))
            faults: list[Exception] = []
            self.assertEqual(list(tcpinfo.archives(folder, on_fault=faults.append)), found[:4])
            self.assertEqual([str(one) for one in faults], [str(loop.exception)])
            self.assertEqual(loop.exception.filename, str(top / "2019/05/e.00000.jsonl"))

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
                                         ended_ns=record.ended_ns, carried=record.carried,
                                         thinned=record.thinned)
                self.assertEqual(path.read_bytes() == ARCHIVE.read_bytes(), plain)
                again = list(tcpinfo.Reader(path))
                self.assertEqual([r.message.data for r in again if r.message],
                                 [r.message.data for r in records if r.message])
                with self.assertRaises(FileExistsError):
                    tcpinfo.Writer(path)


class Segments(unittest.TestCase):
    def test_records_are_those_of_the_archives(self) -> None:
        names = ["kernel618_1.jsonl", "kernel618_4.jsonl"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "host.tcpseg.zst"
            subprocess.run([os.environ["TCPINFO_MAKE_SEGMENT"], "--block", "50", "--by-turns",
                            GOLDEN, path, *(GOLDEN / name for name in names)], check=True)
            got: dict[str, list[tcpinfo.Record]] = {name: [] for name in names}
            begun: dict[str, int] = dict.fromkeys(names, 0)
            latest = None
            with tcpinfo.Reader(path) as reader:
                self.assertFalse(reader.is_segment)
                for record in reader:
                    self.assertTrue(record.begins_archive or record.archive == latest)
                    self.assertEqual(record.line, reader.line_number)
                    latest = record.archive
                    assert latest is not None
                    begun[latest] += record.begins_archive
                    self.assertEqual(record.goes_on,
                                     record.begins_archive and begun[latest] > 1)
                    if not record.goes_on or record.metadata is None:
                        got[latest].append(record)
                self.assertTrue(reader.is_segment)
                self.assertEqual(reader.missing_records, 0)
            self.assertGreater(begun[names[0]], 2)
            wanted = {name: list(tcpinfo.Reader(GOLDEN / name)) for name in names}
            for name in names:
                self.assertEqual([self.content(one) for one in got[name]],
                                 [self.content(one) for one in wanted[name]])
            columns = tcpinfo.columns(path, ["cookie", "rtt_us"])
            pairs = sorted((one.message.id.cookie, one.message.get("rtt_us") or 0)
                           for records in wanted.values() for one in records if one.message)
            self.assertEqual(sorted(zip((int(v) for v in columns["cookie"].values),
                                        (int(v) for v in columns["rtt_us"].values))), pairs)
            self.assertEqual(columns.metadata.uuid,
                             next(tcpinfo.Reader(path)).metadata.uuid)
            # Damage is told, and costs the records of its block.
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0x20
            faults: list[Exception] = []
            with tcpinfo.Reader(memoryview(bytes(data)), faults.append) as reader:
                rest = [one for one in reader if one.message]
                self.assertEqual(reader.missing_records, len(pairs) - len(rest))
            self.assertEqual(len(faults), 1)
            self.assertLess(len(rest), len(pairs))
        with tcpinfo.Reader(ARCHIVE) as reader:
            records = list(reader)
            self.assertFalse(reader.is_segment)
        self.assertEqual({(one.archive, one.begins_archive, one.goes_on) for one in records},
                         {(None, False, False)})

    def test_columns_are_those_of_the_records(self) -> None:
        names = ["kernel618_1.jsonl", "kernel618_4.jsonl"]
        rtt, cookie, far = (2, 68, 4), (tcpinfo.HEAD, 44, 8), (2, 60000, 8)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "host.tcpseg.zst"
            subprocess.run([os.environ["TCPINFO_MAKE_SEGMENT"], "--block", "50", "--by-turns",
                            GOLDEN, path, *(GOLDEN / name for name in names)], check=True)
            got: dict[str, list[tuple[int, ...]]] = {name: [] for name in names}
            seen: set[str | None] = set()
            with tcpinfo.Segment(path) as segment:
                for one in segment.columns([rtt, cookie, far]):
                    self.assertEqual(one.goes_on, one.archive in seen)
                    seen.add(one.archive)
                    self.assertEqual(one.metadata, next(tcpinfo.Reader(GOLDEN / one.archive))
                                     .metadata)
                    self.assertEqual(one.lines, 0)
                    self.assertEqual([len(c) for c in one.columns], [len(one.times_ns)] * 3)
                    # Whether the field is there, and no more of what is not.
                    self.assertFalse(any(one.columns[2].present))
                    self.assertTrue(all(one.columns[1].present))
                    got[one.archive] += zip(
                        map(int, one.times_ns),
                        (None if p == 2**64 - 1 else int(p) for p in one.polls),
                        *(map(int, c.values) for c in one.columns[:2]), one.columns[0])
                records = segment.record_number
            for name in names:
                wanted = []
                for record in tcpinfo.Reader(GOLDEN / name):
                    if record.message:
                        told = record.message.get("rtt_us")
                        wanted.append((record.time_ns, record.poll, told or 0,
                                       record.message.id.cookie, told))
                self.assertEqual(got[name], wanted)
                records -= len(wanted)
            self.assertEqual(records, 0)
            # Damage is told or raised, and costs the records of its block.
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0x20
            faults: list[Exception] = []
            with tcpinfo.Segment(memoryview(bytes(data)), faults.append) as segment:
                rest = sum(len(one.times_ns) for one in segment.columns([]))
                self.assertEqual(segment.missing_records, sum(map(len, got.values())) - rest)
            self.assertEqual(len(faults), 1)
            with tcpinfo.Segment(memoryview(bytes(data))) as segment:
                columns = segment.columns([])
                with self.assertRaises(tcpinfo.Error):
                    rest -= sum(len(one.times_ns) for one in columns)
                self.assertGreater(sum(len(one.times_ns) for one in columns), 0)
                with self.assertRaises(tcpinfo.Error):
                    next(segment.summaries())
            # Others are wanted within a block: they come with the next one.
            with tcpinfo.Segment(path) as segment:
                before = next(segment.columns([rtt]))
                counts = [len(one.columns) for one in segment.columns([rtt, cookie, far])]
                self.assertEqual((len(before.columns), counts[0], counts[-1]), (1, 1, 3))
                self.assertEqual(set(counts), {1, 3})
                with self.assertRaises(tcpinfo.Error):
                    segment.columns([(2, 0, 3)])
                for wrong in ((2, 65536 + 68, 4), (2, 68, 65536 + 4), (-1, 44, 8), (2, 68)):
                    with self.assertRaises(ValueError):
                        segment.columns([wrong])
        with self.assertRaises(FileNotFoundError):
            tcpinfo.Segment("/nowhere/x")
        with self.assertRaises(tcpinfo.Error) as archive:
            next(tcpinfo.Segment(ARCHIVE).summaries())
        self.assertEqual(archive.exception.filename, str(ARCHIVE))

    def test_summaries_are_those_of_the_golden_text(self) -> None:
        golden = GOLDEN.parent / "segments/version_1_summaries"
        lines = golden.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
        begin = next(i for i, line in enumerate(lines) if line.startswith("~"))
        got = []
        with tcpinfo.Segment(golden.with_suffix(".tcpseg.zst")) as segment:
            for one in segment.summaries():
                got.append(("~+ " if one.goes_on else "~ ") + (one.archive or ""))
                if one.metadata:
                    got.append(one.metadata.uuid)
                got += [f"{field}: {value}" for field, value in one.values.items()]
                got += [f"{low} to {high} us: {count}" for low, high, count in one.rtts]
                got += [one.congestion_control] if one.congestion_control else []
        self.assertEqual(got, [json.loads(line)["Metadata"]["UUID"] if line.startswith("{")
                               else line for line in lines[begin:]])
        with tcpinfo.Segment(golden.parent / "version_1.tcpseg.zst") as segment:
            self.assertEqual(list(segment.summaries()), [])
            self.assertGreater(segment.record_number, 0)

    @staticmethod
    def content(record: tcpinfo.Record) -> tuple[object, ...]:
        return (record.time_ns, record.message and record.message.data, record.metadata,
                record.poll, record.ended_ns, record.carried)


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
            owned = {"Event": 1, "Timestamp": "2026-11-22T10:26:03Z", "UUID": "u", "ID": None,
                     "Cgroup": "/a", "Owner": "io", "Pid": "7", "Comm": "b", "Executable": "/c"}
            server.sendall(text + json.dumps(owned).encode() + b"\nnonsense\n")
            server.close()
            got = [next(events) for _ in wanted]
            told = next(events)
            self.assertEqual((told.cgroup, told.owner, told.pid, told.comm, told.executable),
                             ("/a", "io", "7", "b", "/c"))
            with self.assertRaises(tcpinfo.Error):
                next(events)
            self.assertEqual(list(events), [])
            events.close()
        for event, line in zip(got, wanted):
            self.assertEqual((event.kind, event.uuid), (line["Event"], line["UUID"]))
            self.assertIsNone(event.owner)
            self.assertEqual(event.time_ns, nanoseconds(line["Timestamp"]))
            if line.get("ID"):
                self.assertEqual((str(event.id.src), event.id.sport, event.id.cookie),
                                 (line["ID"]["SrcIP"], line["ID"]["SPort"], line["ID"]["Cookie"]))
            else:
                self.assertIsNone(event.id)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
