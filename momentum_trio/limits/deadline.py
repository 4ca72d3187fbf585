"""One deadline for a whole conversation, moved seldom (SEAM.md d: nearly as cheap as having none).

with Deadline(300.0) as deadline:
    while octets := await socket.recv(RECEIVE_OCTETS):
        deadline.credit(len(octets))          # some octets: a little more time
        if ...:
            deadline.touch()                  # a whole command: all of the time anew
        deadline.park()                       # what follows is our own waiting, not the peer's silence
        ...
        deadline.resume()
if deadline.fired:
    ...                                       # say so, under a scope of its own
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Self

import trio

SLACK_SECONDS = 1.0

OCTETS_PER_SECOND_MIN = 100
"""A peer that takes longer than is tolerated for one command, or for content, has to be at least this quick (a modem of
1980 was): otherwise one octet now and then would hold a session for ever."""


class Deadline:
    """Cancels the block it surrounds once the peer was silent for longer than is tolerated.

    Never fires early, fires at most SLACK_SECONDS late, shortens at once. The scope stands around the whole
    conversation, so after it has fired the block is left for good: re-arming it would strike a ``send``.

    Octets alone are no sign of life: they add the time that a slow line needs for them (OCTETS_PER_SECOND_MIN), never
    beyond the tolerance. What they amount to (a command, a conversation's end) is for the caller to judge.

    tolerance_seconds: silence tolerated now; a change of phase may change it with ``touch``.
    """

    __slots__ = ("_armed", "_due", "_parked", "_scope", "tolerance_seconds")

    def __init__(self, tolerance_seconds: float) -> None:
        self.tolerance_seconds = tolerance_seconds
        self._armed = math.inf
        self._due = math.inf
        self._parked = 0.0
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
        """The peer has got somewhere (or a phase begins in which *tolerance_seconds* of silence are right)."""
        if tolerance_seconds is not None:
            self.tolerance_seconds = tolerance_seconds
        self._arm(trio.current_time() + self.tolerance_seconds)

    def credit(self, octets: int) -> None:
        """The peer sent *octets*, whatever they are good for."""
        self._arm(min(self._due + octets / OCTETS_PER_SECOND_MIN, trio.current_time() + self.tolerance_seconds))

    def park(self) -> None:
        """The wait that begins is ours (a commit, a look-up): it must not cost the peer its session."""
        self._parked = trio.current_time()
        self._armed = self._scope.deadline = math.inf

    def resume(self) -> None:
        """Our own wait is over: the peer has as much time left as it had when that began."""
        self._arm(self._due + (trio.current_time() - self._parked))

    def _arm(self, due: float) -> None:
        self._due = due
        if not due <= self._armed <= due + SLACK_SECONDS:
            self._armed = self._scope.deadline = due + SLACK_SECONDS

    def expire(self) -> None:
        """End the block now, from outside it: the node drains and this session is at rest."""
        self._scope.cancel()

    @property
    def fired(self) -> bool:
        """Whether the block was ended by this deadline (or by ``expire``); known once the block is left."""
        return self._scope.cancelled_caught
