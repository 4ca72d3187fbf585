"""Everything that can break, as a table: for each kind one function that breaks it and says how to mend it.

A striker returns the mender, or None when there was nothing to strike (the host is down already, no message to rot).
Faults of one kind may overlap on one host: a thing is mended when the last of them ends.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass, field

import dns.rcode
import trio

from .arrivals import Arrivals
from .disk import Operation
from .evidence import Struck
from .host import Host, Life
from .kernel import Event
from .life import FIRST_DESCRIPTOR
from .nameserver import Nameserver, Treatment
from .order import Order
from .rot import rot
from .scenario import PAIRS, SPLITS, Fault, FaultKind, Mail, Program
from .service import Cut, Service, Up
from .sockets.link import Path
from .world import World

Mender = Callable[[], object]

STOP_SECONDS = 180.0  # beyond any sane Drain_Timeout (30 s where nobody says otherwise): it does not obey SIGTERM
OUTAGE_SECONDS = 1.0  # of a power loss at a step, where the fault does not say


@dataclass(slots=True)
class Stage:
    """What faults act on.

    up: every host, by name; those with a program are Services. console: says a command to a node's console.
    nameservers: by their hosts. act: has a member of the bus do something.
    active: what lasts now, in the order in which it struck, each with its mender.
    struck: all that struck.
    planned: what is to strike or to be mended while the load lasts.
    """

    world: World
    up: dict[str, Up]
    arrivals: Arrivals
    mails: dict[str, Mail]
    nursery: trio.Nursery
    console: Callable[[Service, Struck], Awaitable[None]]
    began: float
    nameservers: dict[str, Nameserver]
    act: Callable[[Fault], object]
    active: list[tuple[Struck, Mender]] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    blocked: dict[str, int] = field(default_factory=dict)  # by name of a path: how many faults block it
    planned: list[tuple[Event, Fault | Struck]] = field(default_factory=list)

    @property
    def now(self) -> float:
        """Virtual seconds since the load began."""
        return self.world.kernel.now - self.began

    def plan(self, fault: Fault) -> None:
        """Have *fault* strike at its time, and be mended at its end, unless the load is over by then."""
        at = self.began + fault.at_seconds
        happens = self.act if fault.kind is FaultKind.MEMBER else self._strike_planned
        self.planned.append((self.world.kernel.at(at, happens, fault, rank=Order.STRIKE), fault))

    def _strike_planned(self, fault: Fault) -> None:
        self.plan_end(self.strike(fault))

    def plan_end(self, struck: Struck) -> None:
        """Have *struck* mended when its time is over, if there is one, unless the load is over by then."""
        fault = struck.fault
        if struck.ended is None and fault.kind is not FaultKind.POWER_AT_STEP and fault.seconds < math.inf:
            at = self.began + (fault.at_seconds + fault.seconds)
            self.planned.append((self.world.kernel.at(at, self.mend, struck, rank=Order.MEND), struck))

    def to_come(self) -> list[Fault]:
        """The faults planned that have not struck yet."""
        return [what for event, what in self.planned if isinstance(what, Fault) and event.function is not None]

    def forget_plans(self) -> None:
        """Nothing that is planned happens any more."""
        for event, _ in self.planned:
            event.cancel()

    def strike(self, fault: Fault) -> Struck:
        """Break what *fault* says, now. Not what is broken in the same way already."""
        struck = Struck(fault, self.now)
        self.struck.append(struck)
        mender = None if self._lasts(fault) else STRIKERS[fault.kind](self, struck)
        struck.did = struck.did and mender is not None
        self._trace("strike", struck)
        if mender is None or fault.kind in MENDS_ITSELF:
            struck.ended = self.now
        else:
            self.active.append((struck, mender))
        return struck

    def mend(self, struck: Struck) -> None:
        """End it; nothing if it is over."""
        for item in self.active:
            if item[0] is struck:
                self.active.remove(item)
                struck.ended = self.now
                self._trace("mend", struck)
                item[1]()
                return

    def _trace(self, what: str, struck: Struck) -> None:
        fault = struck.fault
        self.world.kernel.trace(what, ",".join(fault.targets), fault=fault.kind.value, did=struck.did)

    def lasting(self) -> list[Fault]:
        """The faults that last now."""
        return [struck.fault for struck, _ in self.active]

    def troubled(self, host: str) -> bool:
        """Whether something that lasts now breaks *host*."""
        return any(host in fault.targets for fault in self.lasting())

    def _lasts(self, fault: Fault) -> bool:
        lasting = [struck.fault for struck, _ in self.active if struck.fault.kind is fault.kind]
        together = fault.kind in PAIRS | SPLITS
        return any(
            set(fault.targets) == set(other.targets) if together else fault.targets[0] == other.targets[0]
            for other in lasting
        )

    def draws(self, struck: Struck) -> random.Random:
        """A random stream of that fault's own."""
        fault = struck.fault
        return self.world.kernel.rng(f"fault/{fault.kind.value}/{','.join(fault.targets)}/{fault.at_seconds}")

    def host(self, struck: Struck) -> Host:
        """The first target."""
        return self.world.hosts[struck.fault.targets[0]]

    def paths(self, struck: Struck) -> tuple[Path, Path]:
        """There and back between the two targets."""
        one, other = (self.world.hosts[name] for name in struck.fault.targets)
        return self.world.link(one, other)


Striker = Callable[[Stage, Struck], Mender | None]


# -- the ends of processes


def _kill(stage: Stage, struck: Struck) -> Mender | None:
    return _down(stage, struck, silently=False)


def _power(stage: Stage, struck: Struck) -> Mender | None:
    return _down(stage, struck, silently=True)


def _down(stage: Stage, struck: Struck, *, silently: bool) -> Mender | None:
    up = stage.up[struck.fault.targets[0]]
    if up.holds or not up.host.powered or (up.host.frozen and not silently):
        return None
    up.hold()
    up.end(silently=silently)
    return up.release


def _stop(stage: Stage, struck: Struck) -> Mender | None:
    up = stage.up[struck.fault.targets[0]]
    if not isinstance(up, Service) or up.holds or up.life is None or not up.running:
        return None
    up.hold()
    stage.nursery.start_soon(_see_it_end, up, up.life)
    return up.release


async def _see_it_end(service: Service, life: Life) -> None:
    """Ask *life* to end. When it does not, end it, and say so."""
    service.ended_for_cause()
    life.signal("SIGTERM")
    with trio.move_on_after(STOP_SECONDS):
        await life.ended.wait()
    if life.alive and not life.halted:
        service.complain(f"{life} did not end within {STOP_SECONDS:g} s of SIGTERM")
        service.end()


def _power_at_step(stage: Stage, struck: Struck) -> Mender | None:
    service = stage.up[struck.fault.targets[0]]
    if not isinstance(service, Service) or service.cut is not None or not service.host.up:
        return None
    store = service.host.store
    store.cut_after = int(struck.fault.amount)

    struck.did = False

    def came() -> None:
        struck.began, struck.did = stage.now, True

    def disarm() -> None:
        if struck.did:
            return
        if not service.host.powered:  # it has struck, and nobody has seen the program's end yet
            came()
            service.ended_for_cause()
        store.cut_after, service.cut = None, None

    service.cut = Cut(struck.fault.seconds or OUTAGE_SECONDS, came, lambda: stage.mend(struck))
    return disarm


# -- not to run for a while


def _pause(stage: Stage, struck: Struck) -> Mender | None:
    service = stage.up[struck.fault.targets[0]]
    if not isinstance(service, Service) or service.life is None or not service.running:
        return None
    service.life.pause()
    return service.life.resume


def _freeze(stage: Stage, struck: Struck) -> Mender | None:
    host = stage.host(struck)
    if not host.up:
        return None
    host.freeze()
    return host.thaw


def _slow_cpu(stage: Stage, struck: Struck) -> Mender | None:
    host = stage.host(struck)
    host.slow_cpu(struck.fault.amount)
    return lambda: host.slow_cpu(0.0)


# -- the disk


def _disk_full(stage: Stage, struck: Struck) -> Mender | None:
    store = stage.host(struck).store
    capacity = store.capacity
    store.fill(int(struck.fault.amount))

    def mend() -> None:
        store.capacity = capacity

    return mend


def _disk_error(stage: Stage, struck: Struck) -> Mender | None:
    return _fail(stage, struck, Operation.WRITE, Operation.READ, Operation.NAMES)


def _sync_error(stage: Stage, struck: Struck) -> Mender | None:
    return _fail(stage, struck, Operation.SYNC, drop_dirty=True)


def _fail(stage: Stage, struck: Struck, *operations: Operation, drop_dirty: bool = False) -> Mender:
    """Have that share of the steps go wrong which is the fault's amount."""
    store, share, draws = stage.host(struck).store, struck.fault.amount, stage.draws(struck)
    rules = [store.fail(each, share=share, drop_dirty=drop_dirty, draws=draws) for each in operations]

    def mend() -> None:
        for rule in rules:
            store.spare(rule)

    return mend


def _read_only(stage: Stage, struck: Struck) -> Mender | None:
    store = stage.host(struck).store
    store.remount_read_only()
    return lambda: store.remount_read_only(False)


def _disk_slow(stage: Stage, struck: Struck) -> Mender | None:
    store = stage.host(struck).store
    store.slow(seconds=struck.fault.amount)
    return store.slow


def _bit_rot(stage: Stage, struck: Struck) -> Mender | None:
    stage.arrivals.look(stage.world.hosts)

    def owed(name: str) -> Mail | None:
        mail = stage.mails.get(name)
        return None if mail is None or stage.arrivals.whole(mail) else mail

    name = rot(stage.host(struck).store, stage.draws(struck), owed)
    if name is None:
        return None
    struck.mails = (name,)
    return _nothing


# -- the rest of a host


def _clock_step(stage: Stage, struck: Struck) -> Mender | None:
    stage.host(struck).step_clock(struck.fault.amount)
    return _nothing


def _descriptors(stage: Stage, struck: Struck) -> Mender | None:
    service = stage.up[struck.fault.targets[0]]
    if not isinstance(service, Service) or not service.running:
        return None
    life = service.life
    assert life is not None
    before = life.descriptors_max
    life.descriptors_max = min(before, FIRST_DESCRIPTOR + len(life.descriptors()) + int(struck.fault.amount))

    def mend() -> None:
        life.descriptors_max = before

    return mend


def _console(stage: Stage, struck: Struck) -> Mender | None:
    service = stage.up[struck.fault.targets[0]]
    if not isinstance(service, Service) or not service.running:
        return None
    stage.nursery.start_soon(stage.console, service, struck)
    return _nothing


# -- between two hosts


def _partition(stage: Stage, struck: Struck) -> Mender | None:
    return _block(stage, stage.paths(struck))


def _one_way(stage: Stage, struck: Struck) -> Mender | None:
    return _block(stage, stage.paths(struck)[:1])


def _split(stage: Stage, struck: Struck) -> Mender | None:
    paths = _to_others(stage, struck)
    return _block(stage, [path for pair in paths for path in pair]) if paths else None


def _split_one_way(stage: Stage, struck: Struck) -> Mender | None:
    paths = _to_others(stage, struck)
    return _block(stage, [out for out, _ in paths]) if paths else None


def _to_others(stage: Stage, struck: Struck) -> list[tuple[Path, Path]]:
    """There and back between each target and each node that is none."""
    targets, hosts = struck.fault.targets, stage.world.hosts
    nodes = [name for name, up in stage.up.items() if isinstance(up, Service) and up.plan.program is Program.ECELERITY]
    others = [name for name in nodes if name not in targets]
    return [stage.world.link(hosts[one], hosts[other]) for one in targets for other in others]


def _block(stage: Stage, paths: Sequence[Path]) -> Mender:
    for path in paths:
        stage.blocked[path.name] = stage.blocked.get(path.name, 0) + 1
        path.blocked = True

    def mend() -> None:
        for path in paths:
            stage.blocked[path.name] -= 1
            path.blocked = stage.blocked[path.name] > 0

    return mend


def _hold(stage: Stage, struck: Struck) -> Mender | None:
    paths = stage.paths(struck)
    for path in paths:
        path.hold()

    def mend() -> None:
        for path in paths:
            path.release()

    return mend


def _reset(stage: Stage, struck: Struck) -> Mender | None:
    one, other = (stage.world.hosts[name] for name in struck.fault.targets)
    return _nothing if stage.world.reset(one, other) else None


def _slow_link(stage: Stage, struck: Struck) -> Mender | None:
    paths, seconds = stage.paths(struck), struck.fault.amount
    before = [(path.latency_seconds, path.jitter_seconds) for path in paths]
    for path in paths:
        path.latency_seconds += seconds
        path.jitter_seconds += seconds

    def mend() -> None:
        for path, (latency, jitter) in zip(paths, before, strict=True):
            path.latency_seconds, path.jitter_seconds = latency, jitter

    return mend


# -- names


def _treated(treatment: Callable[[float], Treatment]) -> Striker:
    """Every question is treated so, but those about names that have a treatment of their own."""

    def strike(stage: Stage, struck: Struck) -> Mender | None:
        nameserver = stage.nameservers.get(struck.fault.targets[0])
        return None if nameserver is None else nameserver.treat_all(treatment(struck.fault.amount))

    return strike


def _nothing() -> None:
    """There is nothing to mend."""


STRIKERS: dict[FaultKind, Striker] = {
    FaultKind.STOP: _stop,
    FaultKind.KILL: _kill,
    FaultKind.POWER: _power,
    FaultKind.POWER_AT_STEP: _power_at_step,
    FaultKind.PAUSE: _pause,
    FaultKind.FREEZE: _freeze,
    FaultKind.SLOW_CPU: _slow_cpu,
    FaultKind.CLOCK_STEP: _clock_step,
    FaultKind.DISK_FULL: _disk_full,
    FaultKind.DISK_ERROR: _disk_error,
    FaultKind.SYNC_ERROR: _sync_error,
    FaultKind.DISK_SLOW: _disk_slow,
    FaultKind.READ_ONLY: _read_only,
    FaultKind.BIT_ROT: _bit_rot,
    FaultKind.DESCRIPTORS: _descriptors,
    FaultKind.RESET: _reset,
    FaultKind.PARTITION: _partition,
    FaultKind.ONE_WAY: _one_way,
    FaultKind.HOLD: _hold,
    FaultKind.SLOW_LINK: _slow_link,
    FaultKind.DNS_SERVFAIL: _treated(lambda _: Treatment(rcode=dns.rcode.SERVFAIL)),
    FaultKind.DNS_SLOW: _treated(lambda seconds: Treatment(delay_seconds=seconds)),
    FaultKind.DNS_LOST: _treated(lambda share: Treatment(drop_share=share)),
    FaultKind.DNS_TRUNCATED: _treated(lambda _: Treatment(truncated=True)),
    FaultKind.SPLIT: _split,
    FaultKind.SPLIT_ONE_WAY: _split_one_way,
    FaultKind.CONSOLE: _console,
}
"""What each kind does."""

MENDS_ITSELF = frozenset({FaultKind.CLOCK_STEP, FaultKind.RESET, FaultKind.BIT_ROT, FaultKind.CONSOLE})
"""What is over as soon as it struck."""


def heal(stage: Stage, hosts: Container[str]) -> None:
    """The load is over: nothing planned happens, and everything whose targets are all among *hosts* is mended."""
    stage.forget_plans()
    for struck, _ in list(stage.active):
        if all(name in hosts for name in struck.fault.targets):
            stage.mend(struck)
