"""What a server has to say to others, and which connections it wants closed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from momentum_trio.protocol.msgc.message import Message


class Outgoing(NamedTuple):
    """One message, to each of *peers*."""

    peers: tuple[str, ...]
    message: Message


class Cut(NamedTuple):
    """The connection to *peer* is to be closed; it may be made again."""

    peer: str
    why: str


class Outbox:
    """Taken whole, each thing once. to_ourselves: what the server *name* says to all of a view, itself too."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.to_ourselves: deque[Message] = deque()
        self._messages: list[Outgoing] = []
        self._cuts: list[Cut] = []

    def send(self, peer: str, message: Message) -> None:
        """*message* to *peer*, which may be ourselves."""
        if peer == self.name:
            self.to_ourselves.append(message)
        else:
            self._messages.append(Outgoing((peer,), message))

    def send_all(self, peers: Iterable[str], message: Message) -> None:
        """*message* to each of *peers*, others than ourselves."""
        if to := tuple(peers):
            self._messages.append(Outgoing(to, message))

    def cut(self, peer: str, why: str) -> None:
        """The connection to *peer* is to be closed, after what is for it was sent."""
        self._cuts.append(Cut(peer, why))

    def take_messages(self) -> list[Outgoing]:
        """All messages to others."""
        messages, self._messages = self._messages, []
        return messages

    def take_cuts(self) -> list[Cut]:
        """All connections to close."""
        cuts, self._cuts = self._cuts, []
        return cuts
