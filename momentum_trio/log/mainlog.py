"""The mainlog: one line for each reception, delivery and failure (spec/logs.md section 3).

The line is formatted first and looked at once: only when a field holds what must be escaped is it put together again
field by field.
"""

from __future__ import annotations

from momentum_trio.log.escaping import field, rest
from momentum_trio.mail.path import split
from momentum_trio.mail.record import Delivered, Failed, Received, Transferred

_RECEPTION_SEPARATORS = 13
_DELIVERY_SEPARATORS = 11
_FAILURE_SEPARATORS = 12


def received(record: Received) -> str:
    """The line of an ``R`` record, without its end."""
    forward_path, reverse_path = record.forward_path, record.reverse_path or "@"
    line = (
        f"{int(record.at)}@{record.message_id}@{record.batch_id}@{record.connection_id}@R@{forward_path}@{reverse_path}"
        f"@{record.peer_address}@{record.octets}@{record.protocol}@{record.binding_group}@{record.binding}"
    )
    if (
        line.isprintable()
        and "\\" not in line
        and '"' not in line  # a quoted local-part, or a literal, may hold the one @ there is
        and "]" not in line
        and forward_path.count("@") == 1
        and reverse_path.count("@") == 1
        and line.count("@") == _RECEPTION_SEPARATORS
    ):
        return line
    return "@".join(
        (
            str(int(record.at)),
            field(record.message_id),
            field(record.batch_id),
            field(record.connection_id),
            "R",
            *map(field, split(forward_path)),
            *map(field, split(record.reverse_path)),
            field(record.peer_address),
            str(record.octets),
            field(record.protocol),
            field(record.binding_group),
            field(record.binding),
        )
    )


def delivered(record: Delivered) -> str:
    """``D``, or ``X`` for what went to another node."""
    letter = "X" if isinstance(record, Transferred) else "D"
    line = (
        f"{int(record.at)}@{record.message_id}@{record.batch_id}@{record.connection_id}@{letter}@{record.routing_domain}"
        f"@{record.octets}@{record.binding_group}@{record.binding}@{record.retries}@{record.age_seconds:.3f}"
        f"@{record.peer_address}"
    )
    if line.isprintable() and "\\" not in line and line.count("@") == _DELIVERY_SEPARATORS:
        return line
    return "@".join(
        (
            str(int(record.at)),
            field(record.message_id),
            field(record.batch_id),
            field(record.connection_id),
            letter,
            field(record.routing_domain),
            str(record.octets),
            field(record.binding_group),
            field(record.binding),
            str(record.retries),
            f"{record.age_seconds:.3f}",
            field(record.peer_address),
        )
    )


def failed(record: Failed) -> str:
    """``T`` or ``P``: the reason is the rest of the line."""
    letter = "P" if record.permanent else "T"
    line = (
        f"{int(record.at)}@{record.message_id}@{record.batch_id}@{record.connection_id}@{letter}@{record.routing_domain}"
        f"@{record.octets}@{record.binding_group}@{record.binding}@{record.stage}"
        f"@{record.retries}@{record.age_seconds:.2f}@{record.peer_address}"
    )
    if line.isprintable() and "\\" not in line and line.count("@") == _FAILURE_SEPARATORS:
        return f"{line}@{rest(record.reason)}"
    return "@".join(
        (
            str(int(record.at)),
            field(record.message_id),
            field(record.batch_id),
            field(record.connection_id),
            letter,
            field(record.routing_domain),
            str(record.octets),
            field(record.binding_group),
            field(record.binding),
            str(record.stage),
            str(record.retries),
            f"{record.age_seconds:.2f}",
            field(record.peer_address),
            rest(record.reason),
        )
    )


def heartbeat(now: float) -> str:
    """``M1``: the node lives."""
    return f"{int(now)}@@@@M1"
