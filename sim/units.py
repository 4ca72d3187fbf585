"""Listening sockets a host holds for its programs, as systemd's socket units do, and how a life adopts them.

A unit's socket is open from when the unit is made (or the host boots again after power loss), whoever lives: what
connects while no program does waits in its queue.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from .sockets.credentials import Credentials
from .sockets.sharing import Passage
from .sockets.stream import StreamSocket

if TYPE_CHECKING:
    from .host import Host, Life

BACKLOG = 4096  # systemd.socket(5)


@dataclass(slots=True)
class Unit:
    """One socket: the name it is handed over by, its family, where it listens."""

    name: str
    family: int
    address: Any
    socket: StreamSocket | None = None


class Units:
    """The units of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._units: list[Unit] = []
        self._init: Life | None = None

    def add(self, name: str, address: Any) -> None:
        """Listen at *address*, resolved as for bind(); a text is the path of a Unix socket. Raises what bind() does."""
        six = not isinstance(address, str) and ":" in address[0]
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if six else socket.AF_INET
        unit = Unit(name, family, address)
        self._open(unit)
        self._units.append(unit)

    def open(self) -> None:
        """Open what is not open: the host boots."""
        for unit in self._units:
            if unit.socket is None:
                self._open(unit)

    def _open(self, unit: Unit) -> None:
        from .host import Life

        if self._init is None:
            self._init = Life(self._host, 0)
            self._init.credentials = Credentials(1, 0, 0)
        opened = StreamSocket(self._init, unit.family, 0)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind_resolved(unit.address)
            opened.listen(BACKLOG)
        except OSError:
            opened.close()
            raise
        unit.socket = opened

    def vanish(self) -> None:
        """The machine lost power."""
        for unit in self._units:
            if unit.socket is not None:
                unit.socket.vanish()
                unit.socket = None

    def passages(self) -> list[tuple[str, Passage]]:
        """References to all that is open, by name, for one life."""
        return [(unit.name, Passage(unit.socket)) for unit in self._units if unit.socket is not None]


class SimAdopted:
    """``machine.contract.Adopted`` of a life."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._taken = False

    def listeners(self) -> Mapping[str, Sequence[trio.socket.SocketType]]:
        """The host's units, once."""
        found: dict[str, list[trio.socket.SocketType]] = {}
        if not self._taken and self._life.parent is None:
            self._taken = True
            for name, passage in self._life.host.units.passages():
                found.setdefault(name, []).append(passage.arrive(self._life))
        return found
