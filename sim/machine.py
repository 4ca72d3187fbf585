"""The machine of a simulated process: every part of ``momentum_trio.machine.Machine``."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Identity
from momentum_trio.machine.disk import Step
from momentum_trio.machine.events import Events
from momentum_trio.machine.facts import MemoryFacts, SystemFacts
from momentum_trio.machine.os_nameservers import THIS_HOST
from momentum_trio.mail.record import Record
from momentum_trio.net.capability import Capabilities

from .addresses import SimAddresses
from .databases import SimDatabases
from .disk import PowerCut
from .signals import SignalInbox
from .sockets.address import failure
from .sockets.credentials import Credentials
from .sockets.options import SO_ATTACH_FILTER, SO_DETACH_FILTER
from .sockets.simsocket import SimSocket
from .spawn import SimSpawn
from .tls import SimTls
from .units import SimAdopted

if TYPE_CHECKING:
    from .host import Life

T = TypeVar("T")

WORK_SECONDS = 0.002  # what a job takes in a worker
DROP_SYN = bytes(16)  # a struct sock_fprog; the simulated stack takes any for the program that drops each SYN


def build(life: Life) -> Machine:
    """The machine for *life*."""
    events = Events()
    events.subscribe(LifeTrace(life))
    return Machine(
        clock=SimClock(life),
        disk=LifeDisk(life),
        entropy=SimEntropy(life),
        work=SimWork(life),
        process=SimProcess(life),
        events=events,
        adopted=SimAdopted(life),
        tls=SimTls(life),
        databases=SimDatabases(LifeDisk(life)),
        nameservers=SimNameservers(life),
        spawn=SimSpawn(life),
        addresses=SimAddresses(life),
        gate=SimGate(),
    )


class LifeTrace:
    """Writes records into the trace, while the life is alive."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def __call__(self, record: Record) -> None:
        if self._life.alive:
            self._life.host.trace("event", life=self._life, record=record)
            self._life.host.world.saw(self._life, record)


class SimClock:
    """The host's wall clock."""

    def __init__(self, life: Life) -> None:
        self._host = life.host

    def now(self) -> float:
        return self._host.wall()


class SimEntropy:
    """Seeded: one stream for each life."""

    def __init__(self, life: Life) -> None:
        self._stream = life.host.kernel.rng(f"entropy/{life}")

    def octets(self, count: int) -> bytes:
        return self._stream.randbytes(count)

    def fraction(self) -> float:
        return self._stream.random()


class SimWork:
    """Work takes a little virtual time, then is done in place; as with a worker, cancellation waits for it."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def run(self, function: Callable[[], T]) -> T:
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.CancelScope(shield=True):
            await trio.sleep(WORK_SECONDS)
        return function()


class LifeDisk:
    """The host's disk as one life sees it: after the life's death nothing reaches it (``PowerCut``).

    When the store's own ``cut_after`` cuts the power in the middle of a list, the whole host loses it.
    """

    def __init__(self, life: Life) -> None:
        self._life = life

    async def perform(self, steps: Sequence[Step[Any]]) -> list[Any]:
        try:
            return await self._life.disk.perform(steps)
        except PowerCut:
            if self._life.alive:
                self._life.host.power_loss()
            raise


class SimGate:
    """Lets no SYN through to a listening socket: each is dropped, and its client tries again a second later."""

    def shut(self, listening: trio.socket.SocketType) -> bool:
        listening.setsockopt(trio.socket.SOL_SOCKET, SO_ATTACH_FILTER, DROP_SYN)
        return True

    def open(self, listening: trio.socket.SocketType) -> None:
        listening.setsockopt(trio.socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


class SimNameservers:
    """Those of the host, as they were when the life began."""

    def __init__(self, life: Life) -> None:
        self._addresses = tuple(life.host.nameservers) or THIS_HOST

    def addresses(self) -> Sequence[str]:
        return self._addresses


class SimProcess:
    """Facts about the life; signals come from ``Life.signal``."""

    def __init__(self, life: Life) -> None:
        self._life = life

    @property
    def hostname(self) -> str:
        return self._life.host.name

    @property
    def pid(self) -> int:
        return self._life.credentials.pid

    @property
    def environment(self) -> Mapping[str, str]:
        return self._life.environment

    def descriptors_max(self) -> int:
        return self._life.descriptors_max

    def raise_descriptors_max(self, wanted: int) -> int:
        self._life.descriptors_max = max(self._life.descriptors_max, min(wanted, self._life.descriptors_hard_max))
        return self._life.descriptors_max

    def user_name(self, uid: int) -> str:
        return self._life.host.users.get(uid, str(uid))

    @contextmanager
    def umask(self, mask: int) -> Iterator[None]:
        before, self._life.umask = self._life.umask, mask
        try:
            yield
        finally:
            self._life.umask = before

    @asynccontextmanager
    async def signals(self, *names: str) -> AsyncIterator[AsyncIterator[str]]:
        inbox = SignalInbox()
        for name in names:
            self._life.inboxes.setdefault(name, []).append(inbox)
        try:
            yield inbox
        finally:
            for name in names:
                self._life.inboxes[name].remove(inbox)
            for name in inbox.pending:  # what was not taken does what it does without this block
                self._life.signal(name)

    @property
    def uid(self) -> int:
        return self._life.credentials.uid

    def identity(self, user: str, group: str, supplemental: Sequence[str], capabilities: Capabilities) -> Identity:
        host = self._life.host
        uid, gid = _number(user, host.users), _number(group, host.groups)
        groups = tuple(_number(name, host.groups) for name in supplemental)
        if self._life.credentials.uid != 0:
            raise failure(errno.EPERM)
        return Identity(uid, gid, groups, capabilities)

    def give(self, socket: trio.socket.SocketType, identity: Identity) -> None:
        assert isinstance(socket, SimSocket)
        socket.belong_to(identity.uid)

    async def become(self, identity: Identity) -> None:
        await trio.lowlevel.checkpoint()
        self._life.credentials = Credentials(self.pid, identity.uid, identity.gid)
        self._life.binds_low_ports = "cap_net_bind_service" in identity.capabilities
        self._life.plumbs_addresses = "cap_net_admin" in identity.capabilities

    def monotonic_microseconds(self) -> int:
        return round(trio.current_time() * 1_000_000)

    def system(self) -> SystemFacts:
        return SystemFacts("simulated", f"Simulated {self.hostname}", "simulated", 64)

    def memory(self) -> MemoryFacts:
        return MemoryFacts(0, 0, 0, 0, 0, (), 0, 1)

    def notify(self, state: str) -> None:
        if self._life.alive:
            self._life.notices.append(state)
            self._life.host.trace("notify", life=self._life, state=state)


def _number(name: str, known: Mapping[int, str]) -> int:
    """The number of a user or group, by its name or as it is."""
    if name.isascii() and name.isdigit():
        return int(name)
    found = next((number for number, other in known.items() if other == name), None)
    if found is None:
        raise KeyError(f"no such user or group: {name}")
    return found
