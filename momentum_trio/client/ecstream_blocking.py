"""Mail injection by ECStream, for programs that run without trio: as ``client.ecstream``, and each call waits.

    with ecstream_blocking.connect("mx1.example", 1825) as injector:
        results = injector.send([Message("ann@a.example", ["bob@b.example"], content)])

Threads may share an injector: their calls come one after the other. Between calls nobody hears the server, which ends a
connection that rests for longer than it likes; the next call connects anew.
"""

from __future__ import annotations

import math
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from momentum_trio.client.blocking_link import BlockingLink, connected
from momentum_trio.client.connection import Connection
from momentum_trio.client.dispatch import Dispatch
from momentum_trio.client.message import Message, Recipient, Result
from momentum_trio.client.terms import DEFAULTS, PORT, InjectionError, NotAdmittedError, Terms, Tls, told
from momentum_trio.protocol.ecstream.gathering import gathered
from momentum_trio.protocol.ecstream.opening import NotAdmitted

LEAVE_SECONDS = 5.0
"""For the server to close after BYE, when all results are there."""


class Injector:
    """One client, over one connection at a time. ``connect`` makes it."""

    def __init__(self, host: str, port: int, terms: Terms) -> None:
        self._host, self._port, self._terms = host, port, terms
        self._dispatch = Dispatch(terms, secrets.token_bytes)
        self._course: _Course | None = None
        self._lock = threading.Lock()
        self._failure: InjectionError | None = None  # of the last connection, while something waits
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
            if self._course is not None and fault is None:
                self._course.leave()
            self._drop()

    def send(self, messages: Iterable[Message]) -> list[Result]:
        """Inject *messages*; the result of each, in their order, once all are there.

        They go in batches, ahead of the results of those before, as far as the server's window goes.
        Raises: InjectionError, when no connection brings them to an end, NotAdmittedError where none ever will;
        ValueError after the block of ``connect``. After any other exception what was sent may be taken all the same.
        """
        with self._lock:
            if self._closed:
                raise ValueError("the injector is closed")
            self._look()
            consignment = self._dispatch.take(messages)
            try:
                while not consignment.is_settled:
                    self._go_on(lambda: consignment.is_settled)
            except BaseException:
                self._dispatch.withdraw(consignment)
                self._drop()
                raise
            return consignment.outcome()

    def open(self) -> None:
        """Come to a connection, unless there is one. Raises InjectionError after as many tries as the terms say."""
        while self._course is None:
            if self._failure is not None:
                if not self._dispatch.failed() or isinstance(self._failure, NotAdmittedError):
                    failure, self._failure = self._failure, None
                    raise failure
                time.sleep(self._terms.pause(self._dispatch.failures, random.random()))
            self._failure = self._try()

    def _look(self) -> None:
        """See whether the connection ended while it rested; answer what the server asked."""
        if self._course is not None and not self._course.look():
            self._drop()

    def _go_on(self, is_enough: Callable[[], bool]) -> None:
        try:
            self.open()
        except InjectionError as failure:
            self._dispatch.give_up(failure)
            return
        assert self._course is not None
        if not self._course.run(is_enough):
            self._failure = self._course.connection.failure() if self._dispatch.has_work() else None
            self._drop()

    def _try(self) -> InjectionError | None:
        """One try; why it came to nothing, or None."""
        try:
            link = connected(self._host, self._port, self._terms)
            connection = Connection(self._terms, self._dispatch, time.monotonic(), unseen=link.unseen)
            course = _Course(link, connection)
            try:
                course.open(time.monotonic() + self._terms.connect_seconds)
            except BaseException:
                link.close()
                raise
            self._course = course
        except NotAdmitted as refused:
            return (NotAdmittedError if refused.final else InjectionError)(str(refused))
        except OSError as fault:
            return InjectionError(f"no connection to {self._host}: {told(fault)}")
        return None

    def _drop(self) -> None:
        """Close the connection, if there is one."""
        if self._course is not None:
            self._course.connection.abandon()
            self._course.link.close()
            self._course = None


class _Course:
    """One connection and the octets that it is to take."""

    def __init__(self, link: BlockingLink, connection: Connection) -> None:
        self.link, self.connection = link, connection
        self._pieces: deque[memoryview] = deque()
        self._torn = False  # it takes no more octets

    def open(self, until: float) -> None:
        """Until batches may be sent. Raises NotAdmitted, TimeoutError."""
        while not self.connection.is_open:
            self._hear(until, rests=not self._flush())
            if time.monotonic() >= until:
                raise TimeoutError

    def run(self, is_enough: Callable[[], bool]) -> bool:
        """Until *is_enough*, or the connection has ended: then False."""
        while self.connection.closed is None:
            rests = not self._flush()
            if is_enough():
                return True
            self._hear(math.inf, rests=rests)
            self.connection.tick(time.monotonic())
        self._flush()  # why we ended it, if we did
        return False

    def look(self) -> bool:
        """Hear what came, without waiting, and answer it; whether the connection is there."""
        while self.connection.closed is None and self._hear(0.0, rests=False):
            pass
        self._flush()
        return self.connection.closed is None

    def leave(self) -> None:
        """Say BYE, and wait a little for the server to close."""
        until = time.monotonic() + LEAVE_SECONDS
        self.connection.leave()
        while self.connection.closed is None and time.monotonic() < until:
            self._hear(until, rests=not self._flush())
        self._flush()

    def _hear(self, until: float, *, rests: bool) -> bool:
        """Hear what came; whether anything did. rests: if not, wait for something to be done, at most *until*."""
        count = self.link.receive_into(self.connection.room())
        if count is not None:
            self.connection.received(count, time.monotonic())
        elif rests:
            self.link.wait(min(until, self.connection.due()) - time.monotonic(), writing=bool(self._pieces))
        return count is not None

    def _flush(self) -> bool:
        """Send what there is, as far as it goes now; whether anything went."""
        if not self._pieces:
            self._pieces.extend(map(memoryview, gathered(self.connection.octets_to_send(time.monotonic()))))
        went = False
        try:
            while self._pieces and not self._torn and (sent := self.link.send(self._pieces[0])):
                went = True
                self._advance(sent)
        except OSError:
            self._torn = True  # what is to be heard says why
        if self._torn:
            self._pieces.clear()
        return went

    def _advance(self, sent: int) -> None:
        piece = self._pieces.popleft()
        if sent < len(piece):
            self._pieces.appendleft(piece[sent:])


def connect(host: str, port: int = PORT, terms: Terms = DEFAULTS) -> Injector:
    """A connection to inject over, made anew when it ends too early; leave it by ``with``.

    host: a name, an address, or the path of a Unix socket.
    Raises: InjectionError where there is no connection; NotAdmittedError where the server does not let us in or does
    not prove who it is.
    """
    injector = Injector(host, port, terms)
    injector.open()
    return injector


__all__ = [
    "PORT",
    "InjectionError",
    "Injector",
    "Message",
    "NotAdmittedError",
    "Recipient",
    "Result",
    "Terms",
    "Tls",
    "connect",
]
