"""Packets of the milter protocol: four octets of length, one octet that names the kind, the rest.

There is no standard: what Sendmail's libmilter does (``mfdef.h``) is the protocol. Integers are in network order, texts
end with NUL. The length counts the kind, and is bounded here, once, for whatever a milter says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LENGTH_OCTETS = 4
PACKET_OCTETS_MAX = 128 * 1024
"""Of a milter's: libmilter sends at most 64 KiB in one, and a little for what stands around it."""


class RemoteProtocolError(Exception):
    """The milter broke the protocol; the text says how. Nothing more can be read from it."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One of them. kind: one octet."""

    kind: bytes
    payload: bytes = b""

    def octets(self) -> bytes:
        """As it goes over the wire."""
        return (len(self.payload) + 1).to_bytes(LENGTH_OCTETS) + self.kind + self.payload


class PacketReader:
    """Octets in, packets out, however the octets are cut. It holds one packet that is not whole, and what follows."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    def receive(self, octets: bytes) -> None:
        """Octets that came."""
        self._held += octets

    def next_packet(self) -> Packet | None:
        """The next one, once it is whole. Raises RemoteProtocolError."""
        held = self._held
        if len(held) < LENGTH_OCTETS:
            return None
        length = int.from_bytes(held[:LENGTH_OCTETS])
        if not 1 <= length <= PACKET_OCTETS_MAX:
            raise RemoteProtocolError(f"a packet of {length} octets")
        end = LENGTH_OCTETS + length
        if len(held) < end:
            return None
        packet = Packet(bytes(held[LENGTH_OCTETS : LENGTH_OCTETS + 1]), bytes(held[LENGTH_OCTETS + 1 : end]))
        del held[:end]
        return packet


def texts(*given: bytes) -> bytes:
    """Each of *given*, ended with NUL, which none of them holds."""
    assert not any(b"\0" in text for text in given)
    return b"".join(text + b"\0" for text in given)


def texts_of(payload: bytes) -> Sequence[bytes]:
    """The texts that *payload* is made of. Raises RemoteProtocolError where the last one has no end."""
    *found, rest = payload.split(b"\0")
    if rest:
        raise RemoteProtocolError("a text without its end")
    return found
