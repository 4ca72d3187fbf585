"""What the cluster module has under way for somebody: numbered, so that an operator can end it (``cluster abort``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import trio


@dataclass(frozen=True, slots=True)
class Job:
    """Work begun from the console. what: for people. scope: cancelled to give it up."""

    number: int
    what: str
    scope: trio.CancelScope


class Jobs:
    """Those of one node, by number."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._number = 0

    @property
    def running(self) -> Mapping[int, Job]:
        """Those under way."""
        return self._jobs

    @contextmanager
    def job(self, what: str) -> Iterator[Job]:
        """A job for the block, whose end may be asked for: the block is cancelled then, and ``scope`` says so."""
        self._number += 1
        job = Job(self._number, what, trio.CancelScope())
        self._jobs[job.number] = job
        try:
            with job.scope:
                yield job
        finally:
            del self._jobs[job.number]

    def abort(self, number: int) -> bool:
        """Ask for the end of the job of that *number*; False where there is none."""
        job = self._jobs.get(number)
        if job is not None:
            job.scope.cancel()
        return job is not None
