"""The ``R`` record of mail taken into custody."""

from __future__ import annotations

from momentum_trio.mail.record import Received
from momentum_trio.spool.message import Batch, Message


def received(batch: Batch, message: Message) -> Received:
    """What is published of *message* once the spool has *batch*: by the door, and by whoever commits a report."""
    return Received(
        at=batch.received_at,
        message_id=message.message_id,
        batch_id=batch.batch_id,
        connection_id=batch.connection_id,
        forward_path=message.forward_path,
        reverse_path=batch.reverse_path,
        binding_group=batch.binding_group,
        binding=batch.binding,
        peer_address=batch.peer_address,
        octets=batch.octets,
        protocol=batch.protocol,
    )
