"""What a run leaves behind to be judged: what clients were told, what broke, and the disks themselves.

Judge durable state, not events: a process may be killed between an effect and the word about it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from .bus import BusHistory
from .scenario import Fault, Mail, Scenario

if TYPE_CHECKING:
    from .admin import Said
    from .checks.logs_agree import Line
    from .dsn import Report
    from .heard import Heard
    from .holding import Held
    from .hook import Hooked
    from .seats import Look
    from .shared import Shared
    from .world import World

_GENERATION = re.compile(r"Generation (\d+) holds")


class Told(Enum):
    """How one attempt of a client ended, as far as the client knows."""

    ACCEPTED = "accepted"  # 2xx to the end of the content
    REFUSED = "refused"  # 5xx
    DEFERRED = "deferred"  # 4xx, or nobody there before the end of the content was sent
    UNKNOWN = "unknown"  # the end of the content was sent (some of it may have arrived) and no reply came


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send one mail. forward_paths: those the server accepted with 250. Times: virtual seconds.

    notify: the NOTIFY it asked for; empty where it asked for nothing.
    """

    mail: Mail
    began: float
    ended: float
    told: Told
    reply: str
    source_address: str
    target_host: str
    forward_paths: tuple[str, ...] = ()
    refused_paths: tuple[tuple[str, str], ...] = ()  # forward-path, reply
    notify: str = ""
    connected: float | None = None  # when its connection was begun; None: nobody knows


class Breach(NamedTuple):
    """A server did something against the protocol that its client speaks. at: virtual seconds. mail: of its session."""

    at: float
    host: str
    mail: str
    text: str


@dataclass(slots=True)
class Exchange:
    """A line said at the console of *host*, or what its operator did to a file (``console_line``). Times as Attempt's.

    life: number of the process it was said to; 0: of none, or unknown. session: its number. ended, ok: None while, and
    where, no answer came. listening: where TCP sockets listened when the configuration had been shown.
    """

    host: str
    life: int
    session: int
    line: str
    began: float
    ended: float | None = None
    ok: bool | None = None
    answer: str = ""
    listening: frozenset[str] = frozenset()

    @property
    def generation(self) -> int:
        """The one that its answer says holds since (of what was said at once the lower was first); 0: it says none."""
        found = _GENERATION.search(self.answer)
        return int(found[1]) if found else 0


@dataclass(slots=True)
class Lived:
    """A node's life. began: it was started; up: when it said so, None: never; ended: when it died."""

    host: str
    began: float
    number: int = 0
    up: float | None = None
    ended: float | None = None


@dataclass(slots=True)
class Struck:
    """A fault that was applied. ended: when it was mended (None: never). mails: names of those a bit rot hit."""

    fault: Fault
    began: float
    ended: float | None = None
    mails: tuple[str, ...] = ()
    answer: str = ""  # of the console
    answered: bool = False  # by the console, or not in time
    did: bool = True  # False: there was nothing to strike (no spooled message to rot, host down already)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message as it lies durably at its end: in a Maildir of *host*, or with a sink.

    forward_path: the mailbox it lies in, or the RCPT the sink got. octets: the file as it is. place: path on the disk.
    """

    host: str
    forward_path: str
    octets: bytes
    place: str


@dataclass(slots=True)
class Evidence:
    """Everything a check may look at.

    baseline: per host what the started node had open before the load (names of things -> count); leftover: the same
    after everything was drained. conversations: with a console, none of whose lines was refused; refused_commands:
    those that ended with a refused one, with the whole configuration as shown before and after it. exchanges: all that
    was said, line by line, in the order in which it was begun.
    load_began: the kernel's time then; the times of attempts, faults and violations count from it.
    """

    scenario: Scenario
    world: World
    attempts: list[Attempt] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    baseline: dict[str, dict[str, int]] = field(default_factory=dict)
    leftover: dict[str, dict[str, int]] = field(default_factory=dict)
    refused_commands: list[tuple[Struck, str, str]] = field(default_factory=list)
    conversations: list[tuple[Struck, Said]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    lives: list[Lived] = field(default_factory=list)  # of nodes
    restored: dict[str, str] = field(default_factory=dict)  # by host: its files as they were, taken again; or why not
    drained_after_seconds: float | None = None  # from healing; None: it was not, within drain_limit_seconds
    drain_limit_seconds: float = 0.0
    spool_octets: list[tuple[str, float, int, int]] = field(default_factory=list)  # host, time, in use, live
    arrived: list[Arrived] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)  # notifications that arrived; they are not in *arrived*
    heard: list[Heard] = field(default_factory=list)  # by the sinks; its times are the kernel's
    hooked: list[Hooked] = field(default_factory=list)  # taken by the servers that webhooks tell, in the kernel's time
    load_began: float = 0.0
    logs: dict[tuple[str, str], bytes] = field(default_factory=dict)  # by host and path, as they were at *logs_read*
    logs_read: float = 0.0
    breaches: list[Breach] = field(default_factory=list)  # of the protocol, by servers
    bus: BusHistory = field(default_factory=BusHistory)
    shared: Shared = field(default_factory=dict)  # when all was drained, or the limit was reached
    shared_within_seconds: float = 0.0  # that limit
    seats: list[Look] = field(default_factory=list)  # of limits that all nodes share, since the load began
    gathered: dict[str, Counter[Line]] = field(default_factory=dict)  # lines that managers have, durably
    held: list[Held] = field(default_factory=list)  # what nodes had in force, where a manager commands them
    reached: dict[str, str] = field(default_factory=dict)  # by manager: all nodes answer when all is mended; or why not
    floating: tuple[str, ...] = ()  # addresses that any node has so
    election_limit_seconds: float = 0.0  # until each has one owner


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that did not hold. invariant: its name, by which failures are grouped. mail: the name of one."""

    invariant: str
    text: str
    seconds: float = 0.0
    mail: str = ""
    host: str = ""


class Verdict(Enum):
    """How a run ended; the value is ``ec_sim``'s exit code."""

    HELD = 0
    BROKEN = 1
    NONDETERMINISM = 3
    ESCAPE = 4


@dataclass(frozen=True, slots=True)
class Result:
    """What a run of a concrete scenario gave.

    marks: what was reached, by name, how often (faults applied as ``fault.<kind>`` among them). trace: its lines
    if they were kept. prefixes: digests after each so many lines, to find the first difference of two runs.
    """

    scenario: Scenario
    seed: int
    verdict: Verdict
    violations: tuple[Violation, ...]
    digest: str
    line_count: int
    prefixes: tuple[str, ...]
    seconds: float
    events: int
    marks: dict[str, int]
    trace: tuple[str, ...] = ()
    evidence: Evidence | None = None
