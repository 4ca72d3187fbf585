"""The stories of messages out of a stream of entries: what happened to each, in order, told once it is over.

Kept in memory is what is not over yet: as many messages as were in the queue, within STORIES_MAX.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from momentum_trio.cli.log_filter import MessageEntry
from momentum_trio.log.parse import Entry
from momentum_trio.log.parse_bouncelog import Bounce
from momentum_trio.log.parse_mainlog import Delivery, Failure, Reception

STORIES_MAX: Final = 2_000_000
AFTERWARDS_SECONDS: Final = 60
"""How long after its delivery or failure a message may still be spoken of (bounces, other logs)."""

Story: TypeAlias = list[MessageEntry]


def stories(entries: Iterable[Entry]) -> Iterator[Story]:
    """The stories in *entries*, which come in order of time; of STORIES_MAX the oldest is told as it stands."""
    told_of: dict[str, Story] = {}
    over: deque[tuple[int, str]] = deque()
    for entry in entries:
        while over and entry.at > over[0][0] + AFTERWARDS_SECONDS:
            yield from _taken(told_of, over.popleft()[1])
        if not isinstance(entry, MessageEntry):
            continue
        if entry.message_id not in told_of and len(told_of) >= STORIES_MAX:
            yield from _taken(told_of, next(iter(told_of)))
        told_of.setdefault(entry.message_id, []).append(entry)
        if isinstance(entry, Delivery) or (isinstance(entry, Failure) and entry.permanent):
            over.append((entry.at, entry.message_id))
    yield from map(_in_order, told_of.values())


def _taken(told_of: dict[str, Story], message_id: str) -> Iterator[Story]:
    if message_id in told_of:
        yield _in_order(told_of.pop(message_id))


def _in_order(story: Story) -> Story:
    """Bounces last: the bouncelog has them at the time of reception."""
    return sorted(story, key=lambda entry: isinstance(entry, Bounce))


def sentence(entry: MessageEntry) -> str:
    """What *entry* says, in words."""
    match entry:
        case Reception():
            via = f"{entry.octets} octets by {entry.protocol}, {entry.binding_group}/{entry.binding}"
            return f"received from {entry.peer_address or 'nobody'}, {via}"
        case Delivery():
            done = "transferred" if entry.transferred else "delivered"
            where = f"{entry.routing_domain} at {entry.peer_address or 'this host'}"
            return f"{done} to {where}, {entry.octets} octets, {entry.retries} retries, after {entry.age_seconds:g} s"
        case Failure():
            kind = "failed for good" if entry.permanent else "failed for now"
            where = f"{entry.routing_domain} at {entry.peer_address or 'no host'}, stage {entry.stage}"
            return f"{kind} to {where}, {entry.retries} retries, after {entry.age_seconds:g} s: {entry.reason}"
    kind = "failed for now" if entry.transient else "bounced"
    return f"{kind}, class {entry.classification}, stage {entry.stage}: {entry.reason}"


def heading(story: Story) -> str:
    """Which message *story* is about."""
    first = story[0]
    envelope = next((e for e in story if not isinstance(e, Delivery | Failure)), None)
    about = "" if envelope is None else f"  <{envelope.reverse_path}> -> <{envelope.forward_path}>"
    return f"{first.message_id}{about}  (batch {first.batch_id}, connection {first.connection_id})"
