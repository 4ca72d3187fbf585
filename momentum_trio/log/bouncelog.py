"""The bouncelog: one line for each failure, with what kind of failure it is (spec/logs.md section 4).

Its heartbeat is the mainlog's.
"""

from __future__ import annotations

from momentum_trio.log import jsonlines
from momentum_trio.log.escaping import field, rest
from momentum_trio.mail.bounce_reason import classify
from momentum_trio.mail.path import split
from momentum_trio.mail.record import Failed


def failed(record: Failed) -> str:
    """``B`` for the end of a message, ``T`` for an attempt. The time is that of the message's reception."""
    return "@".join(
        (
            str(int(record.received_at)),
            field(record.message_id),
            field(record.batch_id),
            field(record.connection_id),
            "B" if record.permanent else "T",
            *map(field, split(record.forward_path)),
            *map(field, split(record.reverse_path)),
            field(record.binding_group),
            field(record.binding),
            str(record.stage),
            str(int(classify(record.reason))),
            str(record.message_octets),
            field(record.peer_address),
            rest(record.reason),
        )
    )


def json_line(record: Failed) -> str:
    """The same as JSON: the keys of a P or T record, and ``classification``."""
    return jsonlines.json_line(record, letter="B" if record.permanent else "T", classification=classify(record.reason))
