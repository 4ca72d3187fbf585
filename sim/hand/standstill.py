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
    """

    def __init__(self, kernel: Kernel, converse: Callable[[], object]) -> None:
        self.exact = False
        self._kernel = kernel
        self._converse = converse
        self._holds: Callable[[], bool] | None = None
        self._at: Event | None = None
        self._wanted = False
        self._over = False
        kernel.watch = self._watch

    def to(self, time: float, act: Callable[[], object] | None = None) -> None:
        """Stand still at *time* of the kernel, once *act* is done, or where *act* says."""
        self._at = self._kernel.at(time, self._arrive, act, rank=Order.HAND)

    def until(self, holds: Callable[[], bool], time: float) -> None:
        """Stand still before the first event after *holds*, at *time* at the latest."""
        self._holds = holds
        self.to(time)

    def let_go(self) -> None:
        """Never stand still again."""
        self._over = True
        self._kernel.watch = None

    def want(self) -> None:
        """Stand still as soon as can be. May be called from a signal handler."""
        self._wanted = True

    def _watch(self) -> None:
        if self._at is not None and (self._wanted or (self._holds is not None and self._holds())):
            self._stand(exact=False)

    def _arrive(self, act: Callable[[], object] | None) -> None:
        self._at = None
        if act is not None:
            act()
        if self._at is None and not self._over:
            self._stand(exact=True)

    def _stand(self, *, exact: bool) -> None:
        if self._at is not None:
            self._at.cancel()
        self._holds, self._at, self._wanted, self.exact = None, None, False, exact
        self._converse()
