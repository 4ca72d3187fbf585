"""What a request says, read by declared types, and the answer to one that says it wrongly."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.protocol.http.refusal import Error, refusals
from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.injection.flaw import Flaw, Flaws, converted

T = TypeVar("T", bound=msgspec.Struct)

INVALID, INVALID_CODE = "Invalid request", "invalid_request"


def errors_of(flaws: Flaws, within: str = "") -> list[Error]:
    """One for each flaw. within: the part of the request that they are about, before their fields."""
    return [Error(INVALID, INVALID_CODE, flaw.problem, _joined(within, flaw.field)) for flaw in flaws.flaws]


def _joined(within: str, field: str) -> str:
    return f"{within}: {field}" if within and field else within or field


def flawed(flaws: Flaws) -> Response:
    """The answer: nothing was done."""
    return refusals(400 if flaws.is_no_json else 422, errors_of(flaws))


def queried(exchange: Exchange, kind: type[T], *, lists: tuple[str, ...] = ()) -> T:
    """The query as *kind*, each name of which may be said once, but for those of *lists*. Raises Flaws."""
    said: dict[str, Any] = {}
    for name, value in exchange.request.query:
        if name in lists:
            said.setdefault(name, []).append(value)
        elif name in said:
            raise Flaws(Flaw(name, "it is said twice"))
        else:
            said[name] = value
    return converted(said, kind)
