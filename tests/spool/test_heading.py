"""Which field of a record says what of a message in custody."""

from __future__ import annotations

import msgspec

from momentum_trio.mail.record import MessageRecord
from momentum_trio.spool.heading import heading
from momentum_trio.spool.message import Batch, Message


def test_every_field_has_the_value_of_its_name() -> None:
    batch = Batch("batch", "connection", 7.0, "a@b", (), 8, "10.0.0.1", "esmtp", "group", "binding")
    assert msgspec.structs.asdict(MessageRecord(*heading(9.0, batch, Message("message", "c@d")))) == {
        "at": 9.0,
        "message_id": "message",
        "batch_id": "batch",
        "connection_id": "connection",
        "forward_path": "c@d",
        "reverse_path": "a@b",
        "binding_group": "group",
        "binding": "binding",
    }
