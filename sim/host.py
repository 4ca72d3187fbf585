"""Hosts and the lives of their processes; three ways for a life to end.

A life is one run of a program on a host. ``stop`` asks it to (SIGTERM), ``kill`` ends it at once (SIGKILL: the kernel
closes its sockets, the disk keeps its cache), ``power_loss`` ends all lives of the host silently. Python cannot drop a
task without running its ``finally`` blocks, so a dead life is first made inert (its sockets, files and events do
nothing) and only then cancelled. A new life does not wait for the tasks of the dead one.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import trio

from momentum_trio.machine.disk import Datasync, FileKind, Step, Sync, SyncDirectory

from .disk import PowerCut, SimDisk, SimStore
from .kernel import SimulationFailure
from .signals import KILLING
from .sockets.address import IPAddress, failure
from .sockets.credentials import Credentials
from .sockets.ports import Ports
from .sockets.unix import UnixNames
from .units import Units

if TYPE_CHECKING:
    from momentum_trio.machine import Machine
    from momentum_trio.machine.contract import Roles

    from .kernel import Kernel
    from .signals import SignalInbox
    from .sockets.connection import End
    from .sockets.network import Network
    from .world import World

T = TypeVar("T")
P = ParamSpec("P")

DISK_SECONDS, SYNC_SECONDS = 0.0001, 0.002  # a job in a worker; each sync in it
DIRECTORIES = ("tmp", "run", "var", "etc")  # what every host's disk has
DESCRIPTORS_MAX, DESCRIPTORS_HARD_MAX = 1024, 1_048_576
FIRST_DESCRIPTOR = 3  # after stdin, stdout and stderr
FIRST_PID = 1000
DEFAULT_UMASK = 0o022


class NoHost(RuntimeError):
    """A task that belongs to no simulated process used the network or the wall clock."""


class ProcessDied(SimulationFailure):
    """The main function of a booted life raised: a finding, whatever the test was about."""


_LIFE: ContextVar[Life] = ContextVar("sim_life")


def current_life() -> Life:
    """The process life the running task belongs to. Raises NoHost if it belongs to none."""
    life = life_or_none()
    if life is None:
        raise NoHost("no simulated process: run this through Host.boot() or Host.call()")
    return life


def life_or_none() -> Life | None:
    """The process life the running task belongs to, if any."""
    return _LIFE.get(None)


class Descriptor(Protocol):
    """What a life has open, besides files."""

    def kernel_close(self) -> None:
        """The process is gone: its kernel closes it."""
        ...

    def vanish(self) -> None:
        """The power is gone."""
        ...


class Host:
    """One machine: addresses and ports, a disk, and the lives that run on it.

    wall clock: ``epoch + skew_seconds + rate * virtual time``; both may be changed while it runs.
    """

    def __init__(
        self, world: World, name: str, addresses: tuple[str, ...], store: SimStore, *, ipv6: bool = True
    ) -> None:
        self.world = world
        self.name = name
        self.kernel: Kernel = world.kernel
        self.network: Network = world.network
        self.store = store
        self.ipv6 = ipv6
        self.up = True
        self.skew_seconds = 0.0
        self.clock_rate = 1.0
        self.users: dict[int, str] = {0: "root"}
        self.groups: dict[int, str] = {0: "root"}
        self.nameservers: list[str] = []  # resolv.conf, as a life finds it when it starts
        self.roles: Roles = {}  # what children the programs here may spawn
        self.units = Units(self)  # listening sockets held for the programs here
        self.environment: dict[str, str] = {}
        self.addresses: list[IPAddress] = []
        self.ports = Ports(self.kernel.rng(f"ports/{name}"))
        self.unix_names = UnixNames(store)
        self.ends: dict[End, None] = {}
        self.lives: list[Life] = []
        self._life_count = 0
        for text in addresses:
            self.add_address(text)
        store.clock = self.wall
        store.shuffle = self.kernel.rng(f"listdir/{name}")
        store.latency = self._disk_latency
        for directory in DIRECTORIES:
            made = store.root.names.setdefault(directory, store.make_inode(FileKind.DIRECTORY, 0o755))
            store.root.durable_names.setdefault(directory, made)

    def __repr__(self) -> str:
        return f"<Host {self.name}>"

    # -- facts

    def wall(self) -> float:
        """The host's wall clock: Unix seconds."""
        return self.world.epoch + self.skew_seconds + self.clock_rate * self.kernel.current_time()

    def trace(self, kind: str, **fields: object) -> None:
        """A line of the trace under this host's name."""
        self.kernel.trace(kind, self.name, **fields)

    def add_address(self, text: str) -> None:
        """Bring an address up."""
        ip = ip_address(text)
        self.network.add_address(self, ip)
        self.addresses.append(ip)

    def remove_address(self, text: str) -> None:
        """Take an address down; connections over it stay and stall."""
        ip = ip_address(text)
        self.network.remove_address(self, ip)
        self.addresses.remove(ip)

    async def _disk_latency(self, steps: Sequence[Step[Any]]) -> None:
        """A job for the disk takes time; one that syncs, more."""
        syncs = sum(isinstance(step, (Sync, Datasync, SyncDirectory)) for step in steps)
        await trio.sleep(DISK_SECONDS + syncs * SYNC_SECONDS)

    # -- lives

    async def boot(
        self, main: Callable[Concatenate[Machine, P], Awaitable[object]], *args: P.args, **kwargs: P.kwargs
    ) -> Life:
        """Start a program, ``main(machine, *args)``, and return its life at once.

        An exception that leaves *main* while the life is alive fails the whole run (``ProcessDied``).
        """
        life = self._new_life()
        self.world.nursery.start_soon(life.run, main, args, kwargs, name=f"{life}")
        await trio.lowlevel.checkpoint()
        return life

    async def start(
        self, main: Callable[Concatenate[Machine, ...], Awaitable[object]], *args: object, **kwargs: object
    ) -> Life:
        """``boot`` a program that takes ``task_status``: returns once it is started; ``life.started`` is the value."""
        life = self._new_life()
        await self.world.nursery.start(life.run_started, main, args, kwargs, name=f"{life}")
        return life

    async def call(self, main: Callable[Concatenate[Machine, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short program on this host and return its result; what it raises comes to the caller.

        Cancellation: kills the program.
        """
        life = self._new_life()
        result: list[T] = []

        async def keep(machine: Machine) -> None:
            result.append(await main(machine, *args, **kwargs))

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(life.run_called, keep, name=f"{life}")
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
        finally:
            life.kill()
        if not result:
            raise ProcessDied(f"{life} was killed before it had a result")
        return result[0]

    def _new_life(self) -> Life:
        self.up = True
        self.units.open()
        self._life_count += 1
        life = Life(self, self._life_count)
        self.lives.append(life)
        self.trace("boot", life=life)
        return life

    # -- ends

    def kill(self) -> None:
        """SIGKILL to every life of the host."""
        for life in list(self.lives):
            life.kill()

    def power_loss(self) -> None:
        """The machine is off: silence on the network, what was not synced may be lost. ``boot`` turns it on again."""
        self.trace("power-loss")
        self.up = False
        for life in list(self.lives):
            life.die(silently=True)
        self.units.vanish()
        for end in list(self.ends):
            end.vanish()
        self.ends.clear()
        self.ports.clear()
        self.store.power_loss(self.kernel.rng(f"disk/{self.name}"))


class Life:
    """One run of a program on a host."""

    def __init__(self, host: Host, number: int) -> None:
        from .machine import build

        self.host = host
        self.number = number
        self.parent: Life | None = None  # the life that spawned it
        self.alive = True
        self.ended = trio.Event()
        self.started: Any = None
        self.error: BaseException | None = None
        self.umask = DEFAULT_UMASK
        self.environment = dict(host.environment)
        self.descriptors_max = DESCRIPTORS_MAX
        self.descriptors_hard_max = DESCRIPTORS_HARD_MAX
        self.credentials = Credentials(FIRST_PID + number, 0, 0)
        self.died = trio.Event()  # at once, where ``ended`` waits for its tasks
        self.inboxes: dict[str, list[SignalInbox]] = {}
        self._scope = trio.CancelScope()
        self._descriptors: dict[int, Descriptor] = {}
        self.disk: SimDisk = host.store.mount()
        self.machine = build(self)

    def __str__(self) -> str:
        return f"{self.host.name}#{self.number}"

    # -- running

    async def run(
        self, main: Callable[..., Awaitable[object]], args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        """The task of a booted life."""
        try:
            await self._live(main, args, kwargs)
        except Exception as error:  # noqa: BLE001  whatever it is: the program died of it
            self.host.world.found(ProcessDied(f"{self} died of {error!r}"), error)

    async def run_started(
        self,
        main: Callable[..., Awaitable[object]],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        *,
        task_status: trio.TaskStatus[None],
    ) -> None:
        """The task of a life whose program says when it is started."""
        said = False

        class Status(trio.TaskStatus[Any]):
            def started(status, value: Any = None) -> None:  # noqa: N805  the outer self is needed
                nonlocal said
                said = True
                self.started = value
                task_status.started()

        try:
            await self._live(main, args, {**kwargs, "task_status": Status()})
        except Exception as error:
            if not said:
                raise
            self.host.world.found(ProcessDied(f"{self} died of {error!r}"), error)
        if not said:
            task_status.started()

    async def run_called(self, main: Callable[[Machine], Awaitable[None]]) -> None:
        """The task of a called life."""
        await self._live(main, (), {})

    async def _live(
        self, main: Callable[..., Awaitable[object]], args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        _LIFE.set(self)
        try:
            with self._scope:
                await main(self.machine, *args, **kwargs)
        except (Exception, BaseExceptionGroup, PowerCut) as error:
            if self.alive:
                self.error = error
                raise
            self._ignore(error)
        finally:
            self.die(silently=False)
            self.ended.set()

    def _ignore(self, error: BaseException) -> None:
        """The dead may raise what they like, but for cancellation of more than them, and escapes."""
        ordinary, rest = error.split((Exception, PowerCut)) if isinstance(error, BaseExceptionGroup) else (error, None)
        if ordinary is not None:
            self.host.trace("zombie", life=self, error=type(ordinary).__name__)
        if rest is not None:
            raise rest from None

    async def wait(self) -> None:
        """Wait until its tasks are gone."""
        await self.ended.wait()

    # -- ending

    def signal(self, name: str) -> None:
        """Send a signal: to who receives it innermost. Where nobody does, it kills or does nothing."""
        if not self.alive:
            return
        self.host.trace("signal", life=self, name=name)
        if inboxes := self.inboxes.get(name):
            inboxes[-1].put(name)
        elif name in KILLING:
            self.kill()

    async def stop(self, within_seconds: float) -> None:
        """SIGTERM, then wait for the end. Raises ProcessDied if it takes longer."""
        self.signal("SIGTERM")
        with trio.move_on_after(within_seconds):
            await self.ended.wait()
        if not self.ended.is_set():
            raise ProcessDied(f"{self} did not end within {within_seconds:g} s of SIGTERM")

    def kill(self) -> None:
        """SIGKILL: the kernel closes what it had open, then its tasks are cancelled."""
        if self.alive:
            self.host.trace("kill", life=self)
        self.die(silently=False)

    def die(self, *, silently: bool) -> None:
        """Be dead: inert first, cancelled then. silently: no packet tells."""
        if not self.alive:
            return
        self.alive = False
        self.died.set()
        self.host.lives.remove(self)
        for descriptor in list(self._descriptors.values()):
            if silently:
                descriptor.vanish()
            else:
                descriptor.kernel_close()
        self._descriptors.clear()
        self.disk.die()
        self.host.trace("end", life=self)
        self._scope.cancel()

    # -- descriptors

    def check_descriptors(self) -> None:
        """EMFILE if none is left; EBADF if the process is dead."""
        if not self.alive:
            raise failure(errno.EBADF, "the process is dead")
        if len(self._descriptors) + FIRST_DESCRIPTOR >= self.descriptors_max:
            raise failure(errno.EMFILE)

    def open_descriptor(self, descriptor: Descriptor) -> int:
        """The lowest free number, now *descriptor*'s."""
        self.check_descriptors()
        number = FIRST_DESCRIPTOR
        while number in self._descriptors:
            number += 1
        self._descriptors[number] = descriptor
        return number

    def descriptors(self) -> list[Descriptor]:
        """What it has open, besides files, in order of number."""
        return [self._descriptors[number] for number in sorted(self._descriptors)]

    def close_descriptor(self, descriptor: Descriptor) -> None:
        """Its number is free again; a second call does nothing."""
        for number, other in self._descriptors.items():
            if other is descriptor:
                del self._descriptors[number]
                return
