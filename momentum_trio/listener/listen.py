"""One Listen at work: accepting tasks in one nursery, conversations in another around it.

Ending the first (Enable = false, a reload that drops it) closes the socket; conversations go on until they are over.
A fault in a conversation ends that conversation; a fault in accepting reopens the socket, after a pause that grows.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.listener.accept import (
    EXHAUSTED,
    HANDSHAKE_SECONDS,
    PASSING,
    REST_SECONDS,
    Caller,
    Listening,
    SocketTerms,
    caller,
    close_listening,
    hold_off,
    listen_again,
    next_in_queue,
    rest_listening,
    retune,
)
from momentum_trio.listener.ceiling import Ceilings, Seat
from momentum_trio.listener.kind import Connection, Counters, Generations, ListenerKind, Services
from momentum_trio.listener.proxy_options import ProxyOptions
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.mail.identifier import NONE
from momentum_trio.mail.record import Level, ListenClosed, ListenOpened, Panic, Rejected, SessionBegan, SessionEnded
from momentum_trio.net.endpoint import Endpoint, Family

LAST_WORD_SECONDS = 1.0  # for a refusal, or for 421 after a fault of ours
REOPEN_SECONDS_MIN = 1.0
REOPEN_SECONDS_MAX = 60.0
ALONE_SECONDS = 1.0  # descriptors are exhausted though no session is open: nobody's end can be waited for
PATIENCE_SECONDS = 10.0  # ... and while some are open

MODULE = "listener"
CEILING_PHASE = "concurrency limit"  # the words of spec/console.md section 7, phases 18 and 0
GONE_PHASE = "just connected"
DEFAULT = "default"  # pathway and group of a client that has not been given one


@dataclass(frozen=True, slots=True)
class House:
    """What all Listens of a node share. next_id: connection ids. draining: set when the node drains."""

    services: Services
    generations: Generations
    ceilings: Ceilings
    next_id: Callable[[], str]
    draining: trio.Event


class Listen:
    """One Listen of the configuration, from bound to closed.

    listening: its socket. counters: survive it (a Listen that is enabled again goes on counting).
    is_open: whether somebody who connects now is accepted.
    """

    def __init__(
        self, kind: ListenerKind, listening: Listening, terms: SocketTerms, counters: Counters, house: House
    ) -> None:
        self.kind, self.listening, self.counters = kind, listening, counters
        self._terms = terms
        self._house = house
        self._machine = house.services.machine
        self._connections: set[Connection] = set()
        self._accepting = trio.CancelScope()
        self._closing = False
        self._closed = trio.Event()
        self._replaced = False
        self._rest_seconds = REST_SECONDS
        self.is_open = False
        self._somebody_came = trio.Event()

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, as configured: port 0 stays 0."""
        return self.listening.endpoint

    @property
    def accepts(self) -> bool:
        """Whether its socket is (to be) open."""
        return not self._closing

    @property
    def connections(self) -> Iterator[Connection]:
        """Those that are open; not to be kept over an await."""
        return iter(self._connections)

    @property
    def octets_received(self) -> int:
        """By the conversations that are open; *counters* has those that are over."""
        return sum(connection.octets_received for connection in self._connections)

    @property
    def octets_sent(self) -> int:
        """By the conversations that are open; *counters* has those that are over."""
        return sum(connection.octets_sent for connection in self._connections)

    async def run(self) -> None:
        """Accept until ``close``, and return when the last conversation is over. Cancellation ends everything."""
        async with trio.open_nursery() as conversing:
            try:
                await self._accept_until_closed(conversing)
            finally:
                try:
                    with trio.CancelScope(shield=True):
                        await self._stop_listening(may_rest=self._closing)
                finally:
                    self._closed.set()  # somebody waits for it, whatever happened
                    self._publish_closed()

    async def _stop_listening(self, *, may_rest: bool) -> None:
        if self.listening.is_adopted and may_rest:
            rest_listening(self._machine, self.listening)
        else:
            await close_listening(self._machine, self.listening, replaced=self._replaced)

    async def retune(self, terms: SocketTerms) -> None:
        """Let *terms* hold for what comes; conversations that are open keep what they have."""
        await retune(self._machine, self.listening, terms)
        restart = terms.accept_tasks != self._terms.accept_tasks and self.is_open
        self._terms = terms
        if restart:
            self._accepting.cancel()

    async def close(self, *, replaced: bool = False, succeeded: bool = False) -> None:
        """Stop accepting; returns when the socket is closed, or rests.

        replaced: another of ours took its Unix path. succeeded: another of ours takes clients of its.
        """
        self._replaced = replaced
        self._rest_seconds = HANDSHAKE_SECONDS if succeeded else REST_SECONDS
        self._closing = True
        self._accepting.cancel()
        await self._closed.wait()

    def drain(self) -> None:
        """Tell the conversations that the node drains; the event they share is set already."""
        assert self._house.draining.is_set()
        for connection in tuple(self._connections):
            if connection.on_drain is not None:
                connection.on_drain()

    # accepting

    async def _accept_until_closed(self, conversing: trio.Nursery) -> None:
        pause = REOPEN_SECONDS_MIN
        while self.accepts:
            began, failed = trio.current_time(), False
            self._accepting = trio.CancelScope()
            with self._accepting:  # left by ``close``, and by ``retune`` to begin anew
                try:
                    await self._accept_from_socket(conversing)
                except* Exception as faults:  # noqa: BLE001 (whatever it is, this Listen alone suffers)
                    failed = True
                    self._panic(Level.CRITICAL, f"accepting at {self.endpoint} failed", faults)
            if failed and self.accepts:
                if trio.current_time() - began > REOPEN_SECONDS_MAX:
                    pause = REOPEN_SECONDS_MIN
                pause = await self._reopen(pause)
        await self._serve_the_rest(conversing)

    async def _accept_from_socket(self, conversing: trio.Nursery) -> None:
        async with trio.open_nursery() as accepting:
            for _ in range(self._terms.accept_tasks):
                accepting.start_soon(self._accept, conversing, name=f"{self.endpoint} accepts")

    async def _accept(self, conversing: trio.Nursery) -> None:
        """One accepting task. It holds a spare descriptor, to be able to say no when there is none left."""
        spare = await self._spare()
        try:
            while True:
                try:
                    socket, address = await self._next()
                except OSError as fault:
                    if fault.errno in EXHAUSTED:
                        spare.close()
                        await self._refuse_with_spare()
                        await self._somebody_leaves()
                        spare = await self._spare()
                    elif fault.errno not in PASSING:
                        raise
                else:
                    await self._admit(socket, address, conversing)
        finally:
            spare.close()

    async def _next(self) -> tuple[trio.socket.SocketType, object]:
        """The next connection. trio lets one task wait for a socket; the others wait for him to find somebody."""
        while True:
            try:
                accepted = await self.listening.socket.accept()
            except trio.BusyResourceError:
                await self._somebody_came.wait()
            else:
                self._somebody_came.set()
                self._somebody_came = trio.Event()
                return accepted

    async def _spare(self) -> trio.socket.SocketType:
        """A descriptor to keep as the spare, as soon as there is one; until then whoever connects waits."""
        is_said = False
        while True:
            try:
                return trio.socket.socket()
            except OSError as fault:
                if fault.errno not in EXHAUSTED:
                    raise
            if not is_said:
                self._say(Level.ERROR, f"no descriptor left to accept with at {self.endpoint}")
                is_said = True
            await self._somebody_leaves()

    async def _refuse_with_spare(self) -> None:
        """Accept one connection with the descriptor just given up, and say no."""
        with trio.move_on_after(LAST_WORD_SECONDS):
            try:
                socket, _ = await self.listening.socket.accept()
            except (OSError, trio.BusyResourceError):
                pass  # gone, or another accepting task was quicker to take the descriptor, and waits for the next
            else:
                await self._say_and_close(socket, self.kind.refusal)
        self._say(Level.ERROR, f"no descriptor left for a connection at {self.endpoint}")

    async def _somebody_leaves(self) -> None:
        """Wait for a session to end, but not for ever: descriptors are given back by others too."""
        with trio.move_on_after(PATIENCE_SECONDS if self._house.ceilings.sessions else ALONE_SECONDS):
            await self._house.ceilings.session_ended()

    async def _reopen(self, pause: float) -> float:
        """Open the socket again after *pause* seconds, longer each time it fails; the pause to begin with next."""
        with trio.CancelScope(shield=True):
            await self._stop_listening(may_rest=True)
        self._publish_closed()
        self._accepting = trio.CancelScope()
        with self._accepting:
            while True:
                await trio.sleep(pause)
                pause = min(pause * 2, REOPEN_SECONDS_MAX)
                try:
                    self.listening = await listen_again(self._machine, self.listening, self._terms)
                    self.announce()
                    break
                except OSError as fault:
                    self._say(Level.CRITICAL, f"{self.endpoint} cannot be opened again: {fault}")
        return pause

    async def _serve_the_rest(self, conversing: trio.Nursery) -> None:
        """Those who connected before the socket closes have their conversation yet."""
        if not hold_off(self._machine, self.listening):
            return
        while (accepted := await next_in_queue(self.listening, self._rest_seconds)) is not None:
            await self._admit(*accepted, conversing)

    # one connection

    async def _admit(self, socket: trio.socket.SocketType, address: object, conversing: trio.Nursery) -> None:
        """Begin a conversation, or refuse it while it has no task yet."""
        try:
            who = caller(socket, address, self.listening)
        except OSError:
            socket.close()  # gone before it was here
            return
        tree = self._house.generations.current.tree
        listen = tree.listen_for(self.kind.key, self.endpoint, who.local)
        if listen is None:  # he waited in the queue while this Listen went, and no other takes him
            await self._turn_away(socket, who, self.kind.gone, GONE_PHASE)
            return
        chain = tree.chain_for(self.kind.key, listen, who.address)
        # Whom a proxy brings is not known yet: his own limits are asked about once it has said so.
        is_himself = self.endpoint.family is not Family.UNIX and not ProxyOptions.resolve(chain).expected
        seat = self._house.ceilings.admit(self.kind, chain, tree, who.address if is_himself else None)
        if not isinstance(seat, Seat):
            refusal = self.kind.refusal if seat is None or not self.kind.speaks_replies else seat.octets()
            await self._refuse_seat(socket, who, chain, refusal)
        elif seat.awaited:
            conversing.start_soon(self._converse_when_seated, socket, who, listen, chain, seat)
        else:
            conversing.start_soon(self._converse, self._connection(socket, who, listen), seat)

    async def _converse_when_seated(
        self, socket: trio.socket.SocketType, who: Caller, listen: Endpoint, chain: Chain, seat: Seat
    ) -> None:
        """One conversation, as soon as there is a seat for it; where there is none, or we are cancelled, a refusal."""
        is_seated = False
        try:
            is_seated = await seat.complete()
        finally:
            if not is_seated:
                seat.leave()
                await self._refuse_seat(socket, who, chain, self.kind.refusal)
        if is_seated:
            await self._converse(self._connection(socket, who, listen), seat)

    async def _refuse_seat(self, socket: trio.socket.SocketType, who: Caller, chain: Chain, refusal: bytes) -> None:
        in_clear = not ListenerTlsOptions.resolve(chain).use_ssl
        await self._turn_away(socket, who, refusal, CEILING_PHASE, in_clear=in_clear)

    async def _turn_away(
        self, socket: trio.socket.SocketType, who: Caller, octets: bytes, phase: str, *, in_clear: bool = True
    ) -> None:
        """Say no to somebody who gets no session; unless he speaks TLS alone, he hears it.

        Where it is a reply, the rejectlog has it.
        """
        code, _, text = octets.decode("ascii", "replace").rstrip("\r\n").partition(" ")
        if code.isdigit():
            now = self._machine.clock.now()
            protocol = self.kind.protocol
            self._machine.events.publish(
                Rejected(
                    now, who.peer, who.local, NONE, DEFAULT, DEFAULT, phase, int(code), MODULE, text, protocol=protocol
                )
            )
        await self._say_and_close(socket, octets if in_clear else b"")

    def _connection(self, socket: trio.socket.SocketType, who: Caller, listen: Endpoint) -> Connection:
        return Connection(
            socket=socket,
            listen=listen,
            listener=self.kind.key,
            connection_id=self._house.next_id(),
            peer_address=who.address,
            peer=who.peer,
            local=who.local,
            is_unix=self.endpoint.family is Family.UNIX,
            peer_uid=who.uid,
            generations=self._house.generations,
            counters=self.counters,
            draining=self._house.draining,
        )

    async def _converse(self, connection: Connection, seat: Seat) -> None:
        """One conversation: here, and nowhere else, its faults are caught."""
        self._begin(connection)
        try:
            await self.kind.converse(connection, self._house.services)
        except* (ConnectionError, TimeoutError, trio.BrokenResourceError):
            connection.why = "closed"  # the peer's, or the network's
        except* Exception as faults:  # noqa: BLE001 (ours: this conversation ends, the node lives)
            connection.why = "fault"
            self._panic(Level.CRITICAL, f"{self.kind.service} {connection.connection_id} {connection.peer}", faults)
            await self._say_and_close(connection.socket, self.kind.fault if connection.in_clear else b"")
        finally:
            connection.socket.close()
            self._end(connection, seat)

    def _begin(self, connection: Connection) -> None:
        self._connections.add(connection)
        self.counters.sessions += 1
        self.counters.sessions_total += 1
        self._machine.events.publish(
            SessionBegan(
                self._machine.clock.now(),
                self.kind.service,
                connection.connection_id,
                str(self.endpoint),
                connection.peer,
            )
        )

    def _end(self, connection: Connection, seat: Seat) -> None:
        self._connections.discard(connection)
        self.counters.sessions -= 1
        self.counters.octets_received += connection.octets_received
        self.counters.octets_sent += connection.octets_sent
        seat.leave()
        self._machine.events.publish(
            SessionEnded(
                self._machine.clock.now(),
                self.kind.service,
                connection.connection_id,
                connection.octets_received,
                connection.octets_sent,
                connection.why,
            )
        )

    async def _say_and_close(self, socket: trio.socket.SocketType, octets: bytes) -> None:
        """A last word: it fits into any socket's buffer, and whether it arrives is the peer's luck. Shielded."""
        try:
            with trio.CancelScope(deadline=trio.current_time() + LAST_WORD_SECONDS, shield=True):
                if octets:
                    await socket.send(octets)
        except (OSError, trio.ClosedResourceError):
            pass
        finally:
            socket.close()

    # records

    def announce(self) -> None:
        """The socket listens: let it be known."""
        self.is_open = True
        now = self._machine.clock.now()
        self._machine.events.publish(ListenOpened(now, self.kind.scope, str(self.listening.bound)))

    def _publish_closed(self) -> None:
        if not self.is_open:
            return  # it failed, and could not be opened again
        self.is_open = False
        now = self._machine.clock.now()
        self._machine.events.publish(ListenClosed(now, self.kind.scope, str(self.listening.bound)))

    def _say(self, level: Level, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, text))

    def _panic(self, level: Level, text: str, faults: BaseExceptionGroup[BaseException]) -> None:
        self._say(level, f"{text}\n{''.join(traceback.format_exception(faults))}")
