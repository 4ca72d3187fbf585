"""What is said over the WebSocket ``/api/v1/events``: one JSON object a text message, each way (docs/events.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from momentum_trio.protocol.events.filter import Filter

SAID_OCTETS_MAX = 65_536
"""Of one message of a client."""
WORD_MAX = 64


class Subscribe(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="subscribe"):
    """Tell me of events from here on; a second one takes the place of the first."""

    cursor: Annotated[
        str, Meta(max_length=WORD_MAX, description="Events behind it; from now on where it is empty.")
    ] = ""
    filter: Filter = Filter()


class Ping(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="ping"):
    """Say where I stand."""

    id: Annotated[str, Meta(max_length=WORD_MAX, description="Said again in the answer.")] = ""


class Subscribed(Struct, frozen=True, tag_field="type", tag="subscribed"):
    """The answer to a subscription: events follow that are behind *cursor*."""

    cursor: str


class Pong(Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping. All events up to *cursor* that the client wants have been told."""

    id: str
    cursor: str


class Refused(Struct, frozen=True, tag_field="type", tag="error"):
    """What the client said was wrong; nothing has changed."""

    message: str


Said = Subscribe | Ping
Answered = Subscribed | Pong | Refused
_SAID = msgspec.json.Decoder(Said)


def parse(text: str | bytes) -> Said:
    """What a client said. Raises ValueError that says what is wrong, and where."""
    if len(text) > SAID_OCTETS_MAX:
        raise ValueError(f"expected at most {SAID_OCTETS_MAX} octets")
    try:
        said: Said = _SAID.decode(text)
    except UnicodeError:
        raise ValueError("expected UTF-8") from None
    except msgspec.MsgspecError as wrong:
        raise ValueError(str(wrong)) from None
    return said


def written(answer: Answered) -> str:
    """*answer* as a message."""
    return msgspec.json.encode(answer).decode()


def events_message(events: Sequence[bytes], cursor: str) -> str:
    """*events*, encoded already, as one message. cursor: up to it all has been told that is wanted."""
    head = f'{{"type":"events","cursor":"{cursor}","events":['
    return head + b",".join(events).decode() + "]}"
