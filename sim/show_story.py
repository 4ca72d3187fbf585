"""A run as a story: who was there, what broke, what became of each mail, and what is to be told of it.

Made from a ``Result`` with its trace and its evidence. All times are virtual seconds since the load began, so that they
are those of the scenario file; what happened while the hosts started has negative ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from momentum_trio.mail.record import (
    Delivered,
    Failed,
    MessageRecord,
    Panic,
    Received,
    Record,
    SessionBegan,
    SessionEnded,
)

from . import show_bus
from .evidence import Evidence, Result, Told
from .letter import name_in
from .scenario import PAIRS, SPLITS, FaultKind, Heal, Program
from .show_words import DOWN, STANDING, label, mended, strikes, told

MARGIN_SHARE, MARGIN_SECONDS_MIN = 0.08, 0.5  # around the interesting window, on each side
MAILBOXES = " mailboxes"  # after a host's name: the lane of what it delivered itself
NEAR_SECONDS = 5.0  # a fault that ended so shortly before the first event of the mail in question is part of its story
SAID_MAX = 160

_BATCH_OF_REPLY = re.compile(r"\bOK (\S+)")
_BATCH_OF_FIELD = re.compile(rb"\bid ([^;\s]+);")


@dataclass(frozen=True, slots=True)
class Lane:
    """A line of the picture. host: whose; kind: ``client``, ``node``, ``sink`` or ``mailboxes``."""

    name: str
    host: str
    kind: str
    note: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Something broken between two times, on one lane or between two (*other*). kind: ``down``, ``still``, ``sick``."""

    lane: str
    other: str
    began: float
    ended: float
    label: str
    text: str
    kind: str
    one_way: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """A message on its way. outcome: a value of ``Told``, ``delivered`` or ``failed``. guilty: it is the one."""

    began: float
    ended: float
    source: str
    target: str
    mail: str
    outcome: str
    text: str
    guilty: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """One sentence of the story. mail: whose, or empty; host: where."""

    seconds: float
    host: str
    text: str
    mail: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """From then on, *key* of *host* is *value* (a number is added to what it was)."""

    seconds: float
    host: str
    key: str
    value: str | int


@dataclass(frozen=True, slots=True)
class Sighting:
    """A record that a process published, and when."""

    seconds: float
    host: str
    record: Record


@dataclass(frozen=True, slots=True)
class Story:
    """All of it. guilty: names of the mails that violations are about; the story is the first one's.

    ends: what lies where of it at the end; window: the interesting time; whole: all there is to tell.
    """

    result: Result
    lanes: tuple[Lane, ...]
    bars: tuple[Bar, ...]
    arrows: tuple[Arrow, ...]
    moments: tuple[Moment, ...]
    changes: tuple[Change, ...]
    guilty: tuple[str, ...]
    ends: tuple[str, ...]
    window: tuple[float, float]
    whole: tuple[float, float]


def story(result: Result) -> Story:
    """The story of *result*, which must have its trace and evidence."""
    evidence = result.evidence
    assert evidence is not None, "run with keep_evidence and keep_trace"
    began = evidence.load_began
    seen = sightings(result, began)
    names = _mails_of_batches(evidence)
    guilty = tuple(dict.fromkeys([violation.mail for violation in result.violations if violation.mail]))
    arrows = [*_attempts(evidence, guilty), *_deliveries(result, seen, names, guilty), *_told(evidence)]
    moments = [
        *_of_faults(evidence),
        *_of_attempts(evidence),
        *_of_records(seen, names),
        *_examined(result, began),
        *_of_the_end(evidence),
    ]
    moments.sort(key=attrgetter("seconds"))
    times = [0.0, *(moment.seconds for moment in moments)]
    whole = (min(times), max(times) + MARGIN_SECONDS_MIN)
    return Story(
        result,
        tuple(_lanes(result, arrows)),
        (*_bars(evidence, whole[1]), *_views(evidence, whole[1])),
        tuple(sorted(arrows, key=attrgetter("began"))),
        tuple(moments),
        tuple(_changes(result, seen, began)),
        guilty,
        tuple(_ends(evidence, guilty[:1])),
        _window(result, moments, guilty[:1], whole),
        whole,
    )


def sightings(result: Result, began: float) -> list[Sighting]:
    """Every record with the virtual time at which it was published: the trace has a line for each, in their order."""
    evidence = result.evidence
    assert evidence is not None
    times = [float(line.split(" ", 1)[0]) for line in result.trace if line.split(" ", 3)[2:3] == ["event"]]
    return [
        Sighting(time - began, life.host.name, record)
        for time, (life, record) in zip(times, evidence.world.records, strict=False)
    ]


def _mails_of_batches(evidence: Evidence) -> dict[tuple[str, str], str]:
    """The name of the mail in a batch: by the id that its client was told, or that stands on top of what arrived."""
    names: dict[tuple[str, str], str] = {}
    for attempt in evidence.attempts:
        if attempt.told is Told.ACCEPTED and (found := _BATCH_OF_REPLY.search(attempt.reply)) is not None:
            names[attempt.target_host, found[1]] = attempt.mail.name
    for arrived in evidence.arrived:
        if (name := name_in(arrived.octets)) is not None:
            for batch in _BATCH_OF_FIELD.findall(arrived.octets[: arrived.octets.find(name.encode())]):
                for host in evidence.scenario.hosts:
                    names.setdefault((host.name, batch.decode("ascii", "replace")), name)
    return names


# -- the picture


LANES = {
    Program.CLIENT: ("client", "sends mail"),
    Program.ECELERITY: ("node", "the server under test"),
    Program.ECCMGR: ("node", "manages the cluster"),
    Program.SINK: ("sink", "receives mail"),
    Program.NAMESERVER: ("sink", "knows the names"),
}
"""What the lane of a host is called, and says, by its program; in this order they stand."""


def _lanes(result: Result, arrows: Iterable[Arrow]) -> Iterator[Lane]:
    mailboxes = dict.fromkeys(arrow.target for arrow in arrows if arrow.target.endswith(MAILBOXES))
    for host in sorted(result.scenario.hosts, key=lambda each: [*LANES].index(each.program)):
        kind, note = LANES[host.program]
        yield Lane(host.name, host.name, kind, note)
        if host.name + MAILBOXES in mailboxes:
            yield Lane(host.name + MAILBOXES, host.name, "mailboxes", f"on the disk of {host.name}")


def _bars(evidence: Evidence, end: float) -> Iterator[Bar]:
    for struck in evidence.struck:
        if not struck.did:
            continue
        fault = struck.fault
        ended = end if struck.ended is None else struck.ended
        kind = "down" if fault.kind in DOWN else "still" if fault.kind in STANDING else "sick"
        text = strikes(struck) if struck.ended is not None else f"{strikes(struck)} (never mended)"
        other = fault.targets[1] if fault.kind in PAIRS else ""
        one_way = fault.kind is FaultKind.ONE_WAY
        for lane in fault.targets if fault.kind in SPLITS else fault.targets[:1]:
            yield Bar(lane, other, struck.began, ended, label(struck), text, kind, one_way)


def _views(evidence: Evidence, end: float) -> Iterator[Bar]:
    for seen in show_bus.views(evidence.bus, end):
        kind = "view" if seen.view.primary else "minor"
        yield Bar(seen.host, "", seen.began, seen.ended, seen.label, seen.text, kind)


def _told(evidence: Evidence) -> Iterator[Arrow]:
    for heard in show_bus.heard(evidence.bus):
        yield Arrow(heard.said, heard.told, heard.source, heard.target, heard.name, "told", heard.text, guilty=False)


def _attempts(evidence: Evidence, guilty: tuple[str, ...]) -> Iterator[Arrow]:
    for attempt in evidence.attempts:
        mail = attempt.mail
        target = attempt.target_host or _host_at(evidence, mail.target)
        if target:
            text = f"{mail.name}: {mail.source} to {target}, {attempt.told.value}: {attempt.reply}"
            yield Arrow(
                attempt.began,
                attempt.ended,
                mail.source,
                target,
                mail.name,
                attempt.told.value,
                text,
                mail.name in guilty,
            )


def _deliveries(
    result: Result, seen: Iterable[Sighting], names: dict[tuple[str, str], str], guilty: tuple[str, ...]
) -> Iterator[Arrow]:
    evidence = result.evidence
    assert evidence is not None
    for sighting in seen:
        record, host = sighting.record, sighting.host
        if not isinstance(record, Delivered):
            continue
        name = names.get((host, record.batch_id), "")
        target = _host_at(evidence, record.peer_address.rpartition(":")[0] or record.peer_address) or host + MAILBOXES
        text = f"{name or record.batch_id}: {host} delivered it for {record.forward_path}"
        yield Arrow(
            sighting.seconds, sighting.seconds, host, target, name, "delivered", text, bool(name) and name in guilty
        )


def _host_at(evidence: Evidence, target: str) -> str:
    """The host with that name or address; empty: nobody."""
    for host in evidence.scenario.hosts:
        if target and (target == host.name or target.strip("[]") in host.addresses):
            return host.name
    return ""


# -- the sentences


def _of_faults(evidence: Evidence) -> Iterator[Moment]:
    for struck in evidence.struck:
        host = struck.fault.targets[0]
        answer = f": it answers «{_short(struck.answer)}»" if struck.answer else ""
        yield Moment(struck.began, host, strikes(struck) + answer, kind="fault")
        if struck.did and struck.ended is not None and struck.ended > struck.began and (text := mended(struck)):
            yield Moment(struck.ended, host, text, kind="mended")


def _of_attempts(evidence: Evidence) -> Iterator[Moment]:
    for attempt in evidence.attempts:
        mail = attempt.mail
        host = attempt.target_host or mail.target
        to = ", ".join(mail.forward_paths)
        yield Moment(
            attempt.began, mail.source, f"{mail.source} begins to send {mail.name} to {host}, for {to}", mail.name
        )
        yield Moment(attempt.ended, host, told(attempt), mail.name, attempt.told.value)


def _of_records(seen: Iterable[Sighting], names: dict[tuple[str, str], str]) -> Iterator[Moment]:
    for sighting in seen:
        host, record = sighting.host, sighting.record
        name = names.get((host, record.batch_id), "") if isinstance(record, MessageRecord) else ""
        what = name or "a message"
        match record:
            case Received():
                text = (
                    f"{host} reports that it took {what} into its spool as {record.batch_id}, for {record.forward_path}"
                )
                yield Moment(sighting.seconds, host, text, name, "spooled")
            case Delivered():
                where = f" to {record.peer_address}" if record.peer_address else ""
                text = f"{host} reports {what} delivered{where}, for {record.forward_path}"
                yield Moment(sighting.seconds, host, text, name, "delivered")
            case Failed():
                did = f"gives {what} up" if record.permanent else f"cannot deliver {what} yet"
                text = f"{host} {did}, for {record.forward_path}: {_short(record.reason)}"
                yield Moment(sighting.seconds, host, text, name, "failed")
            case Panic():
                yield Moment(sighting.seconds, host, f"{host} reports ({record.level.value}): {_short(record.text)}")


def _examined(result: Result, began: float) -> Iterator[Moment]:
    """The power losses after all faults are over: those of the examination at the end."""
    nodes = [host.name for host in result.scenario.hosts if host.program is not Program.CLIENT]
    for line in result.trace:
        time, host, kind, *_ = [*line.split(" ", 3), "", ""]
        if kind == "power-loss" and host in nodes and float(time) - began >= result.scenario.duration_seconds:
            text = f"the power of {host} is cut for the last time, to see what is durable on its disk"
            yield Moment(float(time) - began, host, text, kind="last")


def _of_the_end(evidence: Evidence) -> Iterator[Moment]:
    scenario = evidence.scenario
    mended = "everything" if scenario.expect.heal is Heal.ALL else " and ".join(scenario.expect.sufficient)
    text = f"no more faults; what is broken is mended ({mended}), and it is waited until all mail is delivered"
    yield Moment(scenario.duration_seconds, "", text, kind="mended")
    if evidence.drained_after_seconds is not None:
        yield Moment(scenario.duration_seconds + evidence.drained_after_seconds, "", "all mail is delivered")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SAID_MAX else text[:SAID_MAX] + " ..."


def _ends(evidence: Evidence, guilty: tuple[str, ...]) -> Iterator[str]:
    """What lies where at the end, of each mail in question."""
    for name in guilty:
        places = [
            f"for {each.forward_path} at {each.host}" for each in evidence.arrived if name_in(each.octets) == name
        ]
        found = {0: "no durable copy", 1: "one durable copy"}.get(len(places), f"{len(places)} durable copies")
        yield f"At the end, {found} of {name}{': ' if places else ' anywhere'}{'; '.join(places)}."


# -- the scrubber


def _changes(result: Result, seen: Iterable[Sighting], began: float) -> Iterator[Change]:
    """What the state of each host follows from, in order of time."""
    evidence = result.evidence
    assert evidence is not None
    found = [*_ups_and_downs(result, began), *_counts(seen)]
    for struck in evidence.struck:
        if struck.did and (struck.ended is None or struck.ended > struck.began):
            for host in struck.fault.targets:
                found.append(Change(struck.began, host, f"fault {label(struck)}", 1))
                if struck.ended is not None:
                    found.append(Change(struck.ended, host, f"fault {label(struck)}", -1))
    yield from sorted(found, key=attrgetter("seconds"))


def _ups_and_downs(result: Result, began: float) -> Iterator[Change]:
    for line in result.trace:
        time, host, kind, *_ = [*line.split(" ", 3), "", ""]
        if kind in ("boot", "end"):
            yield Change(float(time) - began, host, "lives", 1 if kind == "boot" else -1)
            if kind == "end":  # a new life begins without sessions
                yield Change(float(time) - began, host, "sessions", "0")


def _counts(seen: Iterable[Sighting]) -> Iterator[Change]:
    kept: dict[tuple[str, str, str], None] = {}
    for sighting in seen:
        host, record, seconds = sighting.host, sighting.record, sighting.seconds
        match record:
            case Received():
                kept[host, record.batch_id, record.message_id] = None
                yield Change(seconds, host, "spool", 1)
            case Delivered() | Failed():
                final = isinstance(record, Delivered) or record.permanent
                if final and (host, record.batch_id, record.message_id) in kept:
                    del kept[host, record.batch_id, record.message_id]
                    yield Change(seconds, host, "spool", -1)
                if isinstance(record, Delivered):
                    yield Change(seconds, host, "delivered", 1)
            case SessionBegan():
                yield Change(seconds, host, "sessions", 1)
            case SessionEnded():
                yield Change(seconds, host, "sessions", -1)


# -- the window


def _window(
    result: Result, moments: list[Moment], about: tuple[str, ...], whole: tuple[float, float]
) -> tuple[float, float]:
    """Where the mail in question is on its way, and what breaks meanwhile; all of it if there is no such mail.

    Of a run in which everything held, load and faults.
    """
    times = [moment.seconds for moment in moments if moment.mail in about]
    times += [violation.seconds for violation in result.violations[:1] if violation.seconds > 0]
    if not times:
        return whole if result.violations else (whole[0], min(whole[1], result.scenario.duration_seconds))
    first, last = min(times), max(times)
    near = [
        moment.seconds
        for moment in moments
        if moment.kind in ("fault", "mended") and first - NEAR_SECONDS <= moment.seconds <= last
    ]
    first = min([first, *near])
    margin = max((last - first) * MARGIN_SHARE, MARGIN_SECONDS_MIN)
    return max(first - margin, whole[0]), min(last + margin, max(whole[1], last + margin))
