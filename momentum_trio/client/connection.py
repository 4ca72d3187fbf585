"""One connection of a client, without I/O: its opening, its batches by ``Dispatch``, and its silence."""

from __future__ import annotations

import math
from ipaddress import ip_address

from momentum_trio.client.dispatch import Dispatch
from momentum_trio.client.terms import InjectionError, NotAdmittedError, Terms
from momentum_trio.protocol.ecstream.client import Client, Closed, Event, State
from momentum_trio.protocol.ecstream.frame import Code, Error, Octets, Pong
from momentum_trio.protocol.ecstream.opening import NOT_FOR_RETRY, Credentials, Opening
from momentum_trio.protocol.ecstream.results import Results

TOKEN = b"still on"  # eight octets


def is_here(peer: object) -> bool:
    """Whether *peer*, as ``getpeername`` has it, is on this host."""
    return not isinstance(peer, tuple) or ip_address(peer[0].partition("%")[0]).is_loopback


class Connection:
    """One connection, from HELLO to its end. All times are of one clock that never goes back.

    unseen: whether a password may be sent as it is. closed: how it ended, once it has.
    """

    def __init__(self, terms: Terms, dispatch: Dispatch, now: float, *, unseen: bool) -> None:
        credentials = Credentials(terms.user, terms.password) if terms.user else None
        self._client = Client(terms.name.encode("ascii", "replace"))
        self._opening = Opening(self._client, credentials, unseen=unseen or terms.password_in_clear)
        self._terms, self._dispatch = terms, dispatch
        self._stirred = self._heard = now
        self._asked = self.is_open = False
        self.closed: Closed | None = None

    def room(self) -> memoryview:
        """Where the socket writes next."""
        return self._client.room()

    def received(self, count: int, now: float) -> None:
        """*count* octets were written to ``room``; 0: there will be none. Raises NotAdmitted."""
        self._stirred = self._heard = now
        self._asked = False
        self._client.received(count)
        self._listen()

    def octets_to_send(self, now: float) -> list[Octets]:
        """What is to be sent now, in pieces: all that the credit allows."""
        if not self._is_waiting:
            self._heard = now  # the server's silence begins with the question
        self._dispatch.advance()
        pieces = self._client.octets_to_send()
        self._stirred = now if pieces else self._stirred
        return pieces

    @property
    def _is_waiting(self) -> bool:
        return self._asked or self._dispatch.awaits_results

    def due(self) -> float:
        """When ``tick`` is to be called, should nothing happen until then."""
        resting = math.inf if self._asked else self._stirred + self._terms.keepalive_seconds
        return min(self._silent_at, resting)

    @property
    def _silent_at(self) -> float:
        return self._heard + self._terms.silence_seconds if self._is_waiting else math.inf

    def tick(self, now: float) -> None:
        """Time has passed: ask whether the server is there, or believe that it is not."""
        if now < self.due():
            return
        if now >= self._silent_at:
            self._client.close(Code.FAULT, b"nothing came for too long")
            self._listen()
        else:
            self._heard = self._heard if self._is_waiting else now
            self._client.ping(TOKEN)
            self._asked = True

    def failure(self) -> InjectionError:
        """What its end means for messages that have no results."""
        assert self.closed is not None
        code, _, why = self.closed.error or Error(Code.CLOSING, 0, b"BYE was said")
        kind = NotAdmittedError if self.closed.by_server and code in NOT_FOR_RETRY else InjectionError
        return kind(f"the connection ended: {why.decode('ascii', 'replace')}")

    def leave(self) -> None:
        """Send no more batches; it closes once all have their results."""
        if self._client.state in (State.READY, State.BATCHES):
            self._client.bye()
            self._listen()

    def abandon(self) -> None:
        """End it here and now, if it has not ended: what has no results is in doubt."""
        self._client.close(Code.CLOSING, b"the client closes")
        self._listen()

    def _listen(self) -> None:
        while (event := self._client.next_event()) is not None:
            self._act(event)

    def _act(self, event: Event) -> None:
        if not self.is_open and not isinstance(event, Pong):
            self.is_open = self._opening.take(event)
            if self.is_open:
                self._dispatch.begin(self._client)
        elif isinstance(event, Results):
            self._dispatch.take_results(event)
        elif isinstance(event, Closed):
            self.closed = event
            self._dispatch.ended(event)
