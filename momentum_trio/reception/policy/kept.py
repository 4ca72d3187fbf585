"""What rows keep for one connection, from one question to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar, cast


class Closing(Protocol):
    """Something that is kept."""

    async def close(self) -> None:
        """The connection is over. Raises nothing; takes a bounded time, whatever is cancelled."""
        ...


C = TypeVar("C", bound=Closing)


class Kept:
    """Of one connection: for each row that wants one, one thing."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[object, Closing] = {}

    def of(self, row: object, make: Callable[[], C]) -> C:
        """That of *row*, made the first time."""
        if row not in self._held:
            self._held[row] = make()
        return cast(C, self._held[row])

    @property
    def holds_any(self) -> bool:
        """Whether there is one."""
        return bool(self._held)

    async def close(self) -> None:
        """The connection is over."""
        held, self._held = self._held, {}
        for each in held.values():
            await each.close()
