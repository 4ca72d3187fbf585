"""Tasks that wait on one socket: at most one that reads and one that writes, as trio allows.

The checkpoints are those of trio's own socket: a look at cancellation before, a schedule point after an operation that
did not block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import outcome
import trio

T = TypeVar("T")


class Waiting:
    """Who waits on a socket."""

    def __init__(self) -> None:
        self.closed = False
        self._reader: trio.lowlevel.Task | None = None
        self._writer: trio.lowlevel.Task | None = None

    async def at_once(self, operation: Callable[[], T]) -> T:
        """The result of *operation*, which does not block, between trio's two checkpoints."""
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            return operation()
        finally:
            await trio.lowlevel.cancel_shielded_checkpoint()

    async def reading(self, ready: Callable[[], bool], operation: Callable[..., T], *arguments: Any) -> T:
        """The result of ``operation(*arguments)`` when it does not block: when *ready*, or the socket is closed."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.closed or ready():
            try:
                return operation(*arguments)
            finally:
                await trio.lowlevel.cancel_shielded_checkpoint()
        while True:
            await self._readable()
            if self.closed or ready():
                return operation(*arguments)

    async def writing(self, ready: Callable[[], bool], operation: Callable[..., T], *arguments: Any) -> T:
        """The result of ``operation(*arguments)``, tried again whenever *ready* while it raises BlockingIOError."""
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            result = operation(*arguments)
        except BlockingIOError:  # no checkpoint: what wakes the task might come during it
            pass
        except OSError:
            await trio.lowlevel.cancel_shielded_checkpoint()
            raise
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
            return result
        while True:
            await self.writable(ready)
            try:
                return operation(*arguments)
            except BlockingIOError:
                pass

    async def _readable(self) -> None:
        self._check_open()
        if self._reader is not None:
            raise trio.BusyResourceError("another task is already reading this socket")
        self._reader = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort_reader)

    def _abort_reader(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def writable(self, ready: Callable[[], bool]) -> None:
        """Wait until *ready*; every wake-up asks it again."""
        while True:
            self._check_open()
            if self._writer is not None:
                raise trio.BusyResourceError("another task is already writing to this socket")
            self._writer = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort_writer)
            if ready():
                return

    def _abort_writer(self, _: object) -> trio.lowlevel.Abort:
        self._writer = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _check_open(self) -> None:
        if self.closed:
            raise trio.ClosedResourceError("this socket is closed")

    def wake_reader(self) -> None:
        """Something came."""
        task, self._reader = self._reader, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def wake_writer(self) -> None:
        """There may be room."""
        task, self._writer = self._writer, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def close(self) -> None:
        """The socket was closed under them: they raise ClosedResourceError."""
        for task in (self._reader, self._writer):
            if task is not None:
                closed = trio.ClosedResourceError("another task closed this socket")
                trio.lowlevel.reschedule(task, outcome.Error(closed))
        self._reader = self._writer = None
