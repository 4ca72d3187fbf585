"""Which log entries were asked for: the conditions of ec_log_trace, and what one entry says to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from momentum_trio.log.parse import Entry
from momentum_trio.log.parse_bouncelog import Bounce
from momentum_trio.log.parse_mainlog import Delivery, Failure, Reception
from momentum_trio.log.parse_rejectlog import Rejection
from momentum_trio.mail.path import split

Test = Callable[[str], bool]
MessageEntry = Reception | Delivery | Failure | Bounce


@dataclass(frozen=True, slots=True)
class Condition:
    """One option: *read* takes what it is about out of an entry, None where the entry has no such thing.

    All conditions of one *name* are alternatives; conditions of different names must all hold.
    """

    name: str
    read: Callable[[Entry], str | None]
    test: Test

    def holds(self, entry: Entry) -> bool:
        """Whether *entry* has such a thing, and it is as wanted."""
        found = self.read(entry)
        return found is not None and self.test(found)


def equal(text: str) -> Test:
    """Equal, in any case of letters."""
    wanted = text.lower()
    return lambda found: found.lower() == wanted


def matching(text: str) -> Test:
    """A regular expression found in it. Raises ValueError for what is none."""
    try:
        return lambda found, search=re.compile(text, re.IGNORECASE).search: search(found) is not None  # type: ignore[misc]
    except re.error as fault:
        raise ValueError(f"{text!r} is no regular expression: {fault}") from fault


def message_id(entry: Entry) -> str | None:
    """Of the message it is about: one recipient of a transaction; None: it is about none."""
    return entry.message_id if isinstance(entry, MessageEntry) else None


def batch_id(entry: Entry) -> str | None:
    """Of the copies of one message."""
    return entry.batch_id if isinstance(entry, MessageEntry) else None


def connection_id(entry: Entry) -> str | None:
    """Of the session it happened in; None: the log does not say."""
    return entry.connection_id if isinstance(entry, MessageEntry | Rejection) else None


def sender(entry: Entry) -> str | None:
    """The reverse-path; ``<>`` is the null one."""
    return entry.reverse_path or "<>" if isinstance(entry, Reception | Bounce) else None


def sender_domain(entry: Entry) -> str | None:
    """The domain of the reverse-path."""
    return split(entry.reverse_path)[1] if isinstance(entry, Reception | Bounce) else None


def recipient(entry: Entry) -> str | None:
    """The forward-path."""
    return entry.forward_path if isinstance(entry, Reception | Bounce) else None


def recipient_domain(entry: Entry) -> str | None:
    """The domain of the forward-path, or the one a message was routed to."""
    if isinstance(entry, Reception | Bounce):
        return split(entry.forward_path)[1]
    return entry.routing_domain if isinstance(entry, Delivery | Failure) else None


def source_address(entry: Entry) -> str | None:
    """Who brought it."""
    return entry.peer_address if isinstance(entry, Reception) else None


def destination_address(entry: Entry) -> str | None:
    """Who took it, or did not."""
    return entry.peer_address if isinstance(entry, Delivery | Failure | Bounce) else None


def binding(entry: Entry) -> str | None:
    """The binding of the message; None where the log does not say."""
    return entry.binding if isinstance(entry, Delivery | Failure | Bounce) else None


def binding_group(entry: Entry) -> str | None:
    """The binding group of the message; None where the log does not say."""
    return entry.binding_group if isinstance(entry, Delivery | Failure | Bounce) else None


@dataclass(slots=True)
class Filter:
    """All that was asked. letters: the types wanted, all if empty. since, until: Unix seconds, both included."""

    conditions: Sequence[Condition] = ()
    letters: frozenset[str] = frozenset()
    since: float = float("-inf")
    until: float = float("inf")
    _by_name: tuple[tuple[Condition, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        names = dict.fromkeys(condition.name for condition in self.conditions)
        self._by_name = tuple(tuple(c for c in self.conditions if c.name == name) for name in names)

    def of_type(self, entry: Entry) -> bool:
        """Whether its type and its time were asked for."""
        return self.since <= entry.at <= self.until and (not self.letters or letter(entry) in self.letters)

    def matches(self, entry: Entry) -> bool:
        """Whether *entry* alone satisfies everything."""
        return self.of_type(entry) and self.story_matches((entry,))

    def story_matches(self, entries: Sequence[Entry]) -> bool:
        """Whether of the conditions of each name one is satisfied by one of *entries*."""
        return all(
            any(condition.holds(entry) for condition in alternatives for entry in entries)
            for alternatives in self._by_name
        )


def letter(entry: Entry) -> str:
    """The type of an entry: ``R D X T P B reject M``, empty for others."""
    match entry:
        case Reception():
            return "R"
        case Delivery():
            return "X" if entry.transferred else "D"
        case Failure():
            return "P" if entry.permanent else "T"
        case Bounce():
            return "B"
        case Rejection():
            return "reject"
    return ""
