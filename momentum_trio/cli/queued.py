"""A message in custody as text (the form of ``ec_show -s`` in the manual) and as a JSON object."""

from __future__ import annotations

import time
from typing import Any

from momentum_trio.cli.spool_files import Queued
from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.identifier import FORM, second_of


def as_json(queued: Queued) -> dict[str, Any]:
    """All that is known of it, but the content. Times in Unix seconds."""
    custody, recipient, retry = queued.custody, queued.recipient, queued.retry
    return {
        "message_id": recipient.message_id,
        "batch_id": custody.batch_id,
        "connection_id": custody.connection_id,
        "received_at": custody.received_at,
        "next_attempt_at": retry.next_attempt_at if retry is not None else custody.received_at,
        "retries": retry.attempts if retry is not None else 0,
        "notices": retry.notices if retry is not None else 0,
        "reason": retry.reason if retry is not None else "",
        "reverse_path": custody.reverse_path,
        "forward_path": recipient.forward_path,
        "domain": queued.domain,
        "binding_group": queued.way.binding_group,
        "binding": queued.way.binding,
        "octets": custody.octets,
        "protocol": custody.protocol,
        "peer_address": custody.peer_address,
        "notify": str(Notify(recipient.notify).name or "UNSET"),
        "original_recipient": recipient.original_recipient,
        "returns": custody.returns,
        "envelope_id": custody.envelope_id,
        "body": custody.body,
        "smtputf8": custody.smtputf8,
        "context": dict(custody.context),
    }


def as_text(queued: Queued) -> str:
    """The lines of the manual's page; ``Swapped`` is always so, and the pathway of the connection is in the context."""
    custody, retry = queued.custody, queued.retry
    next_attempt_at = retry.next_attempt_at if retry is not None else custody.received_at
    context = "".join(f'  {_plain(name)} = "{_plain(value)}"\n' for name, value in custody.context)
    return (
        f"Message: {queued.recipient.message_id}\n"
        f"  ID: {_parts(queued.recipient.message_id)}\n"
        f"  BatchID: {_parts(custody.batch_id)}\n"
        f"  ConnID: {_parts(custody.connection_id)}\n"
        "  Swapped: Yes\n"
        f"  Created: {_time(custody.received_at)}\n"
        f"  Next Attempt: {_time(next_attempt_at)}\n"
        f"  Retries: {retry.attempts if retry is not None else 0}\n"
        f"  Received From: {_plain(custody.protocol.upper())} {_plain(custody.peer_address)}\n"
        f"  Sender: {_plain(custody.reverse_path)}\n"
        f"  Recipient: {_plain(queued.recipient.forward_path)}\n"
        f"  Domain: {_plain(queued.domain)}\n"
        f"  Binding: {queued.way.binding_group}/{queued.way.binding}\n"
        f"  Code: {_plain(retry.reason) if retry is not None else ''}\n"
        f"  Size: {custody.octets}\n"
        f"  Message Context: [\n{context}  ]\n"
    )


def _plain(text: str) -> str:
    """*text* without what a terminal would obey: a remote server wrote the reason."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _parts(identifier: str) -> str:
    if FORM.fullmatch(identifier) is None:
        return repr(identifier)
    counter = (identifier[:2] + identifier[3:5])[::-1]
    return f"(slot: {second_of(identifier)}, pid: {int(identifier[6:11])}, counter: {int(counter, 16)})"


def _time(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return str(seconds)  # a damaged or a hostile file
