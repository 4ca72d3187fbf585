"""From a record to the event that tells of it, and to octets. Done for those alone that somebody wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from momentum_trio.mail import record as of
from momentum_trio.mail.bounce_reason import classify
from momentum_trio.protocol.events import event as told
from momentum_trio.protocol.events.event import Event

TEXT_MAX = 4096
"""Characters of a text that nothing else bounds."""
CHANGES_MAX = 100
CHANGE_MAX = 1024
"""Characters of one."""
PAIRS_MAX, PAIR_MAX = 50, 512
"""Of a context, and characters of each of its words."""


class Telling(NamedTuple):
    """How records of one kind are told of. kinds: the events that they can become; of: makes one of them."""

    kinds: tuple[type[Event], ...]
    of: Callable[[Any, str], Event]


def event_of(record: of.Record, cursor: str) -> Event:
    """What is told of *record*. cursor: of the event."""
    return TOLD[type(record)].of(record, cursor)


def encoded(event: Event) -> bytes:
    """*event* as JSON. What is no Unicode (octets that a client sent for text) becomes a question mark."""
    try:
        return msgspec.json.encode(event)
    except UnicodeEncodeError:
        return msgspec.json.encode(_clean(msgspec.to_builtins(event)))


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_clean(key): _clean(each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
    return value


def cut(text: str) -> str:
    """The first TEXT_MAX characters of *text*."""
    return text[:TEXT_MAX]


def _context(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    return {name[:PAIR_MAX]: text[:PAIR_MAX] for name, text in pairs[:PAIRS_MAX]}


def _message(record: of.MessageRecord, cursor: str) -> dict[str, Any]:
    return {
        "cursor": cursor,
        "time": record.at,
        "message_id": record.message_id,
        "batch_id": record.batch_id,
        "connection_id": record.connection_id,
        "forward_path": record.forward_path,
        "reverse_path": record.reverse_path,
        "binding_group": record.binding_group,
        "binding": record.binding,
    }


def _received(record: of.Received, cursor: str) -> Event:
    return told.Reception(
        **_message(record, cursor),
        peer_address=record.peer_address,
        octets=record.octets,
        protocol=record.protocol,
    )


def _delivered(record: of.Delivered, cursor: str) -> Event:
    kind = told.Transfer if isinstance(record, of.Transferred) else told.Delivery
    return kind(
        **_message(record, cursor),
        routing_domain=record.routing_domain,
        octets=record.octets,
        retries=record.retries,
        age_seconds=record.age_seconds,
        peer_address=record.peer_address,
    )


def _failed(record: of.Failed, cursor: str) -> Event:
    kind = told.Bounce if record.permanent else told.Transient
    classified = classify(record.reason)
    return kind(
        **_message(record, cursor),
        routing_domain=record.routing_domain,
        octets=record.octets,
        stage=record.stage,
        retries=record.retries,
        age_seconds=record.age_seconds,
        peer_address=record.peer_address,
        reason=cut(record.reason),
        bounce_class=int(classified),
        bounce_category=classified.category.value,
    )


def _rejected(record: of.Rejected, cursor: str) -> Event:
    return told.Rejection(
        cursor=cursor,
        time=record.at,
        remote=record.remote,
        local=record.local,
        connection_id=record.connection_id,
        protocol=record.protocol,
        pathway=record.pathway,
        pathway_group=record.pathway_group,
        phase=record.phase,
        code=record.code,
        module=record.module,
        text=cut(record.text),
        connection_context=_context(record.connection_context),
        message_context=_context(record.message_context),
    )


def _session_began(record: of.SessionBegan, cursor: str) -> Event:
    return told.SessionBegin(
        cursor=cursor,
        time=record.at,
        service=record.service,
        connection_id=record.connection_id,
        endpoint=record.endpoint,
        peer=record.peer,
    )


def _session_ended(record: of.SessionEnded, cursor: str) -> Event:
    return told.SessionEnd(
        cursor=cursor,
        time=record.at,
        service=record.service,
        connection_id=record.connection_id,
        octets_received=record.octets_received,
        octets_sent=record.octets_sent,
        why=record.why,
    )


def _listen_opened(record: of.ListenOpened, cursor: str) -> Event:
    return told.ListenOpen(cursor=cursor, time=record.at, listener=record.listener, endpoint=record.endpoint)


def _listen_closed(record: of.ListenClosed, cursor: str) -> Event:
    return told.ListenClose(cursor=cursor, time=record.at, listener=record.listener, endpoint=record.endpoint)


def _reconfigured(record: of.Reconfigured, cursor: str) -> Event:
    return told.Configuration(cursor=cursor, time=record.at, generation=record.generation, changes=record.changes)


def _panic(record: of.Panic, cursor: str) -> Event:
    return told.Panic(cursor=cursor, time=record.at, level=record.level.value, text=record.text)


def _imported(record: of.Imported, cursor: str) -> Event:
    return told.Import(
        cursor=cursor,
        time=record.at,
        old_id=record.old_id,
        new_id=record.new_id,
        result=record.result.name.lower(),
        directory=record.directory,
    )


def _authenticated(record: of.Authenticated, cursor: str) -> Event:
    return told.Authentication(
        cursor=cursor,
        time=record.at,
        endpoint=record.endpoint,
        peer=record.peer,
        user=record.user,
        accepted=record.accepted,
        expired=record.expired,
    )


def _authorized(record: of.Authorized, cursor: str) -> Event:
    return told.Authorization(
        cursor=cursor,
        time=record.at,
        endpoint=record.endpoint,
        peer=record.peer,
        user=record.user,
        accepted=record.accepted,
        command=cut(record.command),
        role=record.role,
    )


TOLD: Mapping[type[of.Record], Telling] = MappingProxyType(
    {
        of.Received: Telling((told.Reception,), _received),
        of.Delivered: Telling((told.Delivery,), _delivered),
        of.Transferred: Telling((told.Transfer,), _delivered),
        of.Failed: Telling((told.Transient, told.Bounce), _failed),
        of.Rejected: Telling((told.Rejection,), _rejected),
        of.SessionBegan: Telling((told.SessionBegin,), _session_began),
        of.SessionEnded: Telling((told.SessionEnd,), _session_ended),
        of.ListenOpened: Telling((told.ListenOpen,), _listen_opened),
        of.ListenClosed: Telling((told.ListenClose,), _listen_closed),
        of.Reconfigured: Telling((told.Configuration,), _reconfigured),
        of.Panic: Telling((told.Panic,), _panic),
        of.Imported: Telling((told.Import,), _imported),
        of.Authenticated: Telling((told.Authentication,), _authenticated),
        of.Authorized: Telling((told.Authorization,), _authorized),
    }
)
"""By the type of a record."""


def _no_event(record: of.Record) -> None:
    """Whoever looks at events over HTTP would make some by looking."""


def _short_panic(record: of.Panic) -> of.Panic:
    return record if len(record.text) <= TEXT_MAX else replace(record, text=record.text[:TEXT_MAX])


def _short_changes(record: of.Reconfigured) -> of.Reconfigured:
    return replace(record, changes=tuple(change[:CHANGE_MAX] for change in record.changes[:CHANGES_MAX]))


SHORTENED: Mapping[type[of.Record], Callable[[Any], of.Record | None]] = MappingProxyType(
    {of.Panic: _short_panic, of.Reconfigured: _short_changes, of.Requested: _no_event}
)
"""What is kept of records that nothing else bounds; None: no event tells of them."""
