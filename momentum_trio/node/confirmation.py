"""A change that is taken back unless somebody confirms it in time: ``config commit confirmed``."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from momentum_trio.config.tree import ConfigTree


@dataclass(frozen=True, slots=True, eq=False)
class Unconfirmed:
    """A change that waits. before: what held before it. until: when its time is over, by trio's clock."""

    before: ConfigTree
    until: float
    settled: trio.Event = field(default_factory=trio.Event)


class Confirmation:
    """What waits to be confirmed: one change at most. waiting: it; None when nothing does."""

    def __init__(self) -> None:
        self.waiting: Unconfirmed | None = None
        self._begun = trio.Event()

    @property
    def seconds_left(self) -> float | None:
        """None when nothing waits; never below 0."""
        return None if self.waiting is None else max(0.0, self.waiting.until - trio.current_time())

    def begin(self, before: ConfigTree, seconds: float) -> None:
        """A change was made to *before*: within *seconds* it has to be confirmed."""
        assert self.waiting is None
        self.waiting = Unconfirmed(before, trio.current_time() + seconds)
        self._begun.set()

    def end(self) -> None:
        """What waits is confirmed, or taken back."""
        assert self.waiting is not None
        self.waiting.settled.set()
        self.waiting, self._begun = None, trio.Event()

    async def expired(self) -> None:
        """Return when a change has waited for its time and is still not confirmed."""
        while True:
            await self._begun.wait()
            waiting = self.waiting
            assert waiting is not None
            with trio.move_on_at(waiting.until):
                await waiting.settled.wait()
            if self.waiting is waiting:
                return
