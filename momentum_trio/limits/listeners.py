"""Who listens to broadcasts, at one node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import trio

from momentum_trio.limits.contract import Told

BROADCASTS_WAITING_MAX = 1_000
"""Of one listener; beyond it what comes is lost to him."""


class Listeners:
    """Those of all topics."""

    def __init__(self) -> None:
        self._listening: dict[str, list[trio.MemorySendChannel[Told]]] = {}

    def tell(self, told: Told) -> None:
        """Tell everybody who listens to its topic; nobody is waited for."""
        for channel in self._listening.get(told.topic, ()):
            try:
                channel.send_nowait(told)
            except trio.WouldBlock:
                pass

    @contextmanager
    def listen(self, topic: str) -> Iterator[AsyncIterator[Told]]:
        """What is told about *topic* from now on; at most BROADCASTS_WAITING_MAX wait."""
        send, receive = trio.open_memory_channel[Told](BROADCASTS_WAITING_MAX)
        self._listening.setdefault(topic, []).append(send)
        with send, receive:
            try:
                yield receive
            finally:
                self._listening[topic].remove(send)
                if not self._listening[topic]:
                    del self._listening[topic]
