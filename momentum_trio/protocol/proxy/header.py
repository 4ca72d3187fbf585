"""The header of the PROXY protocol: what a proxy says about a connection before anything else, in either version.

    reader = Reader()
    while (wanted := reader.wanted):
        reader.receive(socket.recv(wanted))
    reader.outcome                                  # Header, or Malformed

It never wants octets beyond the header, since what follows may be TLS.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from momentum_trio.net.netblock import Address

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
V1_OCTETS_MAX: Final = 107  # section 2.1
V1_OCTETS_MIN: Final = len(b"PROXY UNKNOWN\r\n")
V2_OCTETS: Final = 16  # of the fixed part, section 2.2
V2_REST_MAX: Final = 4096
"""Of what follows the fixed part: addresses, and TLVs that nobody reads."""

_BEGINNING = b"PROXY "
_V1 = re.compile(rb"PROXY (TCP[46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n")
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_LOCAL, _PROXY = 0, 1
_UNSPEC, _INET, _INET6, _UNIX = 0, 1, 2, 3
_STREAM = 1
_ADDRESS_OCTETS = {_INET: 4, _INET6: 16}
_UNIX_OCTETS = 216


class End(NamedTuple):
    """One end of a connection; an IPv4 address in IPv6 is itself."""

    address: Address
    port: int


class Header(NamedTuple):
    """What a proxy says. client: who connected to it; local: where. Both None: it speaks for itself (a health check),
    or for somebody it has no address of."""

    client: End | None = None
    local: End | None = None


class Malformed(NamedTuple):
    """It is no header. why: for the log."""

    why: str


class Reader:
    """Octets in, an outcome out. wanted: how many octets may be received next; 0 when there is an outcome."""

    __slots__ = ("_held", "outcome", "wanted")

    def __init__(self) -> None:
        self._held = b""
        self.outcome: Header | Malformed | None = None
        self.wanted = V1_OCTETS_MIN

    def receive(self, octets: bytes) -> None:
        """Take the next octets, at most as many as are wanted; empty: there are no more."""
        assert len(octets) <= self.wanted
        self._held += octets
        if not octets:
            self._end(Malformed("it ends before its end"))
        elif len(octets) < self.wanted:
            self.wanted -= len(octets)
            self._reject_early()
        elif self._held.startswith(SIGNATURE):
            self._version_2()
        else:
            self._version_1()

    def _reject_early(self) -> None:
        """What cannot become a header is not waited for."""
        if not (self._held[: len(_BEGINNING)] == _BEGINNING[: len(self._held)] or _begins(self._held, SIGNATURE)):
            self._end(Malformed("it begins like none"))

    def _version_1(self) -> None:
        held = self._held
        if not held.startswith(_BEGINNING):
            self._end(Malformed("it begins like none"))
        elif held.endswith(b"\r\n"):
            self._end(_parsed_v1(held))
        elif len(held) >= V1_OCTETS_MAX or b"\n" in held:
            self._end(Malformed("its line does not end"))
        else:
            self.wanted = 1 if held.endswith(b"\r") or len(held) == V1_OCTETS_MAX - 1 else 2

    def _version_2(self) -> None:
        held = self._held
        if len(held) < V2_OCTETS:
            self.wanted = V2_OCTETS - len(held)
            return
        rest = int.from_bytes(held[14:16])
        if rest > V2_REST_MAX:
            self._end(Malformed(f"it announces {rest} octets"))
        elif len(held) < V2_OCTETS + rest:
            self.wanted = V2_OCTETS + rest - len(held)
        else:
            self._end(_parsed_v2(held))

    def _end(self, outcome: Header | Malformed) -> None:
        self.outcome = outcome
        self.wanted = 0


def _begins(one: bytes, other: bytes) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _parsed_v1(line: bytes) -> Header | Malformed:
    if _V1_UNKNOWN.fullmatch(line):
        return Header()
    if not (match := _V1.fullmatch(line)):
        return Malformed("a line of version 1 that is none")
    make = IPv4Address if match[1] == b"TCP4" else IPv6Address
    ports = int(match[4]), int(match[5])
    if max(ports) > 65535:
        return Malformed("a port that is none")
    try:
        ends = [_end_of(make(match[place].decode()), port) for place, port in zip((2, 3), ports, strict=True)]
    except ValueError:
        return Malformed("an address that is none")
    return Header(*ends)


def _parsed_v2(octets: bytes) -> Header | Malformed:
    version, command = octets[12] >> 4, octets[12] & 15
    family, transport = octets[13] >> 4, octets[13] & 15
    rest = octets[V2_OCTETS:]
    if version != 2 or command not in (_LOCAL, _PROXY):
        return Malformed("a version or command that is not known")
    if command == _LOCAL or octets[13] == _UNSPEC:
        return Header()
    if transport != _STREAM:
        return Malformed("a transport that is no stream")
    if family == _UNIX and len(rest) >= _UNIX_OCTETS:
        return Header()
    size = _ADDRESS_OCTETS.get(family, 0)
    if not size or len(rest) < 2 * size + 4:
        return Malformed("a family that is not known, or too short for its addresses")
    make = IPv4Address if family == _INET else IPv6Address
    ports = int.from_bytes(rest[2 * size : 2 * size + 2]), int.from_bytes(rest[2 * size + 2 : 2 * size + 4])
    return Header(_end_of(make(rest[:size]), ports[0]), _end_of(make(rest[size : 2 * size]), ports[1]))


def _end_of(address: Address, port: int) -> End:
    return End(getattr(address, "ipv4_mapped", None) or address, port)
