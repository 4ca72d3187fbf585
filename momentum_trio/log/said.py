"""What the line of a record says, no more and no less: for laws of the formats, and for checks of what was logged."""

from __future__ import annotations

from momentum_trio.log import httplog
from momentum_trio.log.parse import Entry
from momentum_trio.log.parse_acctlog import Authentication, Authorization
from momentum_trio.log.parse_bouncelog import Bounce
from momentum_trio.log.parse_httplog import Request
from momentum_trio.log.parse_importlog import Import
from momentum_trio.log.parse_mainlog import Delivery, Failure, Reception
from momentum_trio.log.parse_paniclog import Fault
from momentum_trio.log.parse_rejectlog import Rejection
from momentum_trio.log.reading import joined
from momentum_trio.mail.bounce_reason import classify
from momentum_trio.mail.path import split
from momentum_trio.mail.record import (
    Authenticated,
    Authorized,
    Delivered,
    Failed,
    Imported,
    Panic,
    Received,
    Record,
    Rejected,
    Requested,
    Transferred,
)


def said(record: Record) -> Entry | None:
    """The entry that reading *record*'s line gives, a failure's in the mainlog; None where no log has one."""
    match record:
        case Received():
            return _received(record)
        case Delivered():
            return _delivered(record)
        case Failed():
            return _failed(record)
        case Rejected():
            return _rejected(record)
        case Authenticated(at, endpoint, peer, user, accepted, expired):
            return Authentication(int(at), "T" if expired else "N", endpoint, peer, user, int(accepted))
        case Authorized(at, endpoint, peer, user, accepted, command, role):
            return Authorization(int(at), endpoint, peer, user, int(accepted), command, role if accepted else "")
        case Imported(at, old_id, new_id, result, directory):
            return Import(int(at), old_id, new_id, result, directory)
        case Panic(at, _, text):
            return Fault(int(at), text)
        case Requested():
            milliseconds = float(f"{record.seconds * 1000:.3f}")
            line = httplog.request_line(record)
            return Request(
                int(record.at), record.peer, record.endpoint, line, record.status, record.octets, milliseconds
            )
    return None


def said_in_bouncelog(record: Failed) -> Bounce:
    """The entry that reading *record*'s line in the bouncelog gives; its time is that of the message's reception."""
    return Bounce(
        int(record.received_at),
        record.message_id,
        record.batch_id,
        record.connection_id,
        not record.permanent,
        joined(*split(record.forward_path)),
        joined(*split(record.reverse_path)),
        record.binding_group,
        record.binding,
        record.stage,
        int(classify(record.reason)),
        record.message_octets,
        record.peer_address,
        record.reason,
    )


def _received(record: Received) -> Reception:
    return Reception(
        int(record.at),
        record.message_id,
        record.batch_id,
        record.connection_id,
        joined(*split(record.forward_path)),
        joined(*split(record.reverse_path)),
        record.peer_address,
        record.octets,
        record.protocol,
        record.binding_group,
        record.binding,
    )


def _delivered(record: Delivered) -> Delivery:
    return Delivery(
        int(record.at),
        record.message_id,
        record.batch_id,
        record.connection_id,
        isinstance(record, Transferred),
        record.routing_domain,
        record.octets,
        record.binding_group,
        record.binding,
        record.retries,
        float(f"{record.age_seconds:.3f}"),
        record.peer_address,
    )


def _failed(record: Failed) -> Failure:
    return Failure(
        int(record.at),
        record.message_id,
        record.batch_id,
        record.connection_id,
        record.permanent,
        record.routing_domain,
        record.octets,
        record.binding_group,
        record.binding,
        record.stage,
        record.retries,
        float(f"{record.age_seconds:.2f}"),
        record.peer_address,
        record.reason,
    )


def _rejected(record: Rejected) -> Rejection:
    return Rejection(
        int(record.at),
        record.remote,
        record.local,
        record.connection_id,
        record.pathway,
        record.pathway_group,
        record.phase,
        record.code,
        record.module,
        record.text,
        record.connection_context,
        record.message_context,
    )
