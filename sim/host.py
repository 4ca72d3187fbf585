"""Hosts: three ways for the lives on them to end, and three not to run for a while.

A life is one run of a program on a host. ``stop`` asks it to (SIGTERM), ``kill`` ends it at once (SIGKILL: the kernel
closes its sockets, the disk keeps its cache), ``power_loss`` ends all lives of the host silently. A new life does not
wait for the tasks of the dead one.

Not to run is ``schedule.Brake``'s work. A *paused* life (SIGSTOP) does nothing while its
kernel goes on: connections queue, octets fill the receive buffers, time-outs that passed expire when it is resumed. A
*frozen* machine (a virtual machine suspended) does nothing at all: packets to it are lost and sent again, its kernel's
timers stand still and so does its wall clock, which is behind when it thaws. trio's time is one for all hosts and goes
on: deadlines of a frozen machine's programs that passed expire when it thaws. On a host with a *slow CPU* every wake of
a task comes a drawn time later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import trio

from momentum_trio.machine.disk import Datasync, FileKind, Step, Sync, SyncDirectory

from .disk import SimStore
from .life import Life, NoHost, ProcessDied, Program, await_ends, current_life, life_or_none
from .sockets.address import IPAddress
from .sockets.ports import Ports
from .sockets.unix import UnixNames
from .units import Units
from .uptime import Timer, Uptime

if TYPE_CHECKING:
    from momentum_trio.machine import Machine
    from momentum_trio.machine.contract import Roles

    from .kernel import Kernel
    from .sockets.connection import End
    from .sockets.network import Network
    from .world import World

__all__ = ["Host", "Life", "NoHost", "ProcessDied", "current_life", "life_or_none"]

T = TypeVar("T")
P = ParamSpec("P")

DISK_SECONDS, SYNC_SECONDS = 0.0001, 0.002  # a job in a worker; each sync in it
DIRECTORIES = ("tmp", "run", "var", "etc")  # what every host's disk has


class Host:
    """One machine: addresses and ports, a disk, and the lives that run on it.

    wall clock: ``epoch + skew_seconds + clock_rate * virtual time``; both may be changed while it runs.
    powered: whether there is power. frozen: whether nothing of it moves. uptime: the time its kernel's timers run in.
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
        self.uptime = Uptime(self.kernel)
        self.skew_seconds = 0.0
        self.clock_rate = 1.0
        self.users: dict[int, str] = {0: "root"}
        self.groups: dict[int, str] = {0: "root"}
        self.nameservers: list[str] = []  # resolv.conf, as a life finds it when it starts
        self.roles: Roles = {}  # what children the programs here may spawn
        self.units = Units(self)  # listening sockets held for the programs here
        self.environment: dict[str, str] = {}
        self.addresses: list[IPAddress] = []
        self._fleeting: list[IPAddress] = []  # what a program brought up: gone with the power
        self._leases: dict[IPAddress, Timer] = {}  # those that go down by themselves
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
        return self.world.epoch + self.skew_seconds + self.clock_rate * self.kernel.now

    def trace(self, kind: str, **fields: object) -> None:
        """A line of the trace under this host's name."""
        self.kernel.trace(kind, self.name, **fields)

    def add_address(self, text: str) -> None:
        """Bring an address up, for good. EADDRINUSE if another host has it."""
        ip = ip_address(text)
        self.network.add_address(self, ip)
        self.addresses.append(ip)

    def take_address(self, text: str) -> None:
        """Bring an address up until the power fails, and announce it: from now on its packets come here.

        Connections of who had it before stay there and are told by resets, when their peers say something.
        """
        ip = ip_address(text)
        self.network.announce(self, ip)
        self.addresses.append(ip)
        self._fleeting.append(ip)
        self.world.came_up(self, text)

    def remove_address(self, text: str) -> None:
        """Take an address down; connections over it stay and stall. Who else has it gets its packets again."""
        ip = ip_address(text)
        self.lease_address(ip, None)
        self.network.remove_address(self, ip)
        self.addresses.remove(ip)
        if ip in self._fleeting:
            self._fleeting.remove(ip)
            self.world.went_down(self, text)

    def lease_address(self, ip: IPAddress, seconds: float | None) -> None:
        """Let *ip* go down by itself in that many seconds of this host's kernel, or not at all."""
        if (lease := self._leases.pop(ip, None)) is not None:
            lease.cancel()
        if seconds is not None:
            self._leases[ip] = self.uptime.after(seconds, self._expire, ip, ties=self.kernel.rng(f"lease/{self.name}"))

    def _expire(self, ip: IPAddress) -> None:
        self.trace("address-down", address=ip, why="expired")
        self.remove_address(str(ip))

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
        """``boot`` a program that takes ``task_status``: returns once it is started; ``life.started`` is the value.

        Raises: what the program raises before that. Cancellation: kills the program.
        """
        life, settled = self._new_life(self._remember(Program(main, args, kwargs, waits=True))), trio.Event()
        self.world.nursery.start_soon(life.run_started, main, args, kwargs, settled, name=f"{life}")
        try:
            await settled.wait()
        except trio.Cancelled:  # it may be halted and would not see a cancellation of its own
            life.die(silently=False)
            raise
        if life.error is not None:
            raise life.error
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
        for ip in list(self._fleeting):
            self.remove_address(str(ip))
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
            self.uptime.stop()
            self.world.brake.engage(f"freeze {self.name}")

    def thaw(self, *, clock_corrected: bool = False) -> None:
        """Resume it. Its wall clock is behind by the time it was frozen, unless it is *clock_corrected*."""
        if self.frozen:
            self.trace("thaw", clock_corrected=clock_corrected)
            self._end_freeze(0.0 if clock_corrected else self._running_wall() - self._stopped_wall)

    def _end_freeze(self, behind_seconds: float) -> None:
        self.frozen = False
        self.uptime.go_on()
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
