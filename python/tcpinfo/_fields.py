# SPDX-License-Identifier: Apache-2.0
"""The table of fields."""
from __future__ import annotations

from ctypes import byref, sizeof
from dataclasses import dataclass
from types import MappingProxyType

from ._native import LIB, WRONG_TYPE, Error, FieldStruct, checked

TEXT, ADDRESS, BOOLEAN = 6, 7, 5


@dataclass(frozen=True)
class Field:
    """What is known about a field of a message.

    id: its number, which never changes
    group: 0: header; else the number of the attribute it stands in
    type: as tcpinfo_field_type of tcpinfo/c.h: 1 to 4 numbers, 5 boolean, 6 text, 7 address
    name: the kernel's, without tcpi_; unique in its group
    csv_name: with the unit; unique: the column of tables
    group_name: "header", "info", "skmeminfo" …
    unit: "us", "bytes", "segments" …; may be empty
    first_kernel: first mainline kernel that sends it
    meaning: one line of English
    sentinel: the value that means "never measured", "not set" or "unlimited"; None: no value does
    """

    id: int
    group: int
    type: int
    name: str
    csv_name: str
    group_name: str
    unit: str
    first_kernel: str
    meaning: str
    sentinel: int | None

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers (a boolean is 0 or 1)."""
        return self.type not in (TEXT, ADDRESS)


def _field_of(said: FieldStruct) -> Field:
    return Field(said.id, said.group, said.type,
                 *(getattr(said, name).decode("utf-8")
                   for name in ("name", "csv_name", "group_name", "unit_name", "first_kernel",
                                "meaning")),
                 said.sentinel if said.has_sentinel else None)


def _all_fields() -> dict[str, Field]:
    found = {}
    said = FieldStruct(size=sizeof(FieldStruct))
    for index in range(LIB.field_count()):
        checked(LIB.field_at(index, byref(said)))
        one = _field_of(said)
        found[one.csv_name] = one
    return found


#: All fields by csv_name, in the order of their places.
FIELDS = MappingProxyType(_all_fields())
_by_any_name = dict(FIELDS)
for _one in FIELDS.values():
    _by_any_name.setdefault(f"{_one.group_name}.{_one.name}", _one)


def field(name: str | Field) -> Field:
    """The field of that name, "rtt_us" or "info.rtt".

    Raises KeyError where there is none.
    """
    return name if isinstance(name, Field) else _by_any_name[name]


def number_field(name: str | Field, taker: str) -> Field:
    """field(), for one that takes numbers alone."""
    one = field(name)
    if not one.is_number:
        raise Error(WRONG_TYPE, f"field {name if isinstance(name, str) else name.csv_name} is "
                    f"{'a text' if one.type == TEXT else 'an address'}, {taker} takes numbers")
    return one
