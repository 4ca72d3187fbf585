"""The admin consoles of a run: one conversation at a time at each, and what the evidence keeps of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import trio

from momentum_trio.console.broadcast import ReplyState
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.node import Started
from momentum_trio.protocol.console.frame import LocalProtocolError, RemoteProtocolError

from .admin import SHOW, Said, Unanswered, Watch, look, say, settled
from .checks.asked import rows_of
from .console_line import How
from .evidence import Evidence, Exchange, Struck
from .host import Host, ProcessDied
from .reference_configuration import flat
from .service import Service

ANSWERED_SECONDS = 1.0  # for nodes to answer their manager, when all is well
REACHING = f"broadcast version\nwait {ANSWERED_SECONDS:g}\nretrieve version"
REACH_AGAIN_SECONDS = 2.0  # between two tries
RESTORE_SECONDS, RESTORE_AGAIN_SECONDS = 120.0, 2.0  # until a node takes its own files again; between two tries
SHUTDOWN = "shutdown"  # the command after which a node ends
WRITING = (How.REPLACE.value, "config writeback")  # what begins so may have changed a node's files
FAULTS = (OSError, trio.TooSlowError, Unanswered, RemoteProtocolError, LocalProtocolError, ProcessDied)
"""What ends a conversation with a console, beside its last line."""


class Consoles:
    """now: virtual seconds since the load began."""

    def __init__(self, evidence: Evidence, now: Callable[[], float]) -> None:
        self._evidence, self._now = evidence, now
        self._locks: dict[str, trio.Lock] = {}
        self._numbers = count(1)

    async def say(self, service: Service, struck: Struck) -> None:
        """Somebody says the text of *struck*."""
        if struck.fault.text.strip() == SHUTDOWN:
            service.ended_for_cause()
        said: list[Exchange] = []
        node: Started | None = None
        try:
            async with self._lock(service):
                node = node_of(service)
                answered = await self._talk(service, struck.fault.text, said)
        except FAULTS as fault:
            struck.answer, struck.answered = f"{type(fault).__name__}: {fault}", True
            struck.did = any(exchange.line != SHOW for exchange in said)
            return
        struck.answer, struck.answered = answered.answer, True
        if not answered.ok and settled(answered.lines):
            self._evidence.refused_commands.append((struck, answered.before, answered.after))
        elif answered.ok and node is node_of(service):  # a life that began meanwhile has read its files
            self._evidence.conversations.append((struck, answered))

    async def restore(self, service: Service) -> None:
        """Have a node take its files as they were in the beginning, whatever was changed at its console."""
        name, why = service.host.name, "it does not run"
        with trio.move_on_after(RESTORE_SECONDS):
            while why:
                try:
                    async with self._lock(service):
                        said = await self._talk(service, self._restoring(service), [])
                    why = "" if said.ok else said.answer
                except FAULTS as fault:
                    why = f"{type(fault).__name__}: {fault}"
                if why:
                    await trio.sleep(RESTORE_AGAIN_SECONDS)
        self._evidence.restored[name] = why

    async def reach(self, service: Service, nodes: Sequence[str], within_seconds: float) -> None:
        """Have a manager ask all of *nodes* something, again and again until all of them have answered in time."""
        name, why = service.host.name, "it does not run"
        with trio.move_on_after(within_seconds):
            while why:
                try:
                    async with self._lock(service):
                        said = await self._talk(service, REACHING, [])
                    answered = {row.node for row in rows_of(said.answer) if row.state is ReplyState.ANSWERED}
                    why = "" if answered == {*nodes} else said.answer
                except FAULTS as fault:
                    why = f"{type(fault).__name__}: {fault}"
                if why:
                    await trio.sleep(REACH_AGAIN_SECONDS)
        self._evidence.reached[name] = why

    def _restoring(self, service: Service) -> str:
        plan, text = service.plan, "config reload"
        if any(each.host == plan.name and each.line.startswith(WRITING) for each in self._evidence.exchanges):
            return f"replace {plan.config} {flat(dict(plan.files)[plan.config].decode())}\n{text}"
        return text

    async def look(self, service: Service) -> None:
        """See what the console of a node shows."""
        with suppress(*FAULTS):
            await self._called(service, look, self._watch(service.host, []))

    async def _talk(self, service: Service, text: str, said: list[Exchange]) -> Said:
        answered: Said = await self._called(service, say, text, self._watch(service.host, said))
        return answered

    async def _called(self, service: Service, act: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
        """Have a process beside the node do it. Raises Unanswered where there is none: it would give the host power."""
        if not service.running:
            raise Unanswered("the node does not run")
        return await service.host.call(act, console_of(service), *arguments)

    def _lock(self, service: Service) -> trio.Lock:
        return self._locks.setdefault(service.host.name, trio.Lock())

    def _watch(self, host: Host, said: list[Exchange]) -> Watch:
        def note(exchange: Exchange) -> None:
            said.append(exchange)
            self._evidence.exchanges.append(exchange)

        def listening() -> frozenset[str]:
            return frozenset(str(name) for name in host.ports.listeners())

        return Watch(host.name, note, self._now, listening, self._numbers)


def node_of(service: Service) -> Started | None:
    """The node that *service* started last."""
    started = None if service.life is None else service.life.started
    return started if isinstance(started, Started) else None


def console_of(service: Service) -> Endpoint:
    """Where the node's console listens. Raises Unanswered if it does not."""
    node = node_of(service)
    for report in () if node is None else node.administration.listeners():
        if report.listener.lower() == "control_listener" and report.bound:
            return Endpoint.parse(report.bound)
    raise Unanswered("no console listens")
