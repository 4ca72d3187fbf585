"""What keeps a program running on a host, as a service manager does: starts it, and again after what ended it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from .host import Host, Life
from .scenario import HostPlan

PAUSE_FIRST_SECONDS, PAUSE_MAX_SECONDS = 0.2, 5.0  # between two starts, the second twice the first and so on
STARTS_MAX = 8  # that may fail in a row while nothing is broken: some 20 s


class Up:
    """Whether a host may have processes: not while a fault holds it down."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.holds = 0
        self._free = trio.Event()
        self._free.set()

    def hold(self) -> None:
        """A fault begins that keeps it down."""
        self.holds += 1
        self._free = trio.Event()

    def release(self) -> None:
        """That fault is over."""
        assert self.holds
        self.holds -= 1
        if not self.holds:
            self._free.set()

    def end(self, *, silently: bool = False) -> None:
        """Have every process of the host end at once: SIGKILL, or power loss."""
        if silently:
            self.host.power_loss()
        else:
            self.host.kill()

    async def until_free(self) -> None:
        """Wait until nothing holds it down."""
        while self.holds:
            await self._free.wait()


@dataclass(slots=True)
class Cut:
    """A power loss that waits for its step. seconds: how long the power is gone. came, over: called when it is so."""

    seconds: float
    came: Callable[[], object]
    over: Callable[[], object]


class Service(Up):
    """One program on one host.

    start: starts it. troubled: whether something of this host is broken, so that a start may fail. complain: told when
    it ended by itself, or does not start although nothing is broken. life: the last that was started.
    """

    def __init__(
        self,
        plan: HostPlan,
        host: Host,
        start: Callable[[], Awaitable[Life]],
        troubled: Callable[[str], bool],
        complain: Callable[[str, str], object],
    ) -> None:
        super().__init__(host)
        self.plan = plan
        self.life: Life | None = None
        self.cut: Cut | None = None
        self._start_program = start
        self._troubled = troubled
        self._complain = complain
        self._ended: Life | None = None
        self._over = trio.Event()

    @property
    def running(self) -> bool:
        """Whether it is started and alive."""
        return self.life is not None and self.life.alive

    def end(self, *, silently: bool = False) -> None:
        super().end(silently=silently)
        if silently:
            self.cut = None  # it has no power to lose
        self.ended_for_cause()

    def complain(self, text: str) -> None:
        """Say that the program did wrong."""
        self._complain(self.host.name, text)

    def ended_for_cause(self) -> None:
        """The life there is now ends, or may end, because of a fault: nothing to complain of."""
        self._ended = self.life
        if self.life is not None and not self.life.alive:
            self._over.set()

    async def run(self) -> None:
        """Keep it running until cancelled."""
        while True:
            await self.until_free()
            life = await self._start()
            if life is not None:
                self.life = life
                self._over = trio.Event()
                await self._until_over(life)
            if self.cut is not None and not self.host.up and not self.holds:
                await self._outage(self.cut)
            elif life is not None and life is not self._ended and not self.holds:
                self.complain(f"{life} ended, and nothing had ended it")

    async def _until_over(self, life: Life) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, life)
            await self._over.wait()
            nursery.cancel_scope.cancel()

    async def _watch(self, life: Life) -> None:
        await life.ended.wait()
        self._over.set()

    async def _outage(self, cut: Cut) -> None:
        self.cut = None
        cut.came()
        await trio.sleep(cut.seconds)
        cut.over()

    async def _start(self) -> Life | None:
        """A life that is started; None when a fault came between."""
        pause, failures = PAUSE_FIRST_SECONDS, 0
        while not self.holds:
            try:
                life = await self._start_program()
            except Exception as error:  # noqa: BLE001  whatever it is: a service manager tries again
                self.host.trace("start-failed", error=type(error).__name__)
                failures = 0 if self._troubled(self.host.name) else failures + 1
                if failures == STARTS_MAX:
                    self.complain(f"does not start although nothing is broken: {error!r}")
                await trio.sleep(pause)
                pause = min(pause * 2, PAUSE_MAX_SECONDS)
                continue
            return life if life.alive else None
        return None
