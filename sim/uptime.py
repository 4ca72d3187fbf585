"""A host's own time, in which its kernel's timers run: it stands still while the machine is frozen."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .kernel import Event, Kernel

ROUNDING_SECONDS = 1e-6  # sums of floats drift: a timer this early is due


class Uptime:
    """The seconds that the kernel of one host has run, and its timers. A loss of power does not end them."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._lost_seconds = 0.0
        self._stopped_at: float | None = None
        self._overdue: list[Timer] = []  # due while it stood still

    @property
    def now(self) -> float:
        """Seconds since the world began, less those it stood still."""
        return (self._kernel.now if self._stopped_at is None else self._stopped_at) - self._lost_seconds

    def after(self, seconds: float, function: Callable[..., object], *arguments: Any, ties: random.Random) -> Timer:
        """Have ``function(*arguments)`` called when that many seconds more have passed here."""
        return Timer(self, seconds, function, arguments, ties)

    def stop(self) -> None:
        """Stand still from now on."""
        self._stopped_at = self._kernel.now

    def go_on(self) -> None:
        """What was due meanwhile has as much time left as it had."""
        if self._stopped_at is not None:
            self._lost_seconds += self._kernel.now - self._stopped_at
            self._stopped_at = None
        overdue, self._overdue = self._overdue, []
        for timer in overdue:
            timer.start()


class Timer:
    """Something a host's kernel will do. ``cancel()`` takes it back; doing so after it happened does nothing."""

    __slots__ = ("_arguments", "_due", "_event", "_function", "_ties", "_uptime")

    def __init__(
        self,
        uptime: Uptime,
        seconds: float,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        ties: random.Random,
    ) -> None:
        self._uptime = uptime
        self._due = uptime.now + seconds
        self._function: Callable[..., object] | None = function
        self._arguments = arguments
        self._ties = ties
        self._event: Event
        self.start()

    def start(self) -> None:
        """Wait for what is left."""
        left = max(0.0, self._due - self._uptime.now)
        self._event = self._uptime._kernel.after(left, self._come, ties=self._ties)

    def cancel(self) -> None:
        """Make it not happen."""
        self._function = None
        self._event.cancel()

    def _come(self) -> None:
        uptime = self._uptime
        if self._function is None:  # cancelled while it was overdue
            return
        if uptime._stopped_at is not None:
            uptime._overdue.append(self)
        elif self._due - uptime.now > ROUNDING_SECONDS:
            self.start()
        else:
            self._function(*self._arguments)
