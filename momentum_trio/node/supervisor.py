"""Keeps the Listens of a node as the configuration wants them: a nursery per listener, in it each Listen with its two.

A change has two halves. ``prepare`` opens what is new, all of it or nothing, while the old goes on; ``settle`` cannot
fail: the new sockets accept, tuned ones are tuned, and those no longer wanted are closed, or rest, when it returns.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import trio

from momentum_trio.config.value import Position
from momentum_trio.console.facade import ApplyError
from momentum_trio.listener.accept import (
    Listening,
    SocketTerms,
    adopt_listening,
    give_up_listening,
    keep_listening,
    open_listening,
    probe,
    rest_listening,
)
from momentum_trio.listener.kind import Connection, Counters, ListenerKind, Plane
from momentum_trio.listener.listen import House, Listen
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.node.reconcile import Close, Open, Place, Retune, Step, steps

ENDING = "this host is ending: nothing is changed any more"
PORT_BARRED = " (this process may not bind ports below 1024: see Capabilities in Security)"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The first half of a change, done: the steps, and the sockets of those that open."""

    steps: tuple[Step, ...]
    opened: dict[Place, Listening]


class Supervisor:
    """The listeners of one node. houses: what the Listens of each plane share. over: ``run`` has ended by itself.

    adopted: sockets that are open and not ours, by where they are: from before us, or resting since a Listen of ours
    ended. The next Listen that wants one there takes it.
    """

    def __init__(
        self,
        machine: Machine,
        kinds: Sequence[ListenerKind],
        houses: Mapping[Plane, House],
        adopted: dict[Endpoint, trio.socket.SocketType] | None = None,
    ) -> None:
        self._machine = machine
        self._kinds = {kind.key: kind for kind in kinds}
        self._houses = houses
        self._nurseries: dict[str, trio.Nursery] = {}
        self.adopted = {} if adopted is None else adopted
        self._open: dict[Place, Listen] = {}
        self._terms: dict[Place, SocketTerms] = {}
        self._ending: dict[Place, list[Listen]] = {}  # closed, their last conversations not over
        self._counters: dict[Place, Counters] = {}
        self._closing = trio.Event()
        self.over = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the nurseries; returns when ``close`` was called and the last conversation is over."""
        async with trio.open_nursery() as listeners:
            for key in self._kinds:
                self._nurseries[key] = await listeners.start(self._run_listener)
            task_status.started()
        self.over.set()

    async def _run_listener(self, *, task_status: trio.TaskStatus[trio.Nursery]) -> None:
        async with trio.open_nursery() as nursery:
            task_status.started(nursery)
            await self._closing.wait()

    async def prepare(
        self,
        wanted: Mapping[Place, SocketTerms],
        written: Mapping[Place, Position] | None = None,
        problems: Sequence[str] = (),
    ) -> Prepared:
        """Open what *wanted* has and we have not. written: where in the text each stands.

        Raises ApplyError with *problems*, what else is wrong, and every address that cannot be had. Where something is
        wrong from the beginning nothing listens even for a moment: whoever came there would be reset.
        Cancellation: as on failure, what was opened is closed again.
        """
        if self._closing.is_set():
            raise ApplyError([ENDING])
        plan = steps(self._terms, wanted)
        opened: dict[Place, Listening] = {}
        faults = await self._probe(plan)
        try:
            for step in sorted((step for step in plan if isinstance(step, Open)), key=_is_tcp):
                if not (problems or faults) or _is_new_path(step):
                    try:
                        opened[step.place] = await self._open_socket(step)
                    except OSError as fault:
                        faults[step.place] = fault
            if problems or faults:
                known = {} if written is None else written
                raise ApplyError([*problems, *(self._placed(place, fault, known) for place, fault in faults.items())])
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.abandon(Prepared(plan, opened))
            raise
        return Prepared(plan, opened)

    async def _probe(self, plan: Sequence[Step]) -> dict[Place, OSError]:
        """Ask for every address before the first socket listens: who connects to one given up again would be reset.

        SO_REUSEPORT would let us share a port with a stranger, which shows where nothing of ours holds it.
        """
        faults = {}
        for step in plan:
            if isinstance(step, Open) and step.place.endpoint not in self.adopted:
                try:
                    await probe(step.place.endpoint, beside=bool(step.beside))
                except OSError as fault:
                    faults[step.place] = fault
        return faults

    async def _open_socket(self, step: Open) -> Listening:
        endpoint = step.place.endpoint
        if endpoint in self.adopted:
            listening = adopt_listening(self.adopted[endpoint], endpoint, step.terms)
            del self.adopted[endpoint]
            return listening
        ours = any(place.endpoint == step.place.endpoint for place in step.beside)
        return await open_listening(self._machine, step.place.endpoint, step.terms, ours=ours)

    async def abandon(self, prepared: Prepared) -> None:
        """The change does not take place: close what was opened for it."""
        for listening in reversed(prepared.opened.values()):
            if listening.is_adopted:
                rest_listening(self._machine, listening)
                self.adopted[listening.endpoint] = listening.socket
            else:
                await give_up_listening(self._machine, listening)

    async def settle(self, prepared: Prepared) -> None:
        """The second half; nothing, where the node has begun to end since the first.

        Cancellation: none; it is shielded, for half a change is none.
        """
        with trio.CancelScope(shield=True):
            if self._closing.is_set():
                await self.abandon(prepared)
                return
            for step in prepared.steps:
                if isinstance(step, Open):
                    self._begin(step.place, step.terms, prepared.opened[step.place])
                    await keep_listening(self._machine, prepared.opened[step.place])
                elif isinstance(step, Retune):
                    await self._retune(step)
            async with trio.open_nursery() as closing:
                for step in prepared.steps:
                    if isinstance(step, Close):
                        closing.start_soon(self._close, step)

    def _begin(self, place: Place, terms: SocketTerms, listening: Listening) -> None:
        kind = self._kinds[place.listener]
        counters = self._counters.setdefault(place, Counters())
        listen = Listen(kind, listening, terms, counters, self._houses[kind.plane])
        self._open[place] = listen
        self._terms[place] = terms
        listen.announce()
        self._nurseries[place.listener].start_soon(self._run_listen, place, listen)

    async def _run_listen(self, place: Place, listen: Listen) -> None:
        await listen.run()
        if listen in (ending := self._ending.get(place, [])):
            ending.remove(listen)
        if place in self._ending and not ending:
            del self._ending[place]

    async def _retune(self, step: Retune) -> None:
        try:
            await self._open[step.place].retune(step.terms)
        except OSError as fault:  # a socket that takes no such buffer goes on as it was
            text = f"{self._problem(step.place, fault)}: the socket stays as it was"
            self._machine.events.publish(Panic(self._machine.clock.now(), Level.ERROR, text))
        self._terms[step.place] = step.terms

    async def _close(self, step: Close) -> None:
        listen = self._open.pop(step.place)
        del self._terms[step.place]
        self._ending.setdefault(step.place, []).append(listen)
        await listen.close(replaced=step.replaced, succeeded=step.succeeded)
        if listen.listening.is_adopted:
            self.adopted[step.place.endpoint] = listen.listening.socket

    def bound(self, place: Place) -> Endpoint | None:
        """Where *place* is bound; None when it is not open (any more, or until it could be opened again)."""
        listen = self._open.get(place)
        return listen.listening.bound if listen is not None and listen.is_open else None

    def counted(self, place: Place) -> Counters:
        """What *place* counts, open conversations included."""
        counters = self._counters.get(place, Counters())
        received, sent = counters.octets_received, counters.octets_sent
        for listen in self._listens(place):
            received += listen.octets_received
            sent += listen.octets_sent
        return Counters(counters.sessions, counters.sessions_total, received, sent)

    def connections(self) -> Iterator[tuple[ListenerKind, Connection]]:
        """All that are open, with what they are connections of; not to be kept over an await."""
        for place in {**self._open, **self._ending}:
            for listen in self._listens(place):
                for connection in listen.connections:
                    yield listen.kind, connection

    def _listens(self, place: Place) -> list[Listen]:
        current = self._open.get(place)
        return [*self._ending.get(place, ()), *([current] if current is not None else ())]

    async def close(self) -> None:
        """The node drains: close all sockets, tell all conversations; ``run`` returns when the last is over."""
        everybody = [listen for place in {*self._open, *self._ending} for listen in self._listens(place)]
        await self.settle(Prepared(steps(self._terms, {}), {}))
        while self.adopted:
            self.adopted.popitem()[1].close()
        for listen in everybody:
            listen.drain()
        self._closing.set()

    def _placed(self, place: Place, fault: OSError, written: Mapping[Place, Position]) -> str:
        at = f"{written[place]}: " if place in written else ""
        return at + self._problem(place, fault)

    def _problem(self, place: Place, fault: OSError) -> str:
        barred = fault.errno == errno.EACCES and place.endpoint.is_privileged
        return (
            f'{self._kinds[place.listener].scope} Listen "{place.endpoint}": {fault.strerror or fault}'
            f"{PORT_BARRED if barred else ''}"
        )


def _is_tcp(step: Open) -> bool:
    return step.place.endpoint.family is not Family.UNIX


def _is_new_path(step: Open) -> bool:
    """Whether nobody is lost by opening it in vain."""
    return not _is_tcp(step) and not step.beside
