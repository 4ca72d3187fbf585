"""The logs on the disk say what happened, line by line: each is read back, and is one record that was published.

And what was published is so: a delivery to a sink is one that the sink confirmed, a failure has the words it answered.
Lines that are missing need a cause: power that failed, a disk that failed, or an end before they were written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from momentum_trio.log.parse import Entry
from momentum_trio.log.parse_bouncelog import Bounce, bouncelog_entry
from momentum_trio.log.parse_mainlog import Delivery, Failure, Reception, mainlog_entry
from momentum_trio.log.reading import Unreadable
from momentum_trio.log.said import said, said_in_bouncelog
from momentum_trio.mail.record import Delivered, Failed, Received, Record

from ..evidence import Evidence, Struck, Violation
from ..heard import Heard
from ..scenario import FaultKind, Program, Turn
from .configuration import root_of, words
from .custody import DISK_FAULTS, POWER_FAULTS, address, overlaps, strikes
from .timed import timed

NAME = "logs_agree"
WRITTEN_SECONDS = 75.0  # until a line is written, after a disk failed: it is tried again each second, a spool each 64 s
ENDED_SECONDS = 5.0  # before the end of a life: what is not written yet
SHOWN_MAX = 3  # violations of one kind and host
OWN_WORDS = "[internal]"  # in a reason that no server said

_ENDS = POWER_FAULTS | {FaultKind.KILL, FaultKind.STOP, FaultKind.CONSOLE}


Line: TypeAlias = Reception | Delivery | Failure | Bounce  # of records; heartbeats are not judged


def logs_agree(evidence: Evidence) -> Iterator[Violation]:
    """One for each line or record too many, some of a kind."""
    for plan in evidence.scenario.hosts:
        for log in LOGS if plan.program is Program.ECELERITY else ():
            path = next(words(root_of(plan), log.option), "")
            if path and (octets := evidence.logs.get((plan.name, path))) is not None:
                yield from _of_host(evidence, plan.name, log, octets.decode("utf-8", "replace"))
    yield from _of_sinks(evidence)


def _of_host(evidence: Evidence, host: str, log: Log, text: str) -> Iterator[Violation]:
    published: dict[Entry, list[float]] = {}
    for life, record, at in timed(evidence):
        if life.host.name == host and (line := log.line_of(record)) is not None:
            published.setdefault(line, []).append(at)
    lines, rest = text.split("\n")[:-1], text.rpartition("\n")[2]
    entries = [log.read(line) for line in lines]
    torn = [entry for entry in entries if isinstance(entry, Unreadable)]
    tears = any(strikes(evidence, POWER_FAULTS | DISK_FAULTS, host))  # out of a line, or many, what was not synced
    if not tears and len(torn) + bool(rest) > sum(1 for _ in strikes(evidence, _ENDS, host)):
        yield _violation(host, f"{len(torn)} lines of the {log.option} cannot be read: {torn[:1] or rest!r}")
    found: Counter[Entry] = Counter(entry for entry in entries if isinstance(entry, Line))
    extra = [line for line, count in found.items() if count > len(published.get(line, ()))]
    for line in extra[: 0 if tears else SHOWN_MAX]:
        yield _violation(host, f"the {log.option} says what did not happen, or more often: {line}")
    due = {line: [at for at in times if not _unwritten(evidence, host, at)] for line, times in published.items()}
    missing = [(line, max(times)) for line, times in due.items() if found[line] < len(times)]
    for line, at in missing[:SHOWN_MAX]:
        yield _violation(host, f"the {log.option} does not say: {line}", at)


def line_of(record: Record) -> Entry | None:
    """What the mainlog is to say of *record*; None of what it does not tell."""
    return said(record) if isinstance(record, Received | Delivered | Failed) else None


def bounce_of(record: Record) -> Entry | None:
    """What the bouncelog is to say of *record*; None of what it does not tell."""
    return said_in_bouncelog(record) if isinstance(record, Failed) else None


@dataclass(frozen=True, slots=True)
class Log:
    """option: where it lies. read: a line. line_of: what it is to say of a record."""

    option: str
    read: Callable[[str], object]
    line_of: Callable[[Record], Entry | None]


LOGS = (Log("mainlog", mainlog_entry, line_of), Log("bouncelog", bouncelog_entry, bounce_of))


def _unwritten(evidence: Evidence, host: str, at: float) -> bool:
    """Whether a line of that time may be missing."""
    if at > evidence.logs_read - ENDED_SECONDS:
        return True
    if any(struck.ended is None or struck.ended >= at for struck in strikes(evidence, POWER_FAULTS, host)):
        return True  # nothing of a log is synced
    if any(
        overlaps(struck, at - WRITTEN_SECONDS, at + ENDED_SECONDS) for struck in strikes(evidence, DISK_FAULTS, host)
    ):
        return True
    return any(_ended_soon(struck, at) for struck in strikes(evidence, _ENDS, host))


def _ended_soon(struck: Struck, at: float) -> bool:
    return at <= struck.began + ENDED_SECONDS and struck.began <= at + WRITTEN_SECONDS


# what was published, and what the sinks know


def _of_sinks(evidence: Evidence) -> Iterator[Violation]:
    sinks = {
        address: plan.name
        for plan in evidence.scenario.hosts
        if plan.program is Program.SINK
        for address in plan.addresses
    }
    confirmed: dict[tuple[str, str], list[Heard]] = {}
    for heard in evidence.heard:
        confirmed.setdefault((heard.host, address(heard.forward_path)), []).append(heard)
    told: Counter[str] = Counter()
    for life, record, at in timed(evidence):
        if not isinstance(record, Delivered | Failed) or record.peer_address not in sinks:
            continue
        sink, path = sinks[record.peer_address], address(record.forward_path)
        until = at + evidence.load_began
        if _is_so(record, confirmed.get((sink, path), []), confirmed.get((sink, ""), []), until):
            continue
        told[life.host.name] += 1
        if told[life.host.name] <= SHOWN_MAX:
            text = f"{type(record).__name__} of {record.message_id} for {path}: {sink} said no such thing: {record}"
            yield _violation(life.host.name, text, at)


def _is_so(record: Delivered | Failed, to_path: list[Heard], to_all: list[Heard], until: float) -> bool:
    if isinstance(record, Delivered):
        return any(one.turn is Turn.STORED and one.reply[:1] == "2" and one.at <= until for one in to_path)
    if OWN_WORDS in record.reason or not record.reason[:3].isdigit():
        return True
    words = _words(record.reason)
    return any(one.at <= until and one.reply and _words(one.reply) in words for one in (*to_path, *to_all))


def _words(text: str) -> str:
    return " ".join(text.split())


def _violation(host: str, text: str, seconds: float = 0.0) -> Violation:
    return Violation(NAME, text, seconds, host=host)
