# SPDX-License-Identifier: Apache-2.0
"""Streams of Apache Arrow, for the programs that take them."""
from __future__ import annotations

import ctypes
import itertools
import weakref
from ctypes import byref, c_char_p, c_uint32, c_void_p, sizeof
from typing import Any

from ._native import (LIB, ArrowOptions, ArrowStreamStruct, FaultFunction, ReleaseFunction, checked)

_NAME = b"arrow_array_stream"
# What a stream of the library needs of Python, by its number, until it is released.
_kept: dict[int, Any] = {}
_numbers = itertools.count(1)
# Of our own: others who use ctypes.pythonapi may give its functions other types.
_new = ctypes.PYFUNCTYPE(ctypes.py_object, c_void_p, c_char_p, c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi))
_pointer = ctypes.PYFUNCTYPE(c_void_p, c_void_p, c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi))
# Structs that capsules point to, by their addresses.
_structs: dict[int, ArrowStreamStruct] = {}


@ReleaseFunction
def _released(number: int) -> None:
    _kept.pop(number, None)


@ctypes.PYFUNCTYPE(None, c_void_p)
def _end_capsule(capsule: int) -> None:
    struct = _structs.pop(_pointer(capsule, _NAME))
    if struct.release:  # nobody has taken the stream out
        struct.release(byref(struct))


class ArrowStream:
    """Records as a stream of Apache Arrow, once: what pyarrow, polars, DuckDB and others take as a
    table, by `__arrow_c_stream__`. It has the columns uuid, timestamp, poll, ended, and the fields.

        import pyarrow
        table = pyarrow.table(tcpinfo.Reader("a.tcpseg.zst").arrow(["info.rtt"]))
    """

    def __init__(self, handle: c_void_p, ids: list[int], rows: int, keep_sentinels: bool,
                 told: Any, needed: Any) -> None:
        """Of Reader.arrow(). `told`: gets result and line of each fault, or None; `needed`: is kept
        alive with the stream."""
        self._struct = ArrowStreamStruct()
        number = next(_numbers)

        def on_fault(_: int, result: int, line: int) -> int:
            try:
                told(result, line)
            except BaseException:  # which a callback of C cannot let out: it ends the stream
                return 1
            return 0
        callback = FaultFunction() if told is None else FaultFunction(on_fault)
        fields = (c_uint32 * len(ids))(*ids)
        options = ArrowOptions(sizeof(ArrowOptions), fields, len(ids), rows, callback, _released,
                               number, int(keep_sentinels), 0)
        checked(LIB.reader_arrow(handle, byref(options), byref(self._struct)))
        _kept[number] = (callback, needed)
        self._finalizer = weakref.finalize(self, _release, self._struct)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The stream in a capsule of Arrow's PyCapsule interface. It can be had once; the schema is
        what it is."""
        if self._finalizer.detach() is None:
            raise ValueError("the stream was given away")
        _structs[ctypes.addressof(self._struct)] = self._struct
        return _new(ctypes.addressof(self._struct), _NAME, ctypes.cast(_end_capsule, c_void_p))


def _release(struct: ArrowStreamStruct) -> None:
    if struct.release:
        struct.release(byref(struct))
