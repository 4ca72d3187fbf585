"""The world: hosts, what lies between them, and one run of it all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import trio

from momentum_trio.mail.record import Record

from . import schedule
from .disk import SimStore
from .hermetic import Guard
from .host import Host, Life
from .kernel import STILL_PASSES_MAX, Kernel, SimulationFailure, TraceLine
from .life import delay_of, is_halted
from .resolver import Resolver
from .sockets.link import Path
from .sockets.network import Network

if TYPE_CHECKING:
    from .nameserver import Nameserver

T = TypeVar("T")
Side: TypeAlias = Host | Sequence[Host]  # of a partition

EPOCH = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC: where the wall clocks begin
LOOK_FIRST_SECONDS, LOOK_MAX_SECONDS = 0.001, 0.25  # how often ``until`` looks
RECORDS_MAX = 1_000_000


@dataclass(slots=True)
class Floating:
    """A program brought *address* up on *host*. ended: it went down again, or the power did; None: it is still up.

    Times are the kernel's.
    """

    host: str
    address: str
    began: float
    ended: float | None = None


class Never(AssertionError):
    """What ``World.until`` waited for did not come."""


class World:
    """Hosts over one network, from one seed.

    latency_seconds: of every link nobody described with ``link``. short: the share of reads and writes cut short.
    keep_trace: keep the trace's lines (``trace``); the digest covers them either way.
    """

    def __init__(
        self,
        seed: int,
        *,
        latency_seconds: float = 0.001,
        short: float = 0.0,
        keep_trace: bool = True,
        epoch: float = EPOCH,
        still_passes_max: int = STILL_PASSES_MAX,
    ) -> None:
        self.seed = seed
        self.epoch = epoch
        self.kernel = Kernel(seed, keep_trace=keep_trace, still_passes_max=still_passes_max)
        self.brake = schedule.Brake(is_halted, delay_of, self.kernel.after)
        self.network = Network(self.kernel, latency_seconds=latency_seconds, short=short)
        self.names = Resolver()
        self.hosts: dict[str, Host] = {}
        self.records: list[tuple[Life, Record]] = []
        self.record_times: list[float] = []  # the kernel's, of each record
        self.floating: list[Floating] = []  # in the order in which they came up
        self.findings: list[SimulationFailure] = []
        self.onlookers: list[Callable[[], object]] = []  # called after each record
        self._nursery: trio.Nursery | None = None
        self._scope = trio.CancelScope()
        self._ran = False

    # -- what there is

    def host(self, name: str, *addresses: str, store: SimStore | None = None, ipv6: bool = True) -> Host:
        """A new host with *addresses*; without them, the host of that name."""
        if name in self.hosts and not addresses:
            return self.hosts[name]
        assert name not in self.hosts, f"there is a host {name} already"
        host = Host(self, name, addresses, store if store is not None else SimStore(), ipv6=ipv6)
        self.hosts[name] = host
        self.names.add(name, host.addresses)
        return host

    def link(self, one: Host, other: Host) -> tuple[Path, Path]:
        """Both directions between two hosts; change what a ``Path`` has at any time."""
        return self.network.path(one, other), self.network.path(other, one)

    # -- what may happen between hosts, or groups of them; one_way: from the first to the second only

    def partition(self, one: Side, other: Side, *, one_way: bool = False) -> None:
        """Nothing passes from now on: streams send again until they give up, datagrams are lost."""
        self._trace_between("partition", one, other, one_way=one_way)
        for path in self._between(one, other, one_way):
            path.blocked = True

    def hold(self, one: Side, other: Side, *, one_way: bool = False) -> None:
        """What is under way, and sent from now on, waits and comes out in order when it is healed."""
        self._trace_between("hold", one, other, one_way=one_way)
        for path in self._between(one, other, one_way):
            path.hold()

    def heal(self, one: Side, other: Side, *, one_way: bool = False) -> None:
        """The end of partitions and holds."""
        self._trace_between("heal", one, other, one_way=one_way)
        for path in self._between(one, other, one_way):
            path.heal()

    def heal_all(self) -> None:
        """The end of all partitions and holds, wherever they are."""
        self.kernel.trace("heal-all")
        for path in self.network.paths():
            path.heal()

    def reset(self, one: Host, other: Host) -> int:
        """Both ends of every TCP connection between two hosts get a reset, as from a box between them that forgot.

        Returns how many connections there were.
        """
        connections = self.network.reset(one, other)
        self._trace_between("reset-all", one, other, connections=connections)
        return connections

    def _between(self, one: Side, other: Side, one_way: bool) -> Iterator[Path]:
        for source in _hosts(one):
            for target in _hosts(other):
                if source is not target:
                    yield self.network.path(source, target)
                    if not one_way:
                        yield self.network.path(target, source)

    def _trace_between(self, kind: str, one: Side, other: Side, **fields: object) -> None:
        names = [",".join(host.name for host in _hosts(side)) for side in (one, other)]
        self.kernel.trace(kind, "", one=names[0], other=names[1], **fields)

    @property
    def nursery(self) -> trio.Nursery:
        """Where lives run."""
        assert self._nursery is not None, "the world is not running"
        return self._nursery

    @property
    def trace(self) -> list[TraceLine]:
        """The trace so far."""
        return self.kernel.lines

    def digest(self) -> str:
        """The digest of the trace."""
        return self.kernel.digest()

    # -- running

    def run(self, main: Callable[..., Awaitable[T]], *args: object) -> T:
        """Run the world until ``main(*args)``, the test's driver, returns; then every life is killed.

        Raises: Escape; SimulationFailure (a booted process died, deadlock, livelock); what *main* raised.
        The driver belongs to no host: it acts through ``Host.boot``, ``start`` and ``call``.
        """
        assert not self._ran, "a world runs once"
        self._ran = True
        guard = Guard(self.kernel, self.epoch)
        self.kernel.on_failure(self._scope.cancel)
        result: list[T] = []
        error: BaseException | None = None
        with schedule.seeded(self.kernel.rng("scheduler").getrandbits(64)), guard.active():
            try:
                trio.run(self._root, main, args, result, clock=self.kernel)
            except BaseException as raised:  # noqa: BLE001  whatever it is, _judge raises it or something worse
                error = raised
            self.kernel.trace("scheduler", fingerprint=schedule.fingerprint())
        self._judge(guard, error)
        return result[0]

    async def _root(self, main: Callable[..., Awaitable[T]], args: tuple[object, ...], result: list[T]) -> None:
        trio.socket.set_custom_socket_factory(self.network)
        trio.socket.set_custom_hostname_resolver(self.names)
        with self._scope:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    result.append(await main(*args))
                finally:
                    for host in self.hosts.values():
                        host.let_run()  # the halted would not see their cancellation
                        host.kill()
                    nursery.cancel_scope.cancel()

    def _judge(self, guard: Guard, error: BaseException | None) -> None:
        """Raise the worst of what happened, if anything did."""
        if guard.escapes:
            raise guard.escapes[0] from error
        if self.kernel.failure is not None:
            raise self.kernel.failure
        if self.findings:
            raise self.findings[0] from self.findings[0].__cause__
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if error is not None:
            raise error

    def found(self, finding: SimulationFailure, cause: BaseException | None = None) -> None:
        """Something is wrong: the run ends with it."""
        finding.__cause__ = cause
        self.findings.append(finding)
        self._scope.cancel()

    def saw(self, life: Life, record: Record) -> None:
        """A record was published by a living process."""
        if len(self.records) < RECORDS_MAX:
            self.records.append((life, record))
            self.record_times.append(self.kernel.now)
        for look in self.onlookers:
            look()

    def came_up(self, host: Host, address: str) -> None:
        """A program brought *address* up on *host*."""
        self.floating.append(Floating(host.name, address, self.kernel.now))

    def went_down(self, host: Host, address: str) -> None:
        """*address* is not up on *host* any more."""
        for each in self.floating:
            if (each.host, each.address, each.ended) == (host.name, address, None):
                each.ended = self.kernel.now

    # -- for drivers

    async def nameserver(self, host: Host, *zones: str) -> Nameserver:
        """Start a nameserver for *zones*, master files with ``$ORIGIN``, as a life on *host*; it answers already."""
        from .nameserver import Nameserver  # the one that needs dnspython

        nameserver = Nameserver(*zones)
        await host.start(nameserver.serve)
        return nameserver

    async def until(self, holds: Callable[[], bool], within_seconds: float) -> None:
        """Wait until *holds*, looked at again and again. Raises Never when it takes longer."""
        deadline = trio.current_time() + within_seconds
        pause = LOOK_FIRST_SECONDS
        while not holds():
            left = deadline - trio.current_time()
            if left <= 0:
                raise Never(f"not within {within_seconds:g} s")
            await trio.sleep(min(pause, left))
            pause = min(pause * 2, LOOK_MAX_SECONDS)


def _hosts(side: Side) -> Sequence[Host]:
    return [side] if isinstance(side, Host) else side
