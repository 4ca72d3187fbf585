"""One deadline for a whole conversation, moved seldom (SEAM.md d: nearly as cheap as having none).

with Deadline(300.0) as deadline:
    while octets := await socket.recv(RECEIVE_OCTETS):
        deadline.touch()                      # the peer is alive
        deadline.park()                       # what follows is our own waiting, not the peer's silence
        ...
        deadline.touch()
if deadline.fired:
    ...                                       # say so, under a scope of its own
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Self

import trio

SLACK_SECONDS = 1.0


class Deadline:
    """Cancels the block it surrounds once the peer was silent for longer than is tolerated.

    Never fires early, fires at most SLACK_SECONDS late, shortens at once. The scope stands around the whole
    conversation, so after it has fired the block is left for good: re-arming it would strike a ``send``.

    tolerance_seconds: silence tolerated now; a change of phase may change it with ``touch``.
    """

    __slots__ = ("_armed", "_scope", "tolerance_seconds")

    def __init__(self, tolerance_seconds: float) -> None:
        self.tolerance_seconds = tolerance_seconds
        self._armed = math.inf
        self._scope = trio.CancelScope()

    def __enter__(self) -> Self:
        self._scope.__enter__()
        self.touch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return bool(self._scope.__exit__(kind, fault, trace))

    def touch(self, tolerance_seconds: float | None = None) -> None:
        """The peer has just been heard of (or a phase begins in which *tolerance_seconds* of silence are right)."""
        if tolerance_seconds is not None:
            self.tolerance_seconds = tolerance_seconds
        due = trio.current_time() + self.tolerance_seconds
        if not due <= self._armed <= due + SLACK_SECONDS:
            self._armed = self._scope.deadline = due + SLACK_SECONDS

    def park(self) -> None:
        """The wait that begins is ours (a commit, a look-up): it must not cost the peer its session."""
        self._armed = self._scope.deadline = math.inf

    def expire(self) -> None:
        """End the block now, from outside it: the node drains and this session is at rest."""
        self._scope.cancel()

    @property
    def fired(self) -> bool:
        """Whether the block was ended by this deadline (or by ``expire``); known once the block is left."""
        return self._scope.cancelled_caught
