"""The world: hosts, what lies between them, and one run of it all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from momentum_trio.mail.record import Record

from . import schedule
from .disk import SimStore
from .hermetic import Guard
from .host import Host, Life, delay_of, is_halted
from .kernel import STILL_PASSES_MAX, Kernel, SimulationFailure, TraceLine
from .resolver import Resolver
from .sockets.link import Path
from .sockets.network import Network

T = TypeVar("T")

EPOCH = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC: where the wall clocks begin
LOOK_FIRST_SECONDS, LOOK_MAX_SECONDS = 0.001, 0.25  # how often ``until`` looks
RECORDS_MAX = 1_000_000


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
        self.findings: list[SimulationFailure] = []
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
        """Both directions between two hosts; change latency, jitter, bandwidth or ``blocked`` on them at any time."""
        return self.network.path(one, other), self.network.path(other, one)

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
                trio.run(self._root, main, args, result, clock=self.kernel, instruments=[self.kernel])
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

    # -- for drivers

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
