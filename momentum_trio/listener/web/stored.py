"""What the paths of stored templates and of stored recipient lists have in common.

Keeping them needs a role, as at a console, though no console has these commands; to send by them needs none. A request
that is cut off anywhere leaves a thing what it was or what it was to be, whole.
"""

from __future__ import annotations

from functools import wraps
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from momentum_trio.listener.web.asking import forbidden
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.page import Window, part
from momentum_trio.listener.web.route import Answer
from momentum_trio.listener.web.taken import RETRY_SECONDS
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response, of_json
from momentum_trio.protocol.injection.stored_name import ID
from momentum_trio.stored.shelf import Shelf, StoreFault, Unkept
from momentum_trio.stored.stored import Stored

ID_OCTETS: Final = 8
PATH: Final = {"id": ID}

H = TypeVar("H")
B = TypeVar("B")


class Kept(msgspec.Struct, frozen=True):
    """What was changed."""

    id: str


class KeptResult(msgspec.Struct, frozen=True):
    """The answer: it is on disk."""

    results: Kept


def stored_of(exchange: Exchange) -> Stored:
    """What this host keeps. The plane of mail keeps something, always."""
    assert exchange.services.stored is not None
    return exchange.services.stored


def telling(answer: Answer) -> Answer:
    """*answer*, whose StoreFaults are told to the client."""

    @wraps(answer)
    async def told(exchange: Exchange) -> Response:
        try:
            return await answer(exchange)
        except StoreFault as fault:
            why = f"The disk failed ({fault}): come again later."
            return refusal(503, "Store failed", why, fields=(("Retry-After", str(RETRY_SECONDS)),))

    return told


async def heads_of(exchange: Exchange, shelf: Shelf[H, B]) -> tuple[list[H], str | None]:
    """A page of what is on *shelf*, by id, and the cursor of the page behind it. Raises Flaws and StoreFault."""
    window = queried(exchange, Window)
    ids, behind = part(await shelf.ids(), window, str)
    heads = [await shelf.head(each) for each in ids]
    return [head for head in heads if head is not None], behind


def missing(shelf: Shelf[Any, Any]) -> Response:
    """The answer where nothing of that id is on *shelf*."""
    return refusal(404, "Not found", f"There is no such {shelf.sort.name}.")


def unkept(why: Unkept, shelf: Shelf[Any, Any]) -> Response:
    """The answer where something was not kept on *shelf*."""
    sort = shelf.sort
    match why:
        case Unkept.GONE:
            return missing(shelf)
        case Unkept.THERE:
            return refusal(409, "Conflict", f"There is a {sort.name} of that id.", field="id")
        case Unkept.FULL:
            return refusal(409, "Too many", f"There are {sort.things_max} of them: one has to go first.")
        case Unkept.LARGE:
            return refusal(413, "Content too large", f"It is kept in at most {sort.octets_max} octets of JSON.")


async def admitted_id(exchange: Exchange, said: str | UnsetType, command: str) -> str | Response:
    """The id of what is to be kept, made where none is *said*; the refusal, where he may not say *command* of it."""
    kept_id = str(int.from_bytes(exchange.services.machine.entropy.octets(ID_OCTETS)) >> 1) if said is UNSET else said
    return kept_id if await exchange.authorize(f"{command} {kept_id}") else forbidden()


async def removed(exchange: Exchange, shelf: Shelf[Any, Any]) -> Response:
    """The answer to DELETE: what the path names is kept no more."""
    kept_id = exchange.parameters["id"]
    return kept(await shelf.remove(kept_id), shelf, kept_id)


def kept(done: object, shelf: Shelf[Any, Any], kept_id: str) -> Response:
    """The answer to a change. done: what *shelf* said to it."""
    return unkept(done, shelf) if isinstance(done, Unkept) else of_json(KeptResult(Kept(kept_id)))
