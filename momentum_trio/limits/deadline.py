"""Deadlines of conversations: one for a whole conversation, all of them looked at by one task.

with deadlines.after(300.0) as deadline:
    while octets := await socket.recv(RECEIVE_OCTETS):
        deadline.credit(len(octets))          # some octets: a little more time
        if ...:
            deadline.touch()                  # a whole command: all of the time anew
        deadline.park()                       # what follows is our own waiting, not the peer's silence
        ...
        deadline.resume()
if deadline.fired:
    ...                                       # say so, under a scope of its own

A deadline that is moved is a number that is changed: to move the deadline of a trio.CancelScope, several times for each
message, took a tenth of a relay's time.
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


class Deadlines:
    """Those of all conversations: looked at in the second in which they are due, when that was last known."""

    def __init__(self) -> None:
        self._seconds: dict[float, dict[Deadline, None]] = {}
        self._next = math.inf
        self._sooner = trio.Event()

    def after(self, tolerance_seconds: float) -> Deadline:
        """One that tolerates so much silence, from now on; infinity: any."""
        return Deadline(self, tolerance_seconds)

    def put(self, deadline: Deadline, second: float) -> None:
        """Look at *deadline* then."""
        self._seconds.setdefault(second, {})[deadline] = None
        if second < self._next:
            self._next = second
            self._sooner.set()

    def drop(self, deadline: Deadline, second: float) -> None:
        """Do not, after all."""
        looked_at = self._seconds[second]
        del looked_at[deadline]
        if not looked_at:
            del self._seconds[second]

    async def run(self) -> None:
        """Let them strike, until cancelled: none does after that."""
        while True:
            with trio.move_on_at(self._next):
                await self._sooner.wait()
            self._sooner = trio.Event()
            now = trio.current_time()
            for second in [second for second in self._seconds if second <= now]:
                for deadline in self._seconds.pop(second):
                    deadline.look(now)
            self._next = min(self._seconds, default=math.inf)


class Deadline:
    """Cancels the block it surrounds once the peer was silent for longer than is tolerated.

    Never fires early, fires at most SLACK_SECONDS late, shortens at once. The scope stands around the whole
    conversation, so after it has fired the block is left for good: to go on would strike a ``send``.

    Octets alone are no sign of life: they add the time that a slow line needs for them (OCTETS_PER_SECOND_MIN), never
    beyond the tolerance. What they amount to (a command, a conversation's end) is for the caller to judge.

    tolerance_seconds: silence tolerated now; a change of phase may change it with ``touch``.
    touched_at: trio's time at which the peer last got somewhere.
    """

    __slots__ = ("_deadlines", "_due", "_left", "_scope", "_second", "tolerance_seconds", "touched_at")

    def __init__(self, deadlines: Deadlines, tolerance_seconds: float) -> None:
        self.tolerance_seconds = tolerance_seconds
        self._deadlines = deadlines
        self._due = math.inf
        self._left = 0.0  # when it was parked
        self._second = math.inf  # in which it is looked at next; infinity: in none
        self._scope = trio.CancelScope()
        self.touched_at = trio.current_time()

    def __enter__(self) -> Self:
        self._scope.__enter__()
        self.touch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._look_in(math.inf)
        return bool(self._scope.__exit__(kind, fault, trace))

    def touch(self, tolerance_seconds: float | None = None) -> None:
        """The peer has got somewhere (or a phase begins in which *tolerance_seconds* of silence are right)."""
        if tolerance_seconds is not None:
            self.tolerance_seconds = tolerance_seconds
        self.touched_at = now = trio.current_time()
        self._move(now + self.tolerance_seconds)

    def credit(self, octets: int) -> None:
        """The peer sent *octets*, whatever they are good for."""
        self._move(min(self._due + octets / OCTETS_PER_SECOND_MIN, trio.current_time() + self.tolerance_seconds))

    def park(self) -> None:
        """The wait that begins is ours (a commit, a look-up): it must not cost the peer its session."""
        self._left, self._due = self._due - trio.current_time(), math.inf

    def park_anew(self, tolerance_seconds: float) -> None:
        """As ``touch``, and ``park``: the peer has got somewhere, and now it is we who work."""
        self._left = self.tolerance_seconds = tolerance_seconds
        self.touched_at, self._due = trio.current_time(), math.inf

    def resume(self) -> None:
        """Our own wait is over: the peer has as much time left as it had when that began."""
        self._move(trio.current_time() + self._left)

    def _move(self, due: float) -> None:
        self._due = due
        if due + SLACK_SECONDS < self._second:
            self._look_in(float(math.ceil(due)))

    def _look_in(self, second: float) -> None:
        if self._second < math.inf:
            self._deadlines.drop(self, self._second)
        self._second = second
        if second < math.inf:
            self._deadlines.put(self, second)

    def look(self, now: float) -> None:
        """The second has come: end the block, or be looked at again when that is due."""
        self._second = math.inf
        if self._due <= now:
            self._scope.cancel()
        elif self._due < math.inf:
            self._look_in(float(math.ceil(self._due)))

    def expire(self) -> None:
        """End the block now, from outside it: the node drains and this session is at rest."""
        self._scope.cancel()

    @property
    def struck(self) -> bool:
        """Whether it ends the block at its next checkpoint, or has."""
        return self._scope.cancel_called

    @property
    def fired(self) -> bool:
        """Whether the block was ended by this deadline (or by ``expire``); known once the block is left."""
        return self._scope.cancelled_caught
