"""The ``R`` record of mail taken into custody."""

from __future__ import annotations

from momentum_trio.mail.record import Received
from momentum_trio.spool.message import Batch, Message


def received(batch: Batch, message: Message) -> Received:
    """What is published of *message* once the spool has *batch*: by the door, and by whoever commits a report."""
    return Received(
        batch.received_at,
        message.message_id,
        batch.batch_id,
        batch.connection_id,
        message.forward_path,
        batch.reverse_path,
        batch.binding_group,
        batch.binding,
        batch.peer_address,
        batch.octets,
        batch.protocol,
    )
