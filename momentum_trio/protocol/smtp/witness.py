"""A server whose conversation somebody takes down. Where nobody does there is ``Server`` alone, which asks nothing."""

from __future__ import annotations

from typing import Protocol

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.lines import TooLong
from momentum_trio.protocol.smtp.event import Event
from momentum_trio.protocol.smtp.server import Ending, Server
from momentum_trio.protocol.smtp.terms import Terms


class Witness(Protocol):
    """Who is told what was said, in the order in which the server takes and gives it. It neither blocks nor raises."""

    def line(self, octets: bytes) -> None:
        """A command line, without its CRLF."""
        ...

    def long_line(self, start: bytes, *, endless: bool) -> None:
        """A line beyond the bound; said again with *endless* when it does not end."""
        ...

    def content(self, octets: bytes, *, ended: bool) -> None:
        """Octets of content as sent. ended: the terminator is the last of them."""
        ...

    def left(self) -> None:
        """The client's octets ended without QUIT."""
        ...

    def reply(self, reply: Reply) -> None:
        """What the server said."""
        ...


class WitnessedServer(Server):
    """A ``Server``, and *witness* is told."""

    __slots__ = ("_witness",)

    def __init__(self, terms: Terms, witness: Witness) -> None:
        super().__init__(terms)
        self._witness = witness

    def _take(self, octets: bytes) -> None:
        content = self._content
        if content is None or content.ended:
            self._lines.receive(octets)
            return
        rest = content.receive(octets)
        self._witness.content(octets[: len(octets) - len(rest)], ended=content.ended)
        if rest:
            self._lines.receive(rest)

    def _command(self, line: bytes) -> Event | None:
        self._witness.line(line)
        return super()._command(line)

    def _too_long(self, line: TooLong) -> Event:
        self._witness.long_line(line.start, endless=line.endless)
        return super()._too_long(line)

    def _say(self, reply: Reply) -> None:
        self._witness.reply(reply)
        super()._say(reply)

    def _close(self, ending: Ending) -> None:
        if ending is Ending.LEFT:
            self._witness.left()
        super()._close(ending)
