"""A WebSocket as who serves it has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class WebSocket(Protocol):
    """A conversation of messages. One task receives; any may send.

    What is sent waits in a queue of bounded octets; a client who reads so slowly that it overflows is dropped, with a
    reason, and ``receive`` gives None.
    """

    async def receive(self) -> str | bytes | None:
        """The next message; None: there will be none, whoever closed it. A checkpoint."""
        ...

    def offer(self, message: str | bytes) -> bool:
        """Send *message* soon, without waiting for it; False: this is over, since the queue overflowed or anyhow."""
        ...

    async def send(self, message: str | bytes) -> bool:
        """The same, but wait for room in the queue first, as long as the client goes on reading."""
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End it, once what waits is sent. reason: at most 123 octets of UTF-8 are said."""
        ...

    def beside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin *work* in a task of its own, which is cancelled where this is over before it; its faults end this."""
        ...
