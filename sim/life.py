"""One run of a program on a host: its tasks, what it has open, its signals and its end.

Python cannot drop a task without running its ``finally`` blocks, so a dead life is first made inert (its sockets, files
and events do nothing) and only then cancelled. A halted one (paused, or on a frozen machine) does not run at all.
"""

from __future__ import annotations

import errno
import heapq
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import trio

from . import schedule
from .disk import PowerCut, SimDisk
from .kernel import SimulationFailure
from .signals import KILLING
from .sockets.address import failure
from .sockets.credentials import Credentials

if TYPE_CHECKING:
    from momentum_trio.machine import Machine

    from .host import Host
    from .signals import SignalInbox

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
        self.notices: list[str] = []  # what it told its service manager
        self.binds_low_ports = False  # CAP_NET_BIND_SERVICE, for who is not root
        self.plumbs_addresses = False  # CAP_NET_ADMIN
        self.died = trio.Event()  # at once, where ``ended`` waits for its tasks
        self.died_at: float | None = None  # by the kernel's time
        self.inboxes: dict[str, list[SignalInbox]] = {}
        self._pending_signals: list[str] = []
        self._scope = trio.CancelScope()
        self._descriptors: dict[Descriptor, int] = {}
        self._numbers: list[int] = []  # a heap of those given back, all below the first that was never given
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
        settled: trio.Event,
    ) -> None:
        """The task of a life whose program says when it is started. settled: it said so, or ended before."""

        class Status(trio.TaskStatus[Any]):
            def started(status, value: Any = None) -> None:  # noqa: N805  the outer self is needed
                self.started = value
                settled.set()

        try:
            await self._live(main, args, {**kwargs, "task_status": Status()})
        except Exception as error:  # noqa: BLE001  whatever it is: the program died of it, or did not start
            if settled.is_set():
                self.host.world.found(ProcessDied(f"{self} died of {error!r}"), error)
        finally:
            settled.set()

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
        self.died_at = self.host.kernel.now
        self.host.lives.remove(self)
        for descriptor in list(self._descriptors):
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
        number = heapq.heappop(self._numbers) if self._numbers else FIRST_DESCRIPTOR + len(self._descriptors)
        self._descriptors[descriptor] = number
        return number

    def descriptors(self) -> list[Descriptor]:
        """What it has open, besides files, in order of number."""
        return sorted(self._descriptors, key=self._descriptors.__getitem__)

    def close_descriptor(self, descriptor: Descriptor) -> None:
        """Its number is free again; a second call does nothing."""
        number = self._descriptors.pop(descriptor, None)
        if number is not None:
            heapq.heappush(self._numbers, number)


async def await_ends(lives: Sequence[Life], within_seconds: float) -> None:
    """Wait until all *lives* have ended after SIGTERM. Raises ProcessDied if it takes longer."""
    with trio.move_on_after(within_seconds):
        for life in lives:
            await life.ended.wait()
    for life in lives:
        if not life.ended.is_set():
            raise ProcessDied(f"{life} did not end within {within_seconds:g} s of SIGTERM")
