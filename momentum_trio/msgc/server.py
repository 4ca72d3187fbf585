"""The server of the bus on one node: whom it connects to and whom it lets in, around the lives of the pure core.

Both of two servers try to connect; which of two connections stays says ``protocol/msgc/peering.py``.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from typing import NamedTuple

import trio

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.msgc.dial import dialled, tune
from momentum_trio.msgc.life import Life
from momentum_trio.msgc.line import Line, Traffic, Uncounted
from momentum_trio.msgc.msgc_options import MsgcServerOptions
from momentum_trio.msgc.secret import secrets_of
from momentum_trio.net.group import GROUP_OCTETS_MAX
from momentum_trio.net.host_port import HostPort
from momentum_trio.net.netblock import Address
from momentum_trio.protocol.msgc.frame import Code
from momentum_trio.protocol.msgc.handshake import NONCE_OCTETS, Hello, Role
from momentum_trio.protocol.msgc.link import Closed, Knocked, Link, State, Welcomed
from momentum_trio.protocol.msgc.payload import CLIENTS_MAX
from momentum_trio.protocol.msgc.peering import Established, Ours, is_let_in
from momentum_trio.protocol.msgc.server import Server

DOUBLE = Code.DUPLICATE, "there is a connection already"
BEGINS_ANEW = "this server of the bus begins anew"
ENDS = "this server of the bus ends"
NOT_NOW = Closed(Code.CLOSING, "this server of the bus does not run", by_peer=False)
NOT_HERE = Closed(Code.NOT_ALLOWED, "only loopback and the addresses of Peers are let in", by_peer=False)
FULL = Closed(Code.FULL, f"{CLIENTS_MAX} clients are connected", by_peer=False)


class Terms(NamedTuple):
    """What a life is begun with: another of these begins another life."""

    names: frozenset[str]
    heartbeat_interval: float
    missed_max: int


class Attempt:
    """A connection of ours that is not open yet. scope: cancelled when one of theirs comes first."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.line: Line | None = None

    @property
    def state(self) -> Ours:
        """How far it is."""
        is_answered = self.line is not None and self.line.link.state in (State.CHALLENGED, State.OPEN)
        return Ours.ANSWERED if is_answered else Ours.BEGUN

    def give_way(self) -> None:
        """Nothing more is said on it, not even a proof for which the answer has come by now."""
        if self.line is not None:
            self.line.link.refuse(*DOUBLE)
        self.scope.cancel()


class BusServer:
    """The server of the bus on the node *name*. ends: connections of others that we refused or ended, by why."""

    def __init__(self, machine: Machine, name: str, options: Callable[[], MsgcServerOptions]) -> None:
        """options: as they are now. Peers of them that are no longer those of the beginning begin another life."""
        self._machine, self.name, self._options = machine, name, options
        self._attempts: dict[str, Attempt] = {}
        self._incarnation = 0
        self._since = self._terms()
        self._complaints: dict[str, str] = {}
        self.ends: Counter[Code] = Counter()
        self.life: Life | None = None

    def reconfigured(self) -> None:
        """The options may be others now."""
        if self.life is not None and self._since != self._terms():
            self.life.end(BEGINS_ANEW)

    def _terms(self) -> Terms:
        options = self._options()
        names = frozenset(dict(options.peers)) | {self.name}
        return Terms(names, options.heartbeat_interval, options.heartbeats_missed)

    def _places(self) -> dict[str, HostPort]:
        return dict(self._options().peers)

    async def run(self) -> None:
        """Be a server until cancelled, one life after the other.

        Raises nothing of the core: whose fault ends its life, and is in the paniclog.
        """
        while True:
            try:
                life = await self._live()
            except* Exception as faults:  # noqa: BLE001 (ours: this life ends, the next begins)
                self._say(Level.CRITICAL, f"the bus begins anew\n{''.join(traceback.format_exception(faults))}")
                life = None
            if life is None or life.is_broken:
                await trio.sleep(self._options().reconnect_interval)

    async def _live(self) -> Life:
        self._incarnation = max(self._incarnation + 1, int(self._machine.clock.now() * 1000))
        self._since = terms = self._terms()
        core = Server(
            self.name, terms.names, self._incarnation, heartbeat=terms.heartbeat_interval, missed_max=terms.missed_max
        )
        life = self.life = Life(core, terms.heartbeat_interval)
        try:
            async with trio.open_nursery() as nursery:
                for peer in sorted(life.names - {self.name}):
                    nursery.start_soon(self._keep_connected, life, peer)
                await life.run()
                nursery.cancel_scope.cancel()
        finally:
            self.life = None
            life.end(ENDS)
        return life

    # connections of ours

    async def _keep_connected(self, life: Life, peer: str) -> None:
        while True:
            if (line := life.line_to(peer)) is not None:
                await line.over.wait()
            elif (place := self._places().get(peer)) is not None:
                await self._connect(life, peer, place)
            await trio.sleep(self._options().reconnect_interval)

    async def _connect(self, life: Life, peer: str, place: HostPort) -> None:
        """Try to connect to *peer*, and be connected as long as may be."""
        attempt = self._attempts[peer] = Attempt()
        try:
            with attempt.scope:
                with await self._dial(place) as socket:
                    attempt.line = await self._calling(socket, peer)
                    opened = await attempt.line.opening()
                    del self._attempts[peer]
                    await self._connected(life, peer, attempt.line, opened)
        except OSError as fault:
            self._complain(peer, fault.strerror or str(fault))
        finally:
            self._attempts.pop(peer, None)

    async def _dial(self, place: HostPort) -> trio.socket.SocketType:
        options, source = self._options(), self._places().get(self.name)
        here = "" if source is None else source.host
        with trio.move_on_after(options.connect_timeout):
            return await dialled(place.or_at(options.port), here, options.buffer_octets, source_is_wish=True)
        raise TimeoutError("connecting took too long")

    async def _calling(self, socket: trio.socket.SocketType, peer: str) -> Line:
        secrets = await secrets_of(self._machine, self._options())
        link = Link.calling(self._hello(secrets)._replace(called=peer), secrets)
        return Line(self._machine.wire(socket), link, self._options, Uncounted())

    async def _connected(self, life: Life, peer: str, line: Line, opened: Knocked | Welcomed | Closed) -> None:
        if not isinstance(opened, Welcomed):
            assert isinstance(opened, Closed)
            if opened.code is not Code.DUPLICATE:
                self._complain(peer, opened.why)
        elif life.line_to(peer) is not None:  # theirs was let in just now
            await line.refuse(*DOUBLE)
        else:
            self._complaints.pop(peer, None)
            await life.converse_with_peer(line, peer, Established(True, opened.theirs.incarnation))

    # connections of others

    def is_allowed(self, address: Address) -> bool:
        """Whether somebody at *address* may speak at all: this host, and those in Peers."""
        return address.is_loopback or any(ip_address(place.host) == address for place in self._places().values())

    async def converse(
        self, socket: trio.socket.SocketType, address: Address, traffic: Traffic, begun: Callable[[Line], None]
    ) -> Closed:
        """Converse with who has connected from *address*, server or client, or refuse it; how it ended.

        begun: is given the line, for whoever wants to end it. Raises: OSError; what the core raises.
        """
        closed = await self._converse(socket, address, traffic, begun)
        if not closed.by_peer:
            self.ends[closed.code] += 1
        return closed

    async def _converse(
        self, socket: trio.socket.SocketType, address: Address, traffic: Traffic, begun: Callable[[Line], None]
    ) -> Closed:
        secrets = await self._secrets()
        tune(socket, self._options().buffer_octets)
        if secrets is None:
            return await self._refuse(self._called(socket, traffic, ()), NOT_NOW)
        begun(line := self._called(socket, traffic, secrets))
        if (life := self.life) is None or not self.is_allowed(address):
            return await self._refuse(line, NOT_NOW if life is None else NOT_HERE)
        opened = await line.opening()
        if isinstance(opened, Closed):
            return opened
        theirs = opened.theirs
        why = self._objection(life, theirs, address, is_proved=bool(secrets))
        if why is not None:
            return await self._refuse(line, why)
        if theirs.role is Role.CLIENT:
            line.link.welcome(member := self._member(theirs.name))
            return await life.converse_with_member(line, member)
        if (attempt := self._attempts.get(theirs.name)) is not None:
            attempt.give_way()
        line.link.welcome()
        return await life.converse_with_peer(line, theirs.name, Established(False, theirs.incarnation))

    async def _secrets(self) -> tuple[bytes, ...] | None:
        """Those that hold now; None where they cannot be read: then nobody is let in."""
        try:
            return await secrets_of(self._machine, self._options())
        except OSError as fault:
            self._complain(self.name, f"Cluster_Secret: {fault.strerror or fault}")
            return None

    def _called(self, socket: trio.socket.SocketType, traffic: Traffic, secrets: tuple[bytes, ...]) -> Line:
        link = Link.called(self._hello(secrets), secrets)
        return Line(self._machine.wire(socket), link, self._options, traffic)

    async def _refuse(self, line: Line, why: Closed) -> Closed:
        await line.refuse(why.code, why.why)
        return why

    def _objection(self, life: Life, theirs: Hello, address: Address, *, is_proved: bool) -> Closed | None:
        """Why who says *theirs*, and has proved it if he could, is not let in; None: he is."""
        if life.is_over:
            return NOT_NOW
        if theirs.role is Role.CLIENT:
            if len(self._member(theirs.name)) > GROUP_OCTETS_MAX:
                return _objection(Code.NOT_ALLOWED, f"a member's name has at most {GROUP_OCTETS_MAX} octets")
            return FULL if life.member_count >= CLIENTS_MAX else None
        place = self._places().get(theirs.name)
        if place is None or theirs.name not in life.names or theirs.name == self.name:
            return _objection(Code.NOT_ALLOWED, f"{theirs.name} is no other server in Peers")
        if not is_proved and ip_address(place.host) != address and not _are_here(place, address):
            return _objection(Code.NOT_ALLOWED, f"{theirs.name} is at {place}, not at {address}")
        attempt = self._attempts.get(theirs.name)
        state = Ours.NONE if attempt is None else attempt.state
        if is_let_in(self.name, theirs.name, theirs.incarnation, state, life.established(theirs.name)):
            return None
        life.ask_after(theirs.name)
        return _objection(*DOUBLE)

    def _member(self, connection: str) -> str:
        return f"#{connection}#{self.name}"

    def _hello(self, secrets: tuple[bytes, ...]) -> Hello:
        nonce = self._machine.entropy.octets(NONCE_OCTETS)
        return Hello(Role.SERVER, self.name, self._incarnation, nonce, bool(secrets))

    def _complain(self, peer: str, why: str) -> None:
        """Let it be known why there is no connection to *peer*, unless it was before."""
        if self._complaints.get(peer) != why:
            self._complaints[peer] = why
            self._say(Level.WARNING, f"no connection to the server of the bus on {peer}: {why}")

    def _say(self, level: Level, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, text))


def _objection(code: Code, why: str) -> Closed:
    return Closed(code, why, by_peer=False)


def _are_here(place: HostPort, address: Address) -> bool:
    return address.is_loopback and ip_address(place.host).is_loopback
