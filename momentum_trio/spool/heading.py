"""What every record about a message in custody begins with."""

from __future__ import annotations

from momentum_trio.spool.message import Batch, Message

Heading = tuple[float, str, str, str, str, str, str, str]
"""The fields of ``mail.record.MessageRecord``, in their order."""


def heading(at: float, batch: Batch, message: Message) -> Heading:
    """Of a record of what happened to *message* of *batch*. at: Unix seconds."""
    return (
        at,
        message.message_id,
        batch.batch_id,
        batch.connection_id,
        message.forward_path,
        batch.reverse_path,
        batch.binding_group,
        batch.binding,
    )
