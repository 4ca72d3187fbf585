"""``/api/v1/listeners``: each Listen with its state and what it moved; one of them is switched on or off."""

from __future__ import annotations

import msgspec

from momentum_trio.config.kind import quoted
from momentum_trio.console.facade import Administration, ListenReport, ListenState
from momentum_trio.listener.web.asking import ask, failed, forbidden
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import USER, Command, Operation, Route
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response, of_json
from momentum_trio.protocol.injection.flaw import read

PATH = "/api/v1/listeners"
LINE = "listeners"
REQUEST_OCTETS_MAX = 64 * 1024


class Listen(msgspec.Struct, frozen=True):
    """One Listen, named as the console's ``listeners`` does."""

    listener: str
    listen: str
    bound: str
    state: ListenState
    sessions: int
    sessions_total: int
    octets_received: int
    octets_sent: int

    @classmethod
    def of(cls, report: ListenReport) -> Listen:
        """The same of *report*."""
        counts = (report.sessions, report.sessions_total, report.octets_received, report.octets_sent)
        return cls(report.listener, report.endpoint, report.bound, report.state, *counts)


class Listens(msgspec.Struct, frozen=True):
    """All Listens, by listener."""

    results: list[Listen]


class Switched(msgspec.Struct, frozen=True):
    """What became of it."""

    results: Listen


class Change(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What becomes of a Listen. listener, listen: as ``GET`` has them. enabled: false: it takes no new sessions.

    Those that are open go on.
    """

    listener: str
    listen: str
    enabled: bool


async def get(exchange: Exchange) -> Response:
    """As the console's ``listeners``."""
    return of_json(Listens(list(map(Listen.of, _administration(exchange).listeners()))))


async def patch(exchange: Exchange) -> Response:
    """As the console's ``config set``: the whole configuration is checked, sockets are open or closed on return."""
    octets = await exchange.body.whole(REQUEST_OCTETS_MAX)
    change = read(octets, Change)
    found = _found(exchange, change)
    if found is None:
        if not await exchange.may(LINE):  # nobody learns here which there are
            return forbidden()
        return refusal(404, "Not found", "There is no such Listen.", field="listen")
    value = "true" if change.enabled else "false"
    answer = await ask(
        exchange, f"config set {found.listener.lower()} listen {_written(found.endpoint)} Enable {value}"
    )
    if isinstance(answer, Response):
        return answer
    if answer.failed:
        return failed(answer, 409)
    now = _found(exchange, change)
    assert now is not None
    return of_json(Switched(Listen.of(now)))


def _administration(exchange: Exchange) -> Administration:
    assert exchange.services.administration is not None
    return exchange.services.administration


def _found(exchange: Exchange, change: Change) -> ListenReport | None:
    wanted, reports = (change.listener.lower(), change.listen), _administration(exchange).listeners()
    return next((each for each in reports if (each.listener.lower(), each.endpoint) == wanted), None)


def _written(endpoint: str) -> str:
    return quoted(endpoint) if any(c.isspace() or c in "\"'" for c in endpoint) else endpoint


LISTENERS = Route(
    "GET",
    PATH,
    get,
    Command(LINE),
    Operation("Listens and their state", "As the console's 'listeners'.", gives={200: Listens}),
)
SWITCH = Route(
    "PATCH",
    PATH,
    patch,
    USER,
    Operation(
        "Switch a Listen on or off",
        "As the console's 'config set LISTENER listen LISTEN Enable VALUE': in memory, at once, checked.",
        takes=Change,
        gives={200: Switched},
    ),
)
