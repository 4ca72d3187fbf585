"""What a row of the table of routes is: a path, who may ask for it, and who answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.websocket import WebSocket
from momentum_trio.protocol.http.response import JSON, Response

MESSAGE = "message/rfc822"


class Anybody(Enum):
    """Access that depends on no console command.

    OPEN: whoever connects. USER: who has proved who he is, or whom nobody asks to (a loopback Listen, Always_Allow).
    """

    OPEN = "open"
    USER = "user"


OPEN, USER = Anybody.OPEN, Anybody.USER


class Command(NamedTuple):
    """Access of those who may say *line* at a console. ``{id}`` in it stands for the path's parameter.

    A request that changes something is in the acctlog, as the line would be.
    """

    line: str


Access = Anybody | Command


class Operation(NamedTuple):
    """What OpenAPI says of a route.

    summary: a line. description: what more there is to say. takes: the type (of msgspec) of a JSON body. gives: by
    status, the type of what is answered; None: nothing that is JSON. query: a type that has the query's members. path:
    patterns of what stands in the places of the path.
    """

    summary: str
    description: str = ""
    takes: Any = None
    gives: Mapping[int, Any] = {}
    query: Any = None
    path: Mapping[str, str] = {}


Answer = Callable[[Exchange], Awaitable[Response]]
Serve = Callable[[Exchange, WebSocket], Awaitable[None]]


class Route(NamedTuple):
    """One method of one path.

    path: ``/api/v1/messages/{id}``; a parameter is one segment, and not empty. answer: may raise Flaws, of a request of
    which nothing was done. consumes: the media types that a request which changes something may have. operation: None:
    OpenAPI does not tell of it.
    """

    method: str
    path: str
    answer: Answer
    access: Access
    operation: Operation | None = None
    consumes: tuple[str, ...] = (JSON,)


class Socket(NamedTuple):
    """A path at which a WebSocket begins. serve: converses over it; when it returns the connection is closed."""

    path: str
    serve: Serve
    access: Access
    operation: Operation | None = None
