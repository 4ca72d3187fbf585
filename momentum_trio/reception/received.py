"""The ``R`` record of mail taken into custody."""

from __future__ import annotations

from momentum_trio.mail.record import Received
from momentum_trio.spool.heading import heading
from momentum_trio.spool.message import Batch, Message


def received(batch: Batch, message: Message) -> Received:
    """What is published of *message* once the spool has *batch*: by the door, and by whoever commits a report."""
    return Received(
        *heading(batch.received_at, batch, message),
        batch.peer_address,
        batch.octets,
        batch.protocol,
    )
