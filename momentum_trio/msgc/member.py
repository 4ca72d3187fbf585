"""A member of the bus: one connection to a server of it, made again by itself; groups joined are joined again.

member = Member(machine, f"ec1-{machine.process.pid}", lambda: MsgcClientOptions.resolve(generations.current.tree...))
nursery.start_soon(member.run)
member.join("ec_cluster")
while True:
    event = await member.next_event()
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.msgc.dial import dialled
from momentum_trio.msgc.line import Line, Uncounted
from momentum_trio.msgc.msgc_options import PORT, MsgcClientOptions
from momentum_trio.msgc.secret import secrets_of
from momentum_trio.net.group import GROUP_OCTETS_MAX, Apart, GroupEvent, Service
from momentum_trio.net.host_port import HostPort
from momentum_trio.protocol.msgc.handshake import NONCE_OCTETS, Hello, Role, is_name
from momentum_trio.protocol.msgc.link import Closed, Link, Welcomed
from momentum_trio.protocol.msgc.message import SENDING_OCTETS_MAX
from momentum_trio.protocol.msgc.payload import Join, Leave, Publish, Tell, decode_events, encode

EVENTS_MAX = 1024
"""So many events wait for ``next_event``; then nothing more is read."""


class Member:
    """One connection to the bus. name: what the others know us by, ``#ec1-22787#labrat-1``; empty while cut off.

    server: where that connection goes to, as configured; empty while cut off.
    """

    def __init__(self, machine: Machine, connection: str, options: Callable[[], MsgcClientOptions]) -> None:
        """connection: its name (``ec1-22787``), unlike any other's to the same server."""
        assert is_name(connection), connection
        self._machine, self._connection, self._options = machine, connection, options
        self._groups: dict[str, None] = {}
        self._line: Line | None = None
        self._events: deque[GroupEvent] = deque()
        self._came, self._taken = trio.Event(), trio.Event()
        self._complaints: dict[HostPort, str] = {}
        self.name = self.server = ""

    def join(self, group: str) -> None:
        """Be in *group*, from the next view of it that we are told; over reconnections too."""
        _check(group)
        if group not in self._groups:
            self._groups[group] = None
            self._ask(Join(group))

    def leave(self, group: str) -> None:
        """Be in *group* no more; nothing of it is told once the server has heard this."""
        if group in self._groups:
            del self._groups[group]
            self._ask(Leave(group))

    def publish(self, group: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        """Tell all who are in *group*, us too if we are. False: cut off, or Max_Backlog messages wait."""
        _check(group)
        return self._ask(Publish(group, octets, service))

    def tell(self, member: str, octets: bytes) -> bool:
        """Tell *member* alone, after what we published before. False as ``publish``. Who has left is told nothing."""
        _check(member)
        return self._ask(Tell(member, octets))

    def _ask(self, asked: Join | Leave | Publish | Tell) -> bool:
        if isinstance(asked, Publish | Tell):
            assert len(asked.octets) <= SENDING_OCTETS_MAX, len(asked.octets)
        if (line := self._line) is None or (line.is_full and isinstance(asked, Publish | Tell)):
            return False
        line.post(encode(asked))
        return self._line is line

    async def next_event(self) -> GroupEvent:
        """What happens next, in order; one task may wait. Cancellation: nothing is lost.

        Who takes nothing for Idle_Timeout while EVENTS_MAX wait is cut off.
        """
        while not self._events:
            self._came = trio.Event()
            await self._came.wait()
        self._taken.set()
        return self._events.popleft()

    async def run(self) -> None:
        """Be connected, and connect again, until cancelled."""
        while True:
            for place in self._options().servers:
                if await self._talk(place):
                    break
            await trio.sleep(self._options().reconnect_interval)

    async def _talk(self, place: HostPort) -> bool:
        """Be connected to the server at *place* as long as may be; whether we were."""
        try:
            secrets = await secrets_of(self._machine, self._options())
            socket = await self._dial(place)
        except OSError as fault:
            self._complain(place, fault.strerror or str(fault))
            return False
        with socket:
            line = self._new_line(socket, secrets)
            opened = await line.opening()
            if isinstance(opened, Welcomed):
                await self._be_in(line, opened, str(place))
                return True
            assert isinstance(opened, Closed)
            self._complain(place, opened.why)
            return False

    async def _dial(self, place: HostPort) -> trio.socket.SocketType:
        options = self._options()
        with trio.move_on_after(options.connect_timeout):
            return await dialled(place.or_at(PORT), options.bind_address, options.buffer_octets)
        raise TimeoutError("connecting took too long")

    def _new_line(self, socket: trio.socket.SocketType, secrets: tuple[bytes, ...]) -> Line:
        entropy, clock = self._machine.entropy, self._machine.clock
        ours = Hello(
            Role.CLIENT, self._connection, int(clock.now() * 1000), entropy.octets(NONCE_OCTETS), bool(secrets)
        )
        link = Link.calling(ours, secrets)
        line = Line(self._machine.wire(socket), link, self._options, Uncounted())
        line.turn, line.is_paced = self._turn, True
        return line

    async def _be_in(self, line: Line, welcomed: Welcomed, place: str) -> None:
        """The server has let us in: join, and tell what it tells, until that is over."""
        self._line, self.name, self.server = line, welcomed.name, place
        self._complaints.clear()
        self._join_all()
        try:
            closed = await line.run(self._take)
        finally:
            self._line, self.name, self.server = None, "", ""
        self._put(Apart(closed.why))

    def _join_all(self) -> None:
        for group in self._groups:
            self._ask(Join(group))

    def _take(self, octets: bytes) -> None:
        for event in decode_events(octets):
            self._put(event)
            if isinstance(event, Apart):
                self._join_all()

    def _put(self, event: GroupEvent) -> None:
        self._events.append(event)
        self._came.set()

    async def _turn(self) -> None:
        """Others have theirs, and whoever takes our events, where there are many."""
        await trio.lowlevel.checkpoint()
        while len(self._events) > EVENTS_MAX:
            self._taken = trio.Event()
            await self._taken.wait()

    def _complain(self, place: HostPort, why: str) -> None:
        """Let it be known why there is no connection, unless it was before."""
        if self._complaints.get(place) != why:
            self._complaints[place] = why
            text = f"no connection of {self._connection} to the server of the bus at {place}: {why}"
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.WARNING, text))


def _check(name: str) -> None:
    assert 0 < len(name.encode()) <= GROUP_OCTETS_MAX, name
