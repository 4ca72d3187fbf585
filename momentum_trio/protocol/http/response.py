"""What is answered: a status, header fields, and octets that are there or come yet."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

Fields = tuple[tuple[str, str], ...]


class Response(msgspec.Struct, frozen=True):
    """An answer.

    content: what follows its head; octets that come in parts are sent as they come, in chunks where the client can read
    them, and without a length otherwise; who sends them closes the generator. media_type: of Content-Type; empty: there
    is none. fields: beside those that every answer has. closes: the connection ends with it, whatever the client would
    like.
    """

    status: int
    content: bytes | AsyncGenerator[bytes, None] = b""
    media_type: str = JSON
    fields: Fields = ()
    closes: bool = False


def of_json(value: Any, status: int = 200, fields: Fields = ()) -> Response:
    """*value* as JSON: whatever msgspec encodes."""
    return Response(status, msgspec.json.encode(value), fields=fields)


def of_text(text: str, status: int = 200, fields: Fields = ()) -> Response:
    """*text* as plain text."""
    return Response(status, text.encode(), TEXT, fields)
