"""Plays a client's side before the real engine: the conversation of ``listener.esmtp``, reception and its checks.

    play(tree, recordings...)           under ``rehearsed``, which lets time pass as fast as nothing happens

What a rehearsal has not: ceilings on sessions (they are asked before a conversation begins), a spool that fails, DNS.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from typing import TypeVar, cast

import trio
from msgspec import structs
from trio.testing import MockClock

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.limits.local import LocalState
from momentum_trio.listener import esmtp
from momentum_trio.listener.kind import Connection, Counters, Generation, Generations, Services
from momentum_trio.listener.listen_options import ListenOptions
from momentum_trio.listener.recorder import about, since_now
from momentum_trio.mail.record import Received, Record, Rejected
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.protocol.lines import CRLF, DISCARDED_OCTETS_MAX
from momentum_trio.protocol.rehearsal.mask import MASK
from momentum_trio.protocol.rehearsal.notes import Notes
from momentum_trio.protocol.rehearsal.recording import ClientEntry, Content, Left, Line, LongLine, Recording, Said
from momentum_trio.protocol.rehearsal.script import Step
from momentum_trio.protocol.rehearsal.shape import stand_in, unfinished
from momentum_trio.protocol.rehearsal.turn import Turn
from momentum_trio.protocol.smtp.command import COMMAND_OCTETS_MAX
from momentum_trio.reception.door import Door
from momentum_trio.rehearsal.custody import NoCustody
from momentum_trio.rehearsal.protection import Belief, BelievedDialogues, BelievedHandshakes
from momentum_trio.rehearsal.world import RehearsalMachine, Wire

T = TypeVar("T")

PATIENCE_SECONDS = 5.0
"""How much longer than in the recording a client waits for the server to end the session, where it did so then."""
HEARD_OCTETS_MAX, HEARD_ENTRIES_MAX = 64 * 1024 * 1024, 128 * 1024
UNASKED = b"Subject: rehearsal\r\n\r\nThe recording has no content here.\r\n.\r\n"
CHUNK = b"x" * 65_536
MASKED, BASE64 = MASK.decode(), "Kioq"  # a secret as it is recorded, and as it is said
ENDED_BY_SERVER = ("idle", "drain")  # without the client having said anything


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a session. turns: one for each step. taken: messages that would have been in custody.

    refused: why there was no session at all, or empty.
    """

    turns: tuple[Turn, ...]
    taken: tuple[Received, ...] = ()
    refused: str = ""


def rehearsed(function: Callable[[], Awaitable[T]]) -> T:
    """What *function* comes to under a clock that goes to the next deadline whenever everybody waits."""
    return trio.run(function, clock=MockClock(autojump_threshold=0))


def steps_of(recording: Recording) -> tuple[Step, ...]:
    """The client's side of *recording*."""
    said = (Step(entry, entry.at) for entry in recording.entries if not isinstance(entry, Said))
    return (Step(None, 0.0), *said)


def listening(tree: ConfigTree, listener: str, listen: Endpoint, local: Endpoint) -> Endpoint | None:
    """The Listen of *tree* that would take a connection to *local*, *listen* before others; None: nobody."""
    endpoints = [scope.endpoint for scope in tree.listens(listener)]
    wide = [endpoint for endpoint in endpoints if endpoint.is_wildcard and endpoint.overlaps(local)]
    for endpoint in (listen, local, *wide):
        if endpoint in endpoints and ListenOptions.resolve(tree.chain_for(listener, endpoint, None)).enable:
            return endpoint
    return None


class Stage:
    """The engine under one configuration, session after session. Use it under ``rehearsed``."""

    def __init__(self, tree: ConfigTree) -> None:
        self._tree = tree
        self._world = RehearsalMachine()
        self._world.events.subscribe(self._take)
        self._door = Door(self._world.machine, NoCustody(self._world.clock), lambda receipts: None)
        self._notes: Notes | None = None
        self._taken: list[Received] = []

    async def play(self, who: Recording, steps: Sequence[Step]) -> Played:
        """Let a client who is *who* connect and say *steps*, the first of which is that he has connected."""
        listen = Endpoint.parse(who.listen)
        local = _endpoint(who.local) or listen
        found = listening(self._tree, who.listener, listen, local)
        if found is None:
            unsaid = tuple(Turn(step.said, was_said=False) for step in steps)
            return Played(unsaid, refused=f"nobody listens at {local}")
        self._world.clock.set(who.began)
        self._world.names.hostname = who.host
        self._taken = []
        wire = Wire()
        connection = self._connection(who, found, wire)
        machine, belief = self._world.machine, Belief()
        services = Services(
            machine,
            LocalState(who.host),
            handshakes=BelievedHandshakes(machine),
            dialogues=partial(BelievedDialogues, belief, machine),
            door=self._door,
            recorder=self,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(services.deadlines.run)
            nursery.start_soon(_serve, connection, services, wire)
            turns = await _Client(self, connection, wire, belief).say(steps, who)
            nursery.cancel_scope.cancel()
        return Played(turns, tuple(self._taken))

    def begin(self, connection: Connection, chain: Chain) -> Notes:
        """Every session has its notes taken."""
        who = about(connection, self._world.machine)
        self._notes = Notes(who, since_now(), octets_max=HEARD_OCTETS_MAX, entries_max=HEARD_ENTRIES_MAX)
        return self._notes

    def end(self, connection: Connection, notes: Notes) -> None:
        """They have been read."""

    def heard(self, begin: int) -> tuple[int, tuple[Said, ...]]:
        """The replies in the notes from *begin* on, and where the next ones will begin."""
        entries = [] if self._notes is None else self._notes.entries
        return len(entries), tuple(entry for entry in entries[begin:] if isinstance(entry, Said))

    def _take(self, record: Record) -> None:
        if isinstance(record, Rejected) and self._notes is not None:
            self._notes.judged(record.code, record.text, record.module)
        elif isinstance(record, Received):
            self._taken.append(record)

    def _connection(self, who: Recording, listen: Endpoint, wire: Wire) -> Connection:
        return Connection(
            socket=cast("trio.socket.SocketType", wire),  # a session sends, receives, shuts down
            listen=listen,
            listener=who.listener,
            connection_id=self._door.spool.next_id(),
            peer_address=ip_address(who.peer_address),
            peer=who.peer,
            local=who.local,
            is_unix=who.unix,
            peer_uid=None,
            generations=Generations(Generation(1, self._tree)),
            counters=Counters(),
            draining=trio.Event(),
        )


class _Client:
    """The client of one session."""

    def __init__(self, stage: Stage, connection: Connection, wire: Wire, belief: Belief) -> None:
        self._stage, self._connection, self._wire, self._belief = stage, connection, wire, belief
        self._began = trio.current_time()
        self._turns: list[Turn] = []
        self._heard = 0
        self._is_content_wanted = self._is_challenged = False

    async def say(self, steps: Sequence[Step], who: Recording) -> tuple[Turn, ...]:
        """Say *steps* at their times, as far as the server lets it come to them; then leave as *who* did."""
        wire, codes = self._wire, _codes(who)
        await wire.settled()
        self._hear(None)
        for place, step in enumerate(steps[1:], 1):
            if step.said is None:
                self._hear(None)
            await self._wait(step.at)
            if step.said is None:
                continue
            if not self._can_say(step.said):
                self._turns.append(Turn(step.said, was_said=False, closed=wire.ended.is_set()))
                continue
            if self._is_content_wanted and isinstance(step.said, Line | LongLine):
                await self._send([UNASKED])
                self._hear_more()
            following = steps[place + 1].said if place + 1 < len(steps) else None
            code = self._belief.code = codes.get(id(step.said), 0)
            await self._send(_octets(step.said if code == 501 else self._believable(step.said), following))
            if isinstance(step.said, Left):
                wire.leave()
                await wire.ended.wait()
            self._hear(step.said)
        await self._leave(who)
        return tuple(self._turns)

    def _can_say(self, said: ClientEntry) -> bool:
        if self._wire.ended.is_set():
            return False
        return self._is_content_wanted or not isinstance(said, Content)

    def _believable(self, said: ClientEntry) -> ClientEntry:
        """*said*, with base64 in place of what is masked of AUTH."""
        if not isinstance(said, Line):
            return said
        words = said.text.split(" ")
        if words[-1] == MASKED and (self._is_challenged or (words[0].upper() == "AUTH" and len(words) == 3)):
            return structs.replace(said, text=" ".join((*words[:-1], BASE64)))
        return said

    async def _send(self, chunks: Iterator[bytes] | Sequence[bytes]) -> None:
        for octets in chunks:
            if octets and not self._wire.ended.is_set():
                self._wire.feed(octets)
                await self._wire.settled()

    async def _wait(self, at: float) -> None:
        """Let time pass until *at* seconds of the session, or the server's end. What is said meanwhile is heard."""
        with trio.move_on_at(self._began + at):
            await self._wire.ended.wait()
        self._hear_more()

    async def _leave(self, who: Recording) -> None:
        """Wait for the server where it ended the session then; and leave."""
        connection, wire = self._connection, self._wire
        if who.why == "drain" and not wire.ended.is_set():
            await self._wait(who.seconds)
            connection.draining.set()
            if connection.on_drain is not None:
                connection.on_drain()
        if who.why in ENDED_BY_SERVER:
            await self._wait(who.seconds + PATIENCE_SECONDS)
        wire.leave()
        await wire.ended.wait()
        self._hear_more()

    def _hear(self, said: ClientEntry | None) -> None:
        self._turns.append(Turn(said))
        self._hear_more()

    def _hear_more(self) -> None:
        """What was said since belongs to the last turn."""
        self._heard, answers = self._stage.heard(self._heard)
        turn = self._turns[-1]
        self._turns[-1] = replace(turn, answers=(*turn.answers, *answers), closed=self._wire.ended.is_set())
        if answers:
            self._is_content_wanted = answers[-1].code == 354
            self._is_challenged = answers[-1].code == 334


def _codes(who: Recording) -> dict[int, int]:
    """The code of the reply that each thing the client said got in the recording."""
    pairs = zip(who.entries, who.entries[1:], strict=False)
    return {id(said): reply.code for said, reply in pairs if isinstance(reply, Said)}


async def _serve(connection: Connection, services: Services, wire: Wire) -> None:
    try:
        await esmtp.converse(connection, services)
    finally:
        wire.end()


def _octets(said: ClientEntry, following: ClientEntry | None) -> Iterator[bytes]:
    """What the client sends to say *said*."""
    match said:
        case Line():
            yield said.octets + CRLF
        case LongLine(endless=False):
            yield said.start.encode("latin-1") + CHUNK[:COMMAND_OCTETS_MAX]
            if not (isinstance(following, LongLine) and following.endless):
                yield CRLF
        case LongLine():
            for _ in range(0, DISCARDED_OCTETS_MAX + 1, len(CHUNK)):
                yield CHUNK
            yield CHUNK
        case Content() if said.kept is not None:
            yield said.kept
        case Content():
            yield from stand_in(said.shape) if said.ended else unfinished(said.shape.octets)


def _endpoint(text: str) -> Endpoint | None:
    try:
        return Endpoint.parse(text)
    except ValueError:
        return None
