"""Where the world stands still, so that somebody can look and say what is next: between two of its steps.

No task runs then and no time passes: a run that was stopped is, event by event, the one that was not.
"""

from __future__ import annotations

from collections.abc import Callable

from ..kernel import Event, Kernel
from ..order import Order


class Standstill:
    """Has *converse* called wherever the world is to stand still; when that returns, the world goes on.

    exact: whether it stands before everything else of its instant, so that an act may still be of this very instant.
    failure: what *converse* raised; *give_up* was called then, and is to end the world.
    """

    def __init__(self, kernel: Kernel, converse: Callable[[], object], give_up: Callable[[], object]) -> None:
        self.exact = False
        self.failure: BaseException | None = None
        self._give_up = give_up
        self._kernel = kernel
        self._converse = converse
        self._holds: Callable[[], bool] | None = None
        self._at: Event | None = None
        self._wanted = False
        kernel.watch = self._watch

    def to(self, time: float) -> None:
        """Stand still at *time* of the kernel, after what is planned for it and before all else."""
        self._at = self._kernel.at(time, self._stand, True, rank=Order.HAND)

    def until(self, holds: Callable[[], bool], time: float) -> None:
        """Stand still before the first event after *holds*, at *time* at the latest."""
        self._holds = holds
        self.to(time)

    def let_go(self) -> None:
        """Never stand still again."""
        self._at = None
        self._kernel.watch = None

    def want(self) -> None:
        """Stand still as soon as can be. May be called from a signal handler."""
        self._wanted = True

    def _watch(self) -> None:
        if self._at is not None and (self._wanted or (self._holds is not None and self._holds())):
            self._stand(False)

    def _stand(self, exact: bool) -> None:
        """Converse. What is raised must not reach trio's loop, which would break."""
        if self._at is not None:
            self._at.cancel()
        self._holds, self._at, self._wanted, self.exact = None, None, False, exact
        try:
            self._converse()
        except BaseException as error:  # noqa: BLE001  whatever it is, who runs the world raises it
            self.failure = error
            self.let_go()
            self._give_up()
