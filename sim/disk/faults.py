"""What may go wrong with a disk, and the verbs that make it so. All of it ends with ``heal``; rot stays.

Power that fails between two steps is not here: ``SimStore.cut_after`` and ``SimStore.power_loss``.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from momentum_trio.machine.disk import (
    Append,
    ChangeMode,
    Create,
    Datasync,
    Link,
    ListDirectory,
    MakeDirectory,
    Open,
    Read,
    Rename,
    Stat,
    Step,
    Sync,
    SyncDirectory,
    TakeAfter,
    Truncate,
    Unlink,
    Write,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one step.

    number: the errno raised. after_octets: a ``Write`` or ``Append`` puts that many first (a short write, then that).
    drop_dirty: a failing ``Sync`` or ``Datasync`` forgets what was unsynced, and the next one succeeds (as Linux does).
    shift_octets: a ``Read`` fails not, but answers from that much further on (a misdirected read).
    """

    number: int
    after_octets: int = 0
    drop_dirty: bool = False
    shift_octets: int = 0


Injector = Callable[[Step[Any]], Fault | None]


class Operation(Enum):
    """Steps that fail together."""

    READ = "read"
    WRITE = "write"
    SYNC = "sync"
    NAMES = "names"
    ANY = "any"


STEPS: dict[Operation, tuple[type[Step[Any]], ...]] = {
    Operation.READ: (Read, ListDirectory),
    Operation.WRITE: (Write, Append, Truncate),
    Operation.SYNC: (Sync, Datasync, SyncDirectory),
    Operation.NAMES: (Create, Rename, Link, Unlink, MakeDirectory, ChangeMode, TakeAfter),
}
STEPS[Operation.ANY] = (Open, Stat, *(step for steps in STEPS.values() for step in steps))


@dataclass(slots=True, eq=False)
class Rule:
    """Steps of *operation* at or below *place* fail: a *share* of them by *draws*, *times* at most (None: any)."""

    operation: Operation
    place: str
    fault: Fault
    share: float
    times: int | None
    draws: random.Random

    def meets(self, step: Step[Any]) -> bool:
        """Whether *step* is of its kind and at its place."""
        below = self.place.rstrip("/") + "/"
        return isinstance(step, STEPS[self.operation]) and any(f"{path}/".startswith(below) for path in paths(step))


def paths(step: Any) -> tuple[str, ...]:
    """The paths a step names."""
    if isinstance(step, (Rename, Link)):
        return step.source, step.target
    if isinstance(step, TakeAfter):
        return step.path, step.model
    return (step.file.path if hasattr(step, "file") else step.path,)


class Failing:
    """The part of a store that goes wrong.

    inject: asked before each step whether it fails, before the rules are. draws: decides shares and places of rot.
    trace: told of every verb, and of every step that fails. read_only: nothing can be changed. slow_factor,
    slow_seconds: each job takes that much of its time, and that much more.
    """

    def __init__(self) -> None:
        self.inject: Injector | None = None
        self.draws = random.Random(0)
        self.trace: Callable[..., object] | None = None
        self.read_only = False
        self.slow_factor, self.slow_seconds = 1.0, 0.0
        self._rules: list[Rule] = []

    def say(self, kind: str, **fields: object) -> None:
        """A line of the trace, if there is one."""
        if self.trace is not None:
            self.trace(kind, **fields)

    def fail(
        self,
        operation: Operation,
        place: str = "/",
        number: int = errno.EIO,
        *,
        share: float = 1.0,
        times: int | None = None,
        after_octets: int = 0,
        drop_dirty: bool = False,
        shift_octets: int = 0,
        draws: random.Random | None = None,
    ) -> Rule:
        """From now on steps of *operation* at or below *place* fail as ``Fault`` says, until ``spare`` or ``heal``."""
        fault = Fault(number, after_octets, drop_dirty, shift_octets)
        rule = Rule(operation, place, fault, share, times, draws or self.draws)
        self._rules.append(rule)
        self.say("disk-fails", operation=operation.value, place=place, errno=errno.errorcode[number], share=share)
        return rule

    def spare(self, rule: Rule) -> None:
        """The end of *rule*; nothing if it ended already."""
        if rule in self._rules:
            self._rules.remove(rule)
            self.say("disk-spared", operation=rule.operation.value, place=rule.place)

    def remount_read_only(self, read_only: bool = True) -> None:
        """As Linux does when it mistrusts a file system: what would change it fails with EROFS, reads go on."""
        self.read_only = read_only
        self.say("disk-read-only" if read_only else "disk-writable")

    def slow(self, factor: float = 1.0, seconds: float = 0.0) -> None:
        """From now on each job takes *factor* times its time and *seconds* more."""
        self.slow_factor, self.slow_seconds = factor, seconds
        self.say("disk-slow", factor=factor, seconds=seconds)

    def heal(self) -> None:
        """End what lasts: rules, slowness, read-only. ``inject`` is whoever's set it."""
        self._rules.clear()
        self.read_only = False
        self.slow_factor, self.slow_seconds = 1.0, 0.0
        self.say("disk-heals")

    def wrong_with(self, step: Step[Any]) -> Fault | None:
        """What goes wrong with *step* now, if anything."""
        if self.inject is not None and (fault := self.inject(step)) is not None:
            return fault
        for rule in self._rules:
            if rule.times != 0 and rule.meets(step) and (rule.share >= 1 or rule.draws.random() < rule.share):
                if rule.times is not None:
                    rule.times -= 1
                return rule.fault
        return None
