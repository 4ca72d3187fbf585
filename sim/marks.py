"""What a run reached. A campaign that never reached a thing has said nothing about it: sometimes-assertions.

Each mark is a row of MARKS; how often a fault of a kind struck is the mark ``fault.<kind>``. They are taken from what
is there after any run (attempts, faults, records, kinds of trace lines, sizes), so that they cost next to nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from momentum_trio.console.broadcast import ReplyState
from momentum_trio.mail.record import Delivered, Failed, Panic, Received, Reconfigured, SessionEnded, Transferred
from momentum_trio.spool.segment import parse_segment_name

from .checks.asked import askings, looks
from .checks.custody import DISK_FAULTS, copies, strikes
from .checks.delivered_once import unsaid
from .checks.explained_as_it_is import questions
from .client import LEFT
from .evidence import Evidence, Exchange, Told
from .scenario import FaultKind, Program


@dataclass(frozen=True, slots=True)
class Mark:
    """name: in a scenario's ``Expect`` and in summaries. count: how often one run reached it."""

    name: str
    meaning: str
    count: Callable[[Evidence], int]


def reached(evidence: Evidence) -> dict[str, int]:
    """How often the run reached each mark; those it did not reach are left out."""
    found = Counter(f"fault.{struck.fault.kind.value}" for struck in evidence.struck if struck.did)
    for mark in MARKS:
        if count := mark.count(evidence):
            found[mark.name] = count
    return dict(found)


@dataclass(slots=True)
class Campaign:
    """Marks over many runs. runs: how many reached each; times: how often, all runs together."""

    count: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)

    def add(self, marks: Mapping[str, int]) -> None:
        """One more run."""
        self.count += 1
        self.runs.update(dict.fromkeys(marks, 1))
        self.times.update(marks)

    @property
    def duplicates(self) -> float:
        """The share of second copies among all that arrived."""
        arrived = self.times["arrived"]
        return self.times["second_copy"] / (arrived + self.times["second_copy"]) if arrived else 0.0

    def never(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Those of *wanted* that no run reached, in order."""
        return tuple(name for name in wanted if not self.times[name])


# how they are counted


def _told(*told: Told) -> Callable[[Evidence], int]:
    return lambda evidence: sum(attempt.told in told for attempt in evidence.attempts)


def _replied(*beginnings: str) -> Callable[[Evidence], int]:
    """Attempts with such a last reply, or with a recipient refused by one."""

    def count(evidence: Evidence) -> int:
        return sum(
            any(reply.startswith(beginnings) for reply in (attempt.reply, *dict(attempt.refused_paths).values()))
            for attempt in evidence.attempts
        )

    return count


def _failed_with(word: str) -> Callable[[Evidence], int]:
    return lambda evidence: sum(word in attempt.reply.lower() for attempt in evidence.attempts)


def _panics(words: str) -> Callable[[Evidence], int]:
    return lambda evidence: sum(
        isinstance(record, Panic) and words in record.text for _, record in evidence.world.records
    )


def _ended(why: str) -> Callable[[Evidence], int]:
    return lambda evidence: sum(
        isinstance(record, SessionEnded) and record.why == why for _, record in evidence.world.records
    )


def _traced(kind: str) -> Callable[[Evidence], int]:
    return lambda evidence: evidence.world.kernel.kinds[kind]


def _retried(evidence: Evidence) -> int:
    tries = Counter(attempt.mail.name for attempt in evidence.attempts)
    return sum(count > 1 for count in tries.values())


def _duplicates(evidence: Evidence) -> int:
    return sum(len(found) > 1 for found in copies(evidence).values())


def _moved(evidence: Evidence) -> int:
    return sum(isinstance(record, Transferred) for _, record in evidence.world.records)


def _arrived(evidence: Evidence) -> int:
    return sum(bool(name) for name, _ in copies(evidence))


def _second_copies(evidence: Evidence) -> int:
    """Copies beyond the first, but for those that a sink asked for, since it did not say that it had one."""
    silent = unsaid(evidence)
    return sum(max(0, len(found) - 1 - silent[key]) for key, found in copies(evidence).items() if key[0])


def _batches_repeated(evidence: Evidence) -> int:
    return len(evidence.hooked) - len({(hooked.host, hooked.batch_id) for hooked in evidence.hooked})


def _worse_exchanger(evidence: Evidence) -> int:
    """Deliveries to a sink that is not the best exchanger of the domain, as DNS has it."""
    hosts = {address: plan.name for plan in evidence.scenario.hosts for address in plan.addresses}
    several = [plan for plan in evidence.scenario.names if len(plan.mx) > 1]
    best = {plan.name: min(plan.mx, key=lambda mx: int(mx.split()[0])).split()[1] for plan in several}
    return sum(
        isinstance(record, Delivered)
        and (domain := record.forward_path.rpartition("@")[2]) in best
        and hosts.get(record.peer_address, "") in evidence.world.hosts
        and hosts[record.peer_address] != best[domain]
        for _, record in evidence.world.records
    )


def _denied(evidence: Evidence) -> int:
    denied = "550 5.7.1 relaying denied"
    return sum(reply.startswith(denied) for attempt in evidence.attempts for _, reply in attempt.refused_paths)


def _after_retry(evidence: Evidence) -> int:
    return sum(isinstance(record, Delivered) and record.retries > 0 for _, record in evidence.world.records)


def _given_up(evidence: Evidence) -> int:
    return sum(isinstance(record, Failed) and record.permanent for _, record in evidence.world.records)


def _by_another_life(evidence: Evidence) -> int:
    """Messages that one life took and another delivered."""
    takers = {record.message_id: life for life, record in evidence.world.records if isinstance(record, Received)}
    return sum(
        isinstance(record, Delivered) and takers.get(record.message_id, life) is not life
        for life, record in evidence.world.records
    )


def _seats_used_up(evidence: Evidence) -> int:
    return sum(sum(look.held.values()) == look.limit for look in evidence.seats)


def _reconfigured(evidence: Evidence) -> int:
    return sum(isinstance(record, Reconfigured) for _, record in evidence.world.records)


def _segments(evidence: Evidence, host: str) -> list[int]:
    """The numbers of the segments that lie on *host*'s disk at the end."""
    names = (path.rpartition("/")[2] for path in evidence.world.hosts[host].store.files())
    return [numbers[0] for name in names if (numbers := parse_segment_name(name)) is not None]


def _rotated(evidence: Evidence) -> int:
    """Segments made beyond the first of each life, on hosts whose disk made none of them fail."""
    count = 0
    for plan in evidence.scenario.hosts:
        if plan.program is Program.ECELERITY and not any(strikes(evidence, DISK_FAULTS, plan.name)):
            lives = {life: None for life, _ in evidence.world.records if life.host.name == plan.name}
            count += max(0, max(_segments(evidence, plan.name), default=0) - len(lives))
    return count


def _reclaimed(evidence: Evidence) -> int:
    """Segments that were made and are not there any more."""
    nodes = [plan.name for plan in evidence.scenario.hosts if plan.program is Program.ECELERITY]
    found = [numbers for name in nodes if (numbers := _segments(evidence, name))]
    return sum(max(numbers) - len(numbers) for numbers in found)


def _said(*beginnings: str, ok: bool | None) -> Callable[[Evidence], int]:
    """Lines that begin so, by their answer; None: it never came."""
    return lambda evidence: sum(
        exchange.line.startswith(beginnings) and exchange.ok is ok for exchange in evidence.exchanges
    )


def _told_of_nodes(state: ReplyState) -> Callable[[Evidence], int]:
    """Answers of nodes that a manager told of, in that state."""
    return lambda evidence: sum(row.state is state for look in looks(evidence) for row in look.rows)


def _commits(evidence: Evidence) -> list[Exchange]:
    return [each for each in evidence.exchanges if each.line.startswith("config commit") and each.ended is not None]


def _raced(evidence: Evidence) -> int:
    """Pairs of commits that were under way at the same time."""
    commits = _commits(evidence)
    return sum(
        one.host == other.host and one.began <= other.began < (one.ended or 0.0)
        for number, one in enumerate(commits)
        for other in commits[number + 1 :]
    )


def _switched_under_load(evidence: Evidence) -> int:
    """Commits that took a Listen away, while somebody connected who was taken."""
    moved = {
        exchange.session
        for exchange in evidence.exchanges
        if exchange.ok and exchange.line.startswith("config unset") and " listen " in exchange.line
    }
    taken = [each.connected for each in evidence.attempts if each.connected is not None and each.forward_paths]
    return sum(
        bool(exchange.ok) and exchange.session in moved and any(exchange.began <= at <= exchange.ended for at in taken)
        for exchange in _commits(evidence)
        if exchange.ended is not None
    )


def _taken_back(evidence: Evidence) -> int:
    return sum(
        isinstance(record, Panic) and "a commit was not confirmed in time" in record.text
        for _, record in evidence.world.records
    )


MARKS = (
    Mark("accepted", "a mail was accepted", _told(Told.ACCEPTED)),
    Mark("deferred", "a client was told to come again, or found nobody", _told(Told.DEFERRED)),
    Mark("unknown", "a client never learnt what became of its mail", _told(Told.UNKNOWN)),
    Mark("client_retried", "a mail took more than one attempt", _retried),
    Mark("client_left", "a client broke an attempt off", _replied(LEFT)),
    Mark("connection_refused", "nobody listened", _failed_with("refused")),
    Mark("connection_reset", "a connection was reset under a client", _failed_with("reset")),
    Mark("backlog_overflow", "a connection request met a full queue", _traced("syn-dropped")),
    Mark("timed_out", "a connection was given up, nothing having been acknowledged", _traced("timeout")),
    Mark("disk_failed", "a step of a disk failed", _traced("disk-error")),
    Mark("write_torn", "power loss left a part of a write", _traced("disk-torn")),
    Mark("webhook_told", "a batch of events was taken", lambda evidence: len(evidence.hooked)),
    Mark("webhook_repeated", "a batch of events came again", _batches_repeated),
    Mark("relay_denied", "a recipient was refused for relaying", _denied),
    Mark("duplicate", "a mail lies twice at its end", _duplicates),
    Mark("arrived", "a mail arrived at one of its addresses", _arrived),
    Mark(
        "second_copy",
        "a copy beyond the first, not owed to a sink that kept the first and did not say so",
        _second_copies,
    ),
    Mark("451_disk", "451: the spool could not write or sync", _replied("451 4.3.0")),
    Mark("452_full", "452: the spool's disk was full", _replied("452 4.3.1")),
    Mark("421_drain", "421: the node was shutting down", _replied("421 4.3.2")),
    Mark("421_idle", "421: a client was silent for too long", _replied("421 4.4.2")),
    Mark("421_ceiling", "421: too many sessions", _replied("421 4.4.5")),
    Mark("session_idle", "a session ended for its silence", _ended("idle")),
    Mark("session_drained", "a session ended because the node drained", _ended("drain")),
    Mark(
        "descriptors_exhausted",
        "a connection was answered with the spare descriptor",
        _panics("no descriptor left for a connection"),
    ),
    Mark("sync_in_doubt", "a group was refused that may be in the log all the same", _panics("may appear twice")),
    Mark("segment_sealed", "a segment was ended for good after a failure", _panics("is sealed at")),
    Mark("quarantined", "damage was found and kept aside", _panics("kept in quarantine")),
    Mark("compaction_paused", "copying forward met a failing disk", _panics("compaction pauses")),
    Mark("segment_rotated", "a segment was full, and the next one begun", _rotated),
    Mark("segment_reclaimed", "a segment of which nothing lived was removed", _reclaimed),
    Mark("deferred_then_delivered", "a message was delivered after a failed attempt", _after_retry),
    Mark("given_up", "a message failed for good", _given_up),
    Mark("moved", "a message was handed over to another node of its cluster", _moved),
    Mark("seats_used_up", "nodes held all seats of a limit they share", _seats_used_up),
    Mark("sender_told", "a notification arrived", lambda evidence: len(evidence.reports)),
    Mark("worse_exchanger", "mail went to another exchanger than the best", _worse_exchanger),
    Mark("delivered_by_another_life", "a message was delivered after a restart", _by_another_life),
    Mark("reconfigured", "a new generation of a configuration took effect", _reconfigured),
    Mark("commits_raced", "two commits were under way at once", _raced),
    Mark("commit_taken_back", "a commit was not confirmed in time", _taken_back),
    Mark("console_left", "an operator's connection was lost before the answer", _said("config ", ok=None)),
    Mark("reload_refused", "files were reloaded that cannot hold", _said("config reload", ok=False)),
    Mark("written_back", "what held was written to the files", _said("config writeback", ok=True)),
    Mark("switched_under_load", "a Listen was moved while somebody connected", _switched_under_load),
    Mark("explained", "a client was explained", lambda evidence: sum(1 for _ in questions(evidence))),
    Mark("broadcast", "a manager was asked to have nodes run a command", lambda evidence: len(askings(evidence))),
    Mark("broadcast_waiting", "a manager told that a node has not answered yet", _told_of_nodes(ReplyState.WAITING)),
    Mark("broadcast_answered", "a manager told what a node had answered", _told_of_nodes(ReplyState.ANSWERED)),
    Mark("broadcast_failed", "a manager told that a command had failed at a node", _told_of_nodes(ReplyState.FAILED)),
    Mark("broadcast_gone", "a manager told that a node had left before it answered", _told_of_nodes(ReplyState.GONE)),
    Mark("broadcast_unknown", "answers were looked for that a manager does not have", _said("retrieve", ok=False)),
    Mark("broadcast_left", "an operator's connection was lost before a command was sent", _said("broadcast", ok=None)),
    Mark("manager_anew", "a manager left its cluster and came again", _said("config set cluster", ok=True)),
    Mark("command_refused", "a console command was refused", lambda evidence: len(evidence.refused_commands)),
)

NAMES = frozenset(mark.name for mark in MARKS) | {f"fault.{kind.value}" for kind in FaultKind}
"""Every mark there is."""
