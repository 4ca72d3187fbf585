"""Hosts and the lives of their processes; three ways for a life to end.

A life is one run of a program on a host. ``stop`` asks it to (SIGTERM), ``kill`` ends it at once (SIGKILL: the kernel
closes its sockets, the disk keeps its cache), ``power_loss`` ends all lives of the host silently. Python cannot drop a
task without running its ``finally`` blocks, so a dead life is first made inert (its sockets, files and events do
nothing) and only then cancelled. A new life does not wait for the tasks of the dead one.

And three ways not to run for a while, all through ``schedule.Brake``. A *paused* life (SIGSTOP) does nothing while its
kernel goes on: connections queue, octets fill the receive buffers, time-outs that passed expire when it is resumed. A
*frozen* machine (a virtual machine suspended) does nothing at all: packets to it are lost and sent again, its kernel's
timers stand still and so does its wall clock, which is behind when it thaws. trio's time is one for all hosts and goes
on: deadlines of a frozen machine's programs that passed expire when it thaws. On a host with a *slow CPU* every wake of
a task comes a drawn time later.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

import trio

from momentum_trio.machine.disk import Datasync, FileKind, Step, Sync, SyncDirectory

from . import schedule
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


def is_halted(task: trio.lowlevel.Task) -> bool:
    """Whether *task* may not run: its life is paused, or its machine frozen. The dead are not held."""
    life = task.context.get(_LIFE)
    return life is not None and life.halted


def delay_of(task: trio.lowlevel.Task) -> float:
    """How many seconds late *task* runs, if it may: drawn anew for each wake on a host with a slow CPU."""
    life = task.context.get(_LIFE)
    return life.host.draw_delay() if life is not None and life.alive else 0.0


class Descriptor(Protocol):
    """What a life has open, besides files."""

    def kernel_close(self) -> None:
        """The process is gone: its kernel closes it."""
        ...

    def vanish(self) -> None:
        """The power is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """What was booted: enough to boot it again. waits: by ``Host.start``, until it says that it is started."""

    main: Callable[..., Awaitable[object]]
    args: tuple[object, ...]
    kwargs: dict[str, object]
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a life has of the world, to be compared with what it had: more of it at rest is a leak.

    tasks: those inside trio, of a dead life too until they are gone.
    """

    tasks: int
    sockets: int
    files: int


class Host:
    """One machine: addresses and ports, a disk, and the lives that run on it.

    wall clock: ``epoch + skew_seconds + clock_rate * virtual time``; both may be changed while it runs.
    powered: whether there is power. frozen: whether nothing of it moves.
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
        self.powered = True
        self.frozen = False
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
        self._programs: list[Program] = []
        self._cpu_delay_max = 0.0
        self._stopped_wall = 0.0  # while frozen
        for text in addresses:
            self.add_address(text)
        store.clock = self.wall
        store.shuffle = self.kernel.rng(f"listdir/{name}")
        store.latency = self._disk_latency
        store.trace = self.trace
        store.draws = self.kernel.rng(f"disk-faults/{name}")
        for directory in DIRECTORIES:
            made = store.root.names.setdefault(directory, store.make_inode(FileKind.DIRECTORY, 0o755))
            store.root.durable_names.setdefault(directory, made)

    def __repr__(self) -> str:
        return f"<Host {self.name}>"

    # -- facts

    @property
    def up(self) -> bool:
        """Whether it takes packets and answers them."""
        return self.powered and not self.frozen

    def wall(self) -> float:
        """The host's wall clock: Unix seconds."""
        return self._stopped_wall if self.frozen else self._running_wall()

    def _running_wall(self) -> float:
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

    def step_clock(self, seconds: float) -> None:
        """Set the wall clock forward by *seconds*, or back."""
        self.trace("clock-step", seconds=seconds)
        self.skew_seconds += seconds
        self._stopped_wall += seconds

    def drift(self, rate: float) -> None:
        """From now on *rate* seconds of the wall clock pass in each second; what it shows now stays."""
        self.trace("clock-rate", rate=rate)
        before = self._running_wall()
        self.clock_rate = rate
        self.skew_seconds += before - self._running_wall()

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
        life = self._new_life(self._remember(Program(main, args, kwargs)))
        self.world.nursery.start_soon(life.run, main, args, kwargs, name=f"{life}")
        await trio.lowlevel.checkpoint()
        return life

    async def start(
        self, main: Callable[Concatenate[Machine, ...], Awaitable[object]], *args: object, **kwargs: object
    ) -> Life:
        """``boot`` a program that takes ``task_status``: returns once it is started; ``life.started`` is the value."""
        life = self._new_life(self._remember(Program(main, args, kwargs, waits=True)))
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
                try:
                    await life.ended.wait()
                finally:  # of our cancellation: it may be halted and would not see its own
                    life.die(silently=False)
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
        if not result:
            raise ProcessDied(f"{life} was killed before it had a result")
        return result[0]

    def _remember(self, program: Program) -> Program:
        if program not in self._programs:
            self._programs.append(program)
        return program

    async def reboot(self) -> list[Life]:
        """Boot (or start) what ``boot`` and ``start`` ever did and is not running now: each different program once."""
        running = [life.program for life in self.lives]
        lives = []
        for program in [program for program in self._programs if program not in running]:
            boot = self.start if program.waits else self.boot
            lives.append(await boot(program.main, *program.args, **program.kwargs))
        return lives

    def _new_life(self, program: Program | None = None) -> Life:
        self.powered = True
        self.units.open()
        self._life_count += 1
        life = Life(self, self._life_count, program)
        self.lives.append(life)
        self.trace("boot", life=life)
        return life

    # -- ends

    async def stop(self, within_seconds: float) -> None:
        """SIGTERM to every life of the host, then wait for their ends. Raises ProcessDied if that takes longer."""
        lives = list(self.lives)
        for life in lives:
            life.signal("SIGTERM")
        await await_ends(lives, within_seconds)

    def kill(self) -> None:
        """SIGKILL to every life of the host."""
        for life in list(self.lives):
            life.kill()

    def power_loss(self) -> None:
        """The machine is off: silence on the network, what was not synced may be lost. ``boot`` turns it on again."""
        self.trace("power-loss")
        self.powered = False
        for life in list(self.lives):
            life.die(silently=True)
        self.units.vanish()
        for end in list(self.ends):
            end.vanish()
        self.ends.clear()
        self.ports.clear()
        self.store.power_loss(self.kernel.rng(f"disk/{self.name}"))
        self._end_freeze(behind_seconds=0.0)

    # -- not to run for a while

    def freeze(self) -> None:
        """Suspend the machine. Nothing if it is, or has no power.

        Programs booted or called on it meanwhile begin when it thaws; SIGKILL reaches its lives then.
        """
        if self.up:
            self.trace("freeze")
            self._stopped_wall = self._running_wall()
            self.frozen = True
            self.world.brake.engage(f"freeze {self.name}")

    def thaw(self, *, clock_corrected: bool = False) -> None:
        """Resume it. Its wall clock is behind by the time it was frozen, unless it is *clock_corrected*."""
        if self.frozen:
            self.trace("thaw", clock_corrected=clock_corrected)
            self._end_freeze(0.0 if clock_corrected else self._running_wall() - self._stopped_wall)

    def _end_freeze(self, behind_seconds: float) -> None:
        self.frozen = False
        self.skew_seconds -= behind_seconds
        for life in list(self.lives):
            life.take_pending_signals()
        self.world.brake.release(f"freeze {self.name}")

    def slow_cpu(self, seconds_max: float) -> None:
        """From now on each wake of a task comes late by a draw between 0 and *seconds_max*; 0 ends it."""
        self.trace("cpu", delay_max=seconds_max)
        self._cpu_delay_max = seconds_max
        if seconds_max:
            self.world.brake.engage(f"slow {self.name}")
        else:
            self.world.brake.release(f"slow {self.name}")

    def draw_delay(self) -> float:
        """How late the next wake of one of its tasks comes, in seconds."""
        if not self._cpu_delay_max:
            return 0.0
        return self.kernel.rng(f"cpu/{self.name}").uniform(0.0, self._cpu_delay_max)

    def let_run(self) -> None:
        """Thaw it, resume its lives, give it its speed back."""
        self.thaw()
        for life in list(self.lives):
            life.resume()
        if self._cpu_delay_max:
            self.slow_cpu(0.0)

    def heal(self) -> None:
        """End every fault that lasts, of processor and disk. The dead stay dead, the wall clock as it is."""
        self.let_run()
        self.store.heal()


class Life:
    """One run of a program on a host."""

    def __init__(self, host: Host, number: int, program: Program | None = None) -> None:
        from .machine import build

        self.host = host
        self.number = number
        self.program = program
        self.parent: Life | None = None  # the life that spawned it
        self.alive = True
        self.paused = False
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
        self._pending_signals: list[str] = []
        self._scope = trio.CancelScope()
        self._descriptors: dict[int, Descriptor] = {}
        self.disk: SimDisk = host.store.mount()
        self.machine = build(self)

    def __str__(self) -> str:
        return f"{self.host.name}#{self.number}"

    @property
    def halted(self) -> bool:
        """Whether its tasks may not run."""
        return self.alive and (self.paused or self.host.frozen)

    @property
    def condition(self) -> str:
        """What is wrong with it, in a word for reports; empty if nothing is."""
        if not self.alive:
            return "dead"
        return "frozen" if self.host.frozen else "paused" if self.paused else ""

    def usage(self) -> Usage:
        """What it holds now."""
        tasks = sum(task.context.get(_LIFE) is self for task in schedule.tasks())
        return Usage(tasks, len(self._descriptors), self.disk.open_files)

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
                if self.halted:
                    await trio.lowlevel.checkpoint()
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
        """Send a signal. It goes to who receives it innermost; where nobody does, it kills or does nothing.

        SIGSTOP and SIGCONT are ``pause`` and ``resume``. What would kill a halted life waits until it runs again, but
        for SIGKILL of one that is paused.
        """
        if not self.alive:
            return
        self.host.trace("signal", life=self, name=name)
        if name == "SIGSTOP":
            self.pause()
        elif name == "SIGCONT":
            self.resume()
        elif (inboxes := self.inboxes.get(name)) and name != "SIGKILL":
            inboxes[-1].put(name)
        elif name in KILLING:
            if self.host.frozen or (self.paused and name != "SIGKILL"):
                self._pending_signals.append(name)
            else:
                self.kill()

    def take_pending_signals(self) -> None:
        """It runs again, or its machine does: what waited for that takes effect."""
        pending = self._pending_signals
        if pending and not self.host.frozen and (not self.paused or "SIGKILL" in pending):
            self.kill()

    def pause(self) -> None:
        """SIGSTOP: its tasks do not run, its kernel goes on. Nothing if it is dead or paused."""
        if self.alive and not self.paused:
            self.paused = True
            self.host.trace("pause", life=self)
            self.host.world.brake.engage(f"pause {self}")

    def resume(self) -> None:
        """SIGCONT. Nothing if it is not paused."""
        if self.alive and self.paused:
            self.paused = False
            self.host.trace("resume", life=self)
            self.take_pending_signals()
            self.host.world.brake.release(f"pause {self}")

    async def stop(self, within_seconds: float) -> None:
        """SIGTERM, then wait for the end. Raises ProcessDied if it takes longer."""
        self.signal("SIGTERM")
        await await_ends([self], within_seconds)

    def kill(self) -> None:
        """SIGKILL: the kernel closes what it had open, its tasks are cancelled. On a frozen host: when it thaws."""
        if not self.alive:
            return
        self.host.trace("kill", life=self)
        if self.host.frozen:
            self._pending_signals.append("SIGKILL")
        else:
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
        self.host.world.brake.release(f"pause {self}")
        self.host.world.brake.let_go()
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


async def await_ends(lives: Sequence[Life], within_seconds: float) -> None:
    """Wait until all *lives* have ended after SIGTERM. Raises ProcessDied if it takes longer."""
    with trio.move_on_after(within_seconds):
        for life in lives:
            await life.ended.wait()
    for life in lives:
        if not life.ended.is_set():
            raise ProcessDied(f"{life} did not end within {within_seconds:g} s of SIGTERM")
