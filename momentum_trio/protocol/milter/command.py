"""What a mail server tells a milter: one value a command, and how each goes over the wire (SMFIC_*)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from momentum_trio.protocol.milter.negotiation import NO_STEPS, Stage, Steps
from momentum_trio.protocol.milter.packet import Packet, texts

CHUNK_OCTETS: Final = 65535
"""Of the body, in one command (MILTER_CHUNK_SIZE)."""

VALUE_OCTETS_MAX: Final = 60 * 1024
"""Of a header field's value, which has to fit into one packet of libmilter's; what is longer is told in part."""

MACROS: Final = b"D"  # SMFIC_MACRO


class Family(Enum):
    """SMFIA_*: what kind of address a client has."""

    UNKNOWN = b"U"
    UNIX = b"L"
    INET = b"4"
    INET6 = b"6"


class Command:
    """Base of all."""

    __slots__ = ()

    def payload(self) -> bytes:
        """What stands behind the kind."""
        return b""


@dataclass(frozen=True, slots=True)
class Connect(Command):
    """A client has connected. hostname: his; ``unknown`` where nobody looked it up. port: 0 for a Unix peer."""

    hostname: bytes
    family: Family
    port: int = 0
    address: bytes = b""

    def payload(self) -> bytes:
        """As Command's."""
        where = b"" if self.family is Family.UNKNOWN else self.port.to_bytes(2) + texts(self.address)
        return texts(self.hostname) + self.family.value + where


@dataclass(frozen=True, slots=True)
class Hello(Command):
    """EHLO or HELO: what he calls himself."""

    name: bytes

    def payload(self) -> bytes:
        """As Command's."""
        return texts(self.name)


@dataclass(frozen=True, slots=True)
class Mail(Command):
    """MAIL. path: in brackets. parameters: ``BODY=8BITMIME``, each by itself."""

    path: bytes
    parameters: Sequence[bytes] = ()

    def payload(self) -> bytes:
        """As Command's."""
        return texts(self.path, *self.parameters)


@dataclass(frozen=True, slots=True)
class Rcpt(Command):
    """RCPT, of a recipient who is taken by everybody else. path, parameters: as those of Mail."""

    path: bytes
    parameters: Sequence[bytes] = ()

    def payload(self) -> bytes:
        """As Command's."""
        return texts(self.path, *self.parameters)


@dataclass(frozen=True, slots=True)
class Data(Command):
    """The content begins."""


@dataclass(frozen=True, slots=True)
class HeaderField(Command):
    """One field of the header section. value: its lines are divided by LF alone."""

    name: bytes
    value: bytes

    def payload(self) -> bytes:
        """As Command's."""
        return texts(self.name, self.value)


@dataclass(frozen=True, slots=True)
class EndOfHeader(Command):
    """The header section is over."""


@dataclass(frozen=True, slots=True)
class Body(Command):
    """Some of the body, at most CHUNK_OCTETS."""

    octets: bytes

    def payload(self) -> bytes:
        """As Command's."""
        assert len(self.octets) <= CHUNK_OCTETS
        return self.octets


@dataclass(frozen=True, slots=True)
class EndOfContent(Command):
    """That was all of it: changes are made now, and the last word is said."""


@dataclass(frozen=True, slots=True)
class Abort(Command):
    """The mail transaction is over before its end. It is not answered."""


@dataclass(frozen=True, slots=True)
class Quit(Command):
    """The session is over. It is not answered."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one command is told. unwanted: the step that leaves it out; mute: the one by which nobody answers it.

    stage: whose macros go in front of it. answered: by anybody at all.
    """

    kind: bytes
    unwanted: Steps = NO_STEPS
    mute: Steps = NO_STEPS
    stage: Stage | None = None
    answered: bool = True


MANNERS: Final[Mapping[type[Command], Manner]] = MappingProxyType(
    {
        Connect: Manner(b"C", Steps.NO_CONNECT, Steps.MUTE_CONNECT, Stage.CONNECT),
        Hello: Manner(b"H", Steps.NO_HELLO, Steps.MUTE_HELLO, Stage.HELLO),
        Mail: Manner(b"M", Steps.NO_MAIL, Steps.MUTE_MAIL, Stage.MAIL),
        Rcpt: Manner(b"R", Steps.NO_RCPT, Steps.MUTE_RCPT, Stage.RCPT),
        Data: Manner(b"T", Steps.NO_DATA, Steps.MUTE_DATA, Stage.DATA),
        HeaderField: Manner(b"L", Steps.NO_HEADERS, Steps.MUTE_HEADER),
        EndOfHeader: Manner(b"N", Steps.NO_END_OF_HEADER, Steps.MUTE_END_OF_HEADER, Stage.END_OF_HEADER),
        Body: Manner(b"B", Steps.NO_BODY, Steps.MUTE_BODY),
        EndOfContent: Manner(b"E", stage=Stage.END_OF_CONTENT),
        Abort: Manner(b"A", answered=False),
        Quit: Manner(b"Q", answered=False),
    }
)


def packet_of(command: Command) -> Packet:
    """*command* as it goes over the wire to a milter."""
    return Packet(MANNERS[type(command)].kind, command.payload())


def macros_packet(kind: bytes, macros: Mapping[str, str]) -> Packet:
    """*macros*, for the command of *kind* that follows."""
    pairs = (text.replace("\0", "?").encode("utf-8", "replace") for pair in macros.items() for text in pair)
    return Packet(MACROS, kind + texts(*pairs))
