"""Signals of a simulated process."""

from __future__ import annotations

import trio

KILLING = frozenset(  # signal(7): what they do to a process that does not receive them
    ("SIGTERM", "SIGINT", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM")
)


class SignalInbox:
    """What one ``Process.signals`` block has received: each signal once until it is taken (as in trio's receiver)."""

    def __init__(self) -> None:
        self.pending: dict[str, None] = {}
        self._came = trio.Event()

    def put(self, name: str) -> None:
        """The signal *name* came."""
        self.pending[name] = None
        self._came.set()

    def __aiter__(self) -> SignalInbox:
        return self

    async def __anext__(self) -> str:
        await self._came.wait()
        name = next(iter(self.pending))
        del self.pending[name]
        if not self.pending:
            self._came = trio.Event()
        return name
