"""Journals of series: how often something has happened of each address in one interval (docs/protocols/series.md).

A file has one journal, ``SERIES.YYYYMMDDThhmmss``, named by the moment at which its interval ends, or all of a day,
``SERIES.YYYYMMDD.gz``. Each journal ends in a line of its own, so that one that was cut off is not taken for whole.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import NamedTuple, TypeAlias

from momentum_trio.net.netblock import parse_address
from momentum_trio.protocol.series.moment import DAY_SECONDS, day_text, moment_text, second_of

MAGIC, END = "momentum-series 1", "."
SERIES_LENGTH_MAX = 64
COUNT_MAX = 2**63 - 1
COUNT_DIGITS_MAX = 19
CONTENT_OCTETS_MAX = 32 * 1024 * 1024
"""Of one file, as it is and decompressed."""
COUNTS_MAX = 400_000
"""Of one journal: so many fit into a file."""
HOSTS_MAX = 1_000_000
"""Addresses of which a reader remembers how they are written."""

Host: TypeAlias = tuple[int, int]
"""An address: 4 or 6, and its number."""

_SERIES = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
_NAME = re.compile(rf"({_SERIES})\.(?:([0-9]{{8}}T[0-9]{{6}})|([0-9]{{8}})\.gz)")
_HEAD = re.compile(rf"{MAGIC} ({_SERIES}) ([0-9]{{8}}T[0-9]{{6}}) ([0-9]{{8}}T[0-9]{{6}})")


def is_series(word: str) -> bool:
    """Whether *word* may be the name of a series."""
    return re.fullmatch(_SERIES, word) is not None


@dataclass(frozen=True, slots=True)
class Journal:
    """One. begin, end: of its interval, Unix seconds: after the one, up to and with the other."""

    series: str
    begin: int
    end: int
    counts: Mapping[Host, int]

    @property
    def file_name(self) -> str:
        """As its file is called."""
        return f"{self.series}.{moment_text(self.end)}"


class FileName(NamedTuple):
    """What the name of a file says. begin, end: every interval in it ends after the one, and not after the other."""

    text: str
    series: str
    begin: int
    end: int
    is_day: bool

    @property
    def day(self) -> int:
        """The first second of the day that its last interval belongs to."""
        return (self.end - 1) // DAY_SECONDS * DAY_SECONDS


def file_name(text: str) -> FileName | None:
    """What *text*, the name of a file, says; None: it holds no journal."""
    if (match := _NAME.fullmatch(text)) is None:
        return None
    try:
        second = second_of(match[2] or match[3])
    except ValueError:
        return None
    if match[2]:
        return FileName(text, match[1], second - 1, second, False)
    return FileName(text, match[1], second, second + DAY_SECONDS, True)


def day_name(series: str, day: int) -> str:
    """The name of the file that has all of the day that begins at *day*."""
    return f"{series}.{day_text(day)}.gz"


def encode(journal: Journal) -> bytes:
    """*journal*, as a file has it."""
    head = f"{MAGIC} {journal.series} {moment_text(journal.begin)} {moment_text(journal.end)}"
    lines = [f"{_address(host)} {count}" for host, count in sorted(journal.counts.items()) if count]
    return "".join(f"{line}\n" for line in (head, *lines, END)).encode("ascii")


def _address(host: Host) -> str:
    version, number = host
    if version == 4:  # ten times as quick as by way of an object
        return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return str(IPv6Address(number))


def condense(journals: Iterable[Journal]) -> bytes:
    """*journals* of one day, as one file has them. Raises ValueError: they are too large for that."""
    content = b"".join(map(encode, journals))
    if len(content) > CONTENT_OCTETS_MAX:
        raise ValueError(f"more than {CONTENT_OCTETS_MAX} octets")
    packing = zlib.compressobj(wbits=31)  # as gzip does it
    return packing.compress(content) + packing.flush()


class Reader:
    """Reads files. It remembers addresses: they are the same ones in most of them."""

    def __init__(self) -> None:
        self._hosts: dict[str, Host] = {}

    def read(self, name: FileName, octets: bytes) -> Iterator[Journal]:
        """The journals of the file *name*. Raises ValueError: it is damaged, or no file of journals."""
        lines = (_unpacked(octets) if name.is_day else octets).decode("ascii").split("\n")
        if lines.pop() != "":
            raise ValueError("it is cut off")
        at = 0
        while at < len(lines):
            try:
                end = lines.index(END, at)
            except ValueError:
                raise ValueError("it is cut off") from None
            yield self._journal(name, lines[at], lines[at + 1 : end])
            at = end + 1

    def _journal(self, name: FileName, head: str, lines: list[str]) -> Journal:
        match = _HEAD.fullmatch(head)
        if match is None or match[1] != name.series:
            raise ValueError(f"a journal of {name.series} does not begin with '{head[:80]}'")
        begin, end = second_of(match[2]), second_of(match[3])
        if not begin < end or not name.begin < end <= name.end:
            raise ValueError("an interval that does not belong to it")
        if len(counts := dict(map(self._count, lines))) < len(lines):
            raise ValueError("an address twice")
        return Journal(name.series, begin, end, counts)

    def _count(self, line: str) -> tuple[Host, int]:
        address, _, digits = line.partition(" ")
        if not digits.isdigit() or len(digits) > COUNT_DIGITS_MAX or (count := int(digits)) > COUNT_MAX:
            raise ValueError(f"a line '{line[:80]}'")
        if (host := self._hosts.get(address)) is None:
            if len(self._hosts) >= HOSTS_MAX:
                self._hosts.clear()
            host = self._hosts[address] = host_of(address)
        return host, count


def host_of(text: str) -> Host:
    """The address *text*. Raises ValueError."""
    address = parse_address(text)
    return address.version, int(address)


def _unpacked(octets: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=31)
    try:
        content = unpacking.decompress(octets, CONTENT_OCTETS_MAX)
    except zlib.error as fault:
        raise ValueError(f"not compressed as it should be: {fault}") from None
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("compressed content that has another end")
    return content
