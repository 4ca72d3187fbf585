"""What the console shows of single messages: ``showqueue`` and ``message details`` (spec/console.md section 9)."""

from __future__ import annotations

from datetime import UTC, datetime

from momentum_trio.console.command import Data
from momentum_trio.spool.message import Batch, Held

LABEL_WIDTH = 22
SERVICES = {"esmtp": "SMTP"}
"""What took a message in, where the manual does not call it as the mainlog's protocol."""


def queue_row(word: str, message_id: str, held: Held) -> str:
    """One message that waits."""
    batch = held.batch
    return (
        f"[{word}/{batch.binding}] {message_id} Created: {int(batch.received_at)}\n"
        f"  From: <{batch.reverse_path}> To: <{held.message.forward_path}>"
    )


def queue_fields(word: str, message_id: str, held: Held) -> Data:
    """The same as values."""
    batch = held.batch
    return {
        "queue": word,
        "binding_group": batch.binding_group,
        "binding": batch.binding,
        "message_id": message_id,
        "created": int(batch.received_at),
        "reverse_path": batch.reverse_path,
        "forward_path": held.message.forward_path,
    }


def details(held: Held, next_attempt_at: float) -> str:
    """The metadata of a message. Times are UTC."""
    batch, retry = held.batch, held.retry
    rows = (
        ("Created", _time(batch.received_at)),
        ("Next Attempt", _time(next_attempt_at)),
        ("Retries", str(0 if retry is None else retry.attempts)),
        ("Received Via", _via(batch)),
        ("Sender", batch.reverse_path),
        ("Recipient", held.message.forward_path),
        ("Code", "" if retry is None else retry.reason),
        ("Size", str(batch.octets)),
    )
    head = [f"Message: {held.message.message_id}", "Message Type: full message"]
    return "\n".join([*head, *(f"{label:>{LABEL_WIDTH}}: {value}".rstrip() for label, value in rows)])


def detail_fields(held: Held, next_attempt_at: float) -> dict[str, Data]:
    """The same as values, times in Unix seconds."""
    batch, retry = held.batch, held.retry
    return {
        "message_id": held.message.message_id,
        "batch_id": batch.batch_id,
        "created": batch.received_at,
        "next_attempt": next_attempt_at,
        "retries": 0 if retry is None else retry.attempts,
        "protocol": batch.protocol,
        "peer_address": batch.peer_address,
        "reverse_path": batch.reverse_path,
        "forward_path": held.message.forward_path,
        "reason": "" if retry is None else retry.reason,
        "octets": batch.octets,
        "binding_group": batch.binding_group,
        "binding": batch.binding,
        "routing_domain": held.message.routing_domain,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")


def _via(batch: Batch) -> str:
    service = SERVICES.get(batch.protocol, batch.protocol.upper())
    if not batch.peer_address:
        return service
    return f"{service} {batch.peer_address} ({'IPv6' if ':' in batch.peer_address else 'IPv4'})"
