"""A header section as a milter sees and changes it.

Fields are counted as Sendmail and Postfix count them: a field is changed by its place among those of its name that the
milter was told of, as the section is at that moment; it is inserted at a place among all of them, those included that
the milter was not told of, which stand in front (our own Received).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from momentum_trio.protocol.milter.reply import AddHeader, ChangeHeader, InsertHeader

_FIELD_END = re.compile(rb"(?<=\n)(?![ \t])")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BLANKS = b" \t"


class _Field(NamedTuple):
    """name: in lower case; empty for a line that is no field."""

    octets: bytes
    name: bytes
    is_told: bool = True


class HeaderFields:
    """The fields of one section, each with its CRLF.

    hidden: of the first of them a milter is told nothing. leading_space: the blank behind the colon is a part of a
    value (SMFIP_HDR_LEADSPC); otherwise one is taken off what is told, and put before what is given.
    """

    def __init__(self, section: bytes, hidden: int, *, leading_space: bool = False) -> None:
        fields = (field for field in _FIELD_END.split(section) if field)
        self._fields = [_Field(field, _name_of(field), place >= hidden) for place, field in enumerate(fields)]
        self._leading_space = leading_space

    def told(self) -> Iterator[tuple[bytes, bytes]]:
        """Name and value of each that a milter is told of. A line that is no field is passed over."""
        for field in self._fields:
            if not field.name or not field.is_told:
                continue
            name, _, value = field.octets.partition(b":")
            value = value.removesuffix(b"\n").removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\0", b"?")
            yield name.rstrip(_BLANKS).replace(b"\0", b"?"), value if self._leading_space else value.removeprefix(b" ")

    def change(self, change: AddHeader | InsertHeader | ChangeHeader) -> None:
        """Make *change*."""
        field = self._field(change.name, change.value)
        match change:
            case AddHeader():
                self._fields.append(field)
            case InsertHeader():
                self._fields.insert(change.index, field)
            case ChangeHeader():
                place = self._place(change.name.lower(), max(change.index, 1))
                if place is not None:
                    self._fields[place : place + 1] = [field] if change.value else []
                elif change.value:
                    self._fields.append(field)

    def _place(self, name: bytes, index: int) -> int | None:
        """Where the *index*-th of *name* stands that the milter knows of."""
        for place, field in enumerate(self._fields):
            if field.name == name and field.is_told:
                index -= 1
                if not index:
                    return place
        return None

    def _field(self, name: bytes, value: bytes) -> _Field:
        """A field of lines that are its own: none begins another, and none is empty."""
        first, *others = _LINE_END.split(value.replace(b"\0", b"?"))
        lines = [line if line[:1] in (b" ", b"\t") else b"\t" + line for line in others if line.strip(_BLANKS)]
        opening = name + (b":" if self._leading_space else b": ")
        return _Field(b"\r\n".join((opening + first, *lines)) + b"\r\n", name.lower())

    def section(self) -> bytes:
        """The header section with all changes made."""
        return b"".join(field.octets for field in self._fields)


def _name_of(field: bytes) -> bytes:
    name, colon, _ = field.partition(b":")
    return name.rstrip(_BLANKS).lower() if colon else b""
