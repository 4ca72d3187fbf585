"""What ``run until`` waits for: a kind of trace line, or of record that a node publishes."""

from __future__ import annotations

from ..run import Course
from .views import one_line, trace_line


class Awaited:
    """Whether something called *word* came since this was made. found: the first, as a line."""

    def __init__(self, course: Course, word: str) -> None:
        self.found = ""
        self._world = course.world
        self._began = course.evidence.load_began
        self._word = word.lower()
        self._line, self._record = len(self._world.trace), len(self._world.records)

    def __call__(self) -> bool:
        lines, records = self._world.trace[self._line :], self._world.records[self._record :]
        self._line, self._record = len(self._world.trace), len(self._world.records)
        for line in lines:
            if not self.found and line.kind == self._word:
                self.found = trace_line(line, self._began)
        for life, record in records:
            if not self.found and type(record).__name__.lower() == self._word:
                self.found = one_line(f"  {life}: {record}")
        return bool(self.found)
