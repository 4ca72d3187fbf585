"""Refusals, everywhere of the same shape: ``{"errors": [{"message", "code", "description", "field"?}]}``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from momentum_trio.protocol.http.response import Fields, Response, of_json


class Error(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong.

    message: what, in few words, always the same for one code. code: the same for programs. description: what is wrong
    here, and what would be right. field: of the request's JSON, ``recipients[2].address.email``, or of its head.
    """

    message: str
    code: str
    description: str
    field: str = ""


class Errors(msgspec.Struct, frozen=True):
    """The body of a refusal."""

    errors: tuple[Error, ...]


class RemoteProtocolError(Exception):
    """The peer is in breach of the protocol, or goes too far: *refusal* is his answer, and the last one."""

    def __init__(self, refusal: Response) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


def refusal(
    status: int,
    message: str,
    description: str,
    *,
    code: str = "",
    field: str = "",
    fields: Fields = (),
    closes: bool = False,
) -> Response:
    """An answer that refuses for one reason. code: by itself *message* with ``_`` for blanks, in lower case."""
    error = Error(message, code or message.lower().replace(" ", "_"), description, field)
    return refusals(status, (error,), fields=fields, closes=closes)


def refusals(status: int, errors: Sequence[Error], *, fields: Fields = (), closes: bool = False) -> Response:
    """An answer that refuses for several reasons."""
    assert errors
    assert status >= 400
    answer = of_json(Errors(tuple(errors)), status, fields)
    return Response(status, answer.content, answer.media_type, fields, closes)
