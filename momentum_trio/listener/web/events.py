"""The event stream over a WebSocket: what ``docs/events.md`` promises, and nothing that waits for a slow client."""

from __future__ import annotations

import trio

from momentum_trio.events.hub import Follower, Hub, Overtaken
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import Command, Operation, Socket
from momentum_trio.listener.web.websocket import WebSocket
from momentum_trio.protocol.events.cursor import Cursor, parse_cursor
from momentum_trio.protocol.events.filter import Sieve, filter_of
from momentum_trio.protocol.events.message import (
    Ping,
    Pong,
    Refused,
    Subscribe,
    Subscribed,
    events_message,
    parse,
    written,
)

FOLLOWERS_MAX = 20_000
"""Over WebSockets and otherwise; then nobody else may begin."""
MISTAKES_MAX = 10
"""Messages that say nothing, before the connection is closed."""
LINE = "events"
"""What a role has to allow."""
POLICY_VIOLATION, TRY_AGAIN = 1008, 1013
FORBIDDEN = "you may not follow the events any more"


async def serve(exchange: Exchange, socket: WebSocket) -> None:
    """Tell the client of what it asks for, until one of the two ends it."""
    hub = exchange.services.events
    assert hub is not None
    stream = Stream(exchange, hub, socket)
    try:
        await stream.hear()
    finally:
        stream.close()


class Stream:
    """One client's: what he is told, and what he says. While there is nothing to tell, nobody waits to tell it."""

    __slots__ = ("_exchange", "_follower", "_generation", "_hub", "_mistakes", "_socket", "_telling", "_told")

    def __init__(self, exchange: Exchange, hub: Hub, socket: WebSocket) -> None:
        self._exchange, self._hub, self._socket = exchange, hub, socket
        self._generation = exchange.generation
        self._follower: Follower | None = None
        self._told = hub.cursor  # up to there, while he is being told
        self._telling: trio.CancelScope | None = None
        self._mistakes = 0

    def close(self) -> None:
        """He follows no more."""
        if self._follower is not None:
            self._follower.close()
            self._follower = None

    async def hear(self) -> None:
        """Do what the client says, until he is gone: first what is in the query of his request."""
        if query := self._exchange.request.query:
            self._take_query(query)
        while (said := await self._socket.receive()) is not None:
            try:
                self._take(said)
            except ValueError as wrong:
                self._refuse(str(wrong))

    def _begin_to_tell(self) -> None:
        """There is something to tell him, and nobody does."""
        self._telling = trio.CancelScope()
        self._socket.beside(self._tell)

    async def _tell(self) -> None:
        """Tell him what has happened, and be called again when more has; he may subscribe anew meanwhile."""
        while (follower := self._follower) is not None:
            with trio.CancelScope() as self._telling:
                if not await self._tell_all(follower):
                    return
            if follower is self._follower:
                self._telling = None
                follower.call(self._begin_to_tell)
                return

    async def _tell_all(self, follower: Follower) -> bool:
        """Tell him what there is; False: he is gone, or has to go."""
        last, is_told = self._hub.number, not follower.is_behind
        while not is_told:
            try:
                events = follower.look()
            except Overtaken as overtaken:
                self._socket.close(TRY_AGAIN, f"slow: {overtaken}")
                return False
            if not await self._still_may():
                self._socket.close(POLICY_VIOLATION, FORBIDDEN)
                return False
            if events and not await self._socket.send(events_message(events, str(follower.cursor))):
                return False
            await trio.lowlevel.checkpoint()
            self._told = follower.cursor
            is_told = self._told.number >= last
        return True

    def _take_query(self, query: tuple[tuple[str, str], ...]) -> None:
        cursor = "".join(value for name, value in query if name == "cursor")
        try:
            wanted = filter_of((name, value) for name, value in query if name != "cursor")
            self._subscribe(Subscribe(cursor, wanted))
        except ValueError as wrong:
            self._refuse(str(wrong))

    def _take(self, said: str | bytes) -> None:
        match parse(said):
            case Subscribe() as wish:
                self._subscribe(wish)
            case Ping(number):
                self._socket.offer(written(Pong(number, str(self._cursor))))

    def _subscribe(self, wish: Subscribe) -> None:
        """Raises ValueError: it means nothing."""
        after = parse_cursor(wish.cursor) if wish.cursor else self._hub.cursor
        sieve = Sieve(wish.filter)
        if self._follower is None and self._hub.followers >= FOLLOWERS_MAX:
            self._socket.close(TRY_AGAIN, "too many follow the events already")
            return
        self.close()
        self._follower, self._told = self._hub.follow(after, sieve), after
        self._socket.offer(written(Subscribed(str(after))))
        if self._telling is not None:
            self._telling.cancel()
        else:
            self._follower.call(self._begin_to_tell)

    @property
    def _cursor(self) -> Cursor:
        """All up to there that he wants was told him."""
        return self._told if self._follower is None or self._telling is not None else self._follower.cursor

    def _refuse(self, why: str) -> None:
        self._mistakes += 1
        if self._mistakes > MISTAKES_MAX:
            self._socket.close(POLICY_VIOLATION, "too many messages that say nothing")
        else:
            self._socket.offer(written(Refused(why)))

    async def _still_may(self) -> bool:
        """Whether he may yet, where the configuration has changed."""
        current = self._exchange.connection.generations.current
        if current is self._generation:
            return True
        self._generation = current
        return self._exchange.authority.renew() and await self._exchange.may(LINE)


EVENTS = Socket(
    "/api/v1/events",
    serve,
    Command(LINE),
    Operation(
        "The event stream, over a WebSocket",
        "What happens, as it does: receptions, rejections, deliveries, bounces, sessions, configurations. Filterable, "
        "and resumable from the cursor of any event.",
    ),
)
