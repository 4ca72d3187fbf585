"""``/api/v1/recipient-lists``: recipients that are kept, and sent to by the id of their list."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.page import Window
from momentum_trio.listener.web.route import USER, Command, Operation, Route
from momentum_trio.listener.web.stored import (
    PATH,
    KeptResult,
    admitted_id,
    heads_of,
    missing,
    removed,
    stored_of,
    telling,
    unkept,
)
from momentum_trio.protocol.http.response import Response, of_json
from momentum_trio.protocol.injection.stored_list import (
    ListChange,
    ListHead,
    NewList,
    changed,
    created,
    parse_change,
    parse_new,
)
from momentum_trio.protocol.injection.transmission import Recipient
from momentum_trio.stored.shelf import Shelf, Unkept

REQUEST_OCTETS_MAX: Final = 16 * 1024 * 1024

ALL: Final = "/api/v1/recipient-lists"
ONE: Final = "/api/v1/recipient-lists/{id}"


class Whether(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How much is shown. show_recipients: they, too."""

    show_recipients: bool = False


class ShownList(ListHead, frozen=True):
    """One list, with its recipients if they were asked for."""

    recipients: list[Recipient] | UnsetType = UNSET


class ListResult(msgspec.Struct, frozen=True):
    """The answer."""

    results: ShownList


class Lists(msgspec.Struct, frozen=True):
    """Recipient lists by id. next: the cursor of the page behind this one; null: there is none."""

    results: list[ListHead]
    next: str | None


class ListTotals(msgspec.Struct, frozen=True):
    """What was kept. total_rejected_recipients: 0, since a list with one that is none is not kept."""

    id: str
    name: str
    total_accepted_recipients: int
    total_rejected_recipients: int = 0


class ListKept(msgspec.Struct, frozen=True):
    """The answer: it is on disk."""

    results: ListTotals


async def get_all(exchange: Exchange) -> Response:
    """What they are called. Raises: as ``telling`` tells."""
    return of_json(Lists(*await heads_of(exchange, stored_of(exchange).lists)))


async def post(exchange: Exchange) -> Response:
    """Keep one that is not there yet. Raises: as ``telling`` tells."""
    new = parse_new(await exchange.body.whole(REQUEST_OCTETS_MAX))
    list_id = await admitted_id(exchange, new.id, "recipient-list create")
    if isinstance(list_id, Response):
        return list_id
    shelf = stored_of(exchange).lists
    return _kept(await shelf.create(list_id, created(new, list_id)), shelf)


async def get(exchange: Exchange) -> Response:
    """One. Raises: as ``telling`` tells."""
    whether = queried(exchange, Whether)
    shelf, list_id = stored_of(exchange).lists, exchange.parameters["id"]
    if whether.show_recipients:
        found = await shelf.get(list_id)
        return missing(shelf) if found is None else _shown(found[0], found[1])
    head = await shelf.head(list_id)
    return missing(shelf) if head is None else _shown(head, UNSET)


async def put(exchange: Exchange) -> Response:
    """Change one. Raises: as ``telling`` tells."""
    change = parse_change(await exchange.body.whole(REQUEST_OCTETS_MAX))
    shelf = stored_of(exchange).lists
    return _kept(await shelf.change(exchange.parameters["id"], partial(changed, change=change)), shelf)


async def delete(exchange: Exchange) -> Response:
    """Keep one no more. Raises: as ``telling`` tells."""
    return await removed(exchange, stored_of(exchange).lists)


def _shown(head: ListHead, recipients: list[Recipient] | UnsetType) -> Response:
    return of_json(ListResult(ShownList(**asdict(head), recipients=recipients)))


def _kept(done: ListHead | Unkept, shelf: Shelf[ListHead, list[Recipient]]) -> Response:
    if isinstance(done, Unkept):
        return unkept(done, shelf)
    return of_json(ListKept(ListTotals(done.id, done.name, done.total_accepted_recipients)))


LISTS = Route(
    "GET",
    ALL,
    telling(get_all),
    Command("recipient-list list"),
    Operation("Stored recipient lists", "What they are called, a page at a time.", gives={200: Lists}, query=Window),
)
CREATION = Route(
    "POST",
    ALL,
    telling(post),
    USER,
    Operation(
        "Store a recipient list",
        "Its recipients are judged as those of a transmission; a list with one that is none is refused. 409: there is"
        " one of that id. For those who may say 'recipient-list create {id}' at a console.",
        takes=NewList,
        gives={200: ListKept},
    ),
)
LIST = Route(
    "GET",
    ONE,
    telling(get),
    Command("recipient-list show {id}"),
    Operation("One stored recipient list", gives={200: ListResult}, query=Whether, path=PATH),
)
CHANGE = Route(
    "PUT",
    ONE,
    telling(put),
    Command("recipient-list update {id}"),
    Operation(
        "Change a stored recipient list",
        "What is not said stays. Recipients are replaced, all of them.",
        takes=ListChange,
        gives={200: ListKept},
        path=PATH,
    ),
)
REMOVAL = Route(
    "DELETE",
    ONE,
    telling(delete),
    Command("recipient-list delete {id}"),
    Operation("Delete a stored recipient list", gives={200: KeptResult}, path=PATH),
)
