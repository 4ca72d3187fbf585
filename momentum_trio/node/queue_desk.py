"""What the mail plane answers to the console about queues, and does for it (spec/console.md sections 8 and 9)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import trio

from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.command import Data
from momentum_trio.delivery.census import Count
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.operations import Verdict, Which
from momentum_trio.delivery.outbound import OutboundConnections
from momentum_trio.delivery.queue import Queue
from momentum_trio.delivery.roster import Standing
from momentum_trio.delivery.tally import Tally
from momentum_trio.listener.kind import Generations
from momentum_trio.machine import Machine
from momentum_trio.node import message_pages, queue_pages
from momentum_trio.node.folders import Folders
from momentum_trio.node.import_desk import ImportDesk
from momentum_trio.node.link import Ask, Said
from momentum_trio.node.node_options import SpoolOptions
from momentum_trio.node.outbound_desk import connection_fields
from momentum_trio.reception.binding import Bindings, words_in
from momentum_trio.spool.fault import SpoolFault
from momentum_trio.spool.importing import owed_of
from momentum_trio.spool.message import Held
from momentum_trio.spool.spool import Spool

ALL = "all"
SHOWN_MAX = 1000
"""Messages that ``showqueue`` shows at once."""
BODY_OCTETS_MAX = 1024 * 1024
"""Of the content that ``message details`` shows."""

PURGED_LOGGED, PURGED_TOLD = "554 5.7.0 [internal] Message manually purged", "554 Message manually purged."
FAILED = "554 manually failed."
_PERMANENT = re.compile(r"5[0-9][0-9] ")

Action = Callable[..., Awaitable[Said]]


class NoSuchBinding(Exception):
    """None of that name is configured, and no mail has it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no such binding: {name}")


class QueueDesk:
    """For one queue. errands: where an import goes on. A command may take long; others are answered meanwhile."""

    def __init__(
        self,
        machine: Machine,
        spool: Spool,
        queue: Queue,
        hosts: Hosts,
        outbound: OutboundConnections,
        generations: Generations,
        errands: trio.Nursery,
    ) -> None:
        self._machine, self._spool, self._queue, self._hosts = machine, spool, queue, hosts
        self._outbound, self._generations = outbound, generations
        self._began = trio.current_time()
        options = SpoolOptions.resolve(self._tree.chain_global())
        folders = Folders.of(SpoolOptions.import_directories.name, options.base, options.import_directories)
        imports = ImportDesk(machine, spool, queue.take_found, errands, folders)
        self._commands: Mapping[str, Action] = {
            "active": self._active,
            "delayed": self._delayed,
            "domain": self._domain,
            "domain all": self._domain_all,
            "mailq": self._mailq,
            "showqueue": self._showqueue,
            "flush domain": self._flush,
            "fail domain": self._fail,
            "message details": self._details,
            "message fail": self._fail_one,
            "message retry": self._retry,
            "rebind": self._rebind,
            "reroute queue": self._reroute,
            "spool_in": self._spool_in,
            "spool import": imports.begin,
            "spool import_poll": imports.poll,
            "binding summary": self._binding_summary,
        }

    async def answer(self, asked: Ask) -> Said:
        """The answer; *asked* is one of these commands, with as many words as it takes.

        Cancellation: what it does has been done to some messages and not to the others.
        """
        try:
            return await self._commands[asked.command](*asked.words)
        except SpoolFault as fault:
            return Said(f"the spool: {fault}; what was done until then stays done", failed=True)
        except NoSuchBinding as none:
            return Said(str(none), failed=True)

    @property
    def _tree(self) -> ConfigTree:
        return self._generations.current.tree

    async def _which(self, binding: str, domain: str | None = None) -> Which:
        """The lanes of a binding that there is, ``NAME``, ``GROUP/NAME`` or ``all``, and of a routing domain."""
        group, _, name = binding.rpartition("/")
        wanted = Which(None, name, group or None)
        if binding == ALL:
            return Which(domain)
        known = (("default", "default"), *configured_bindings(self._tree))
        if not any(wanted.holds((*key, "")) for key in known) and not await self._queue.operations.lanes(wanted):
            raise NoSuchBinding(binding)
        return replace(wanted, domain=domain)

    # Counts

    async def _active(self, binding: str, threshold: str) -> Said:
        counted = await self._queue.census.by_domain(await self._which(binding))
        return queue_pages.domain_rows(counted, lambda count: count.active > int(threshold))

    async def _delayed(self, binding: str, threshold: str) -> Said:
        counted = await self._queue.census.by_domain(await self._which(binding))
        return queue_pages.domain_rows(counted, lambda count: count.delayed > int(threshold))

    async def _domain_all(self) -> Said:
        counted = await self._queue.census.by_domain(Which(), ages=True)
        return queue_pages.domain_rows(counted, lambda _: True, summary=True)

    async def _domain(self, domain: str) -> Said:
        counted = (await self._queue.census.by_domain(Which(domain))).get(domain)
        report, count = self._hosts.report(domain, "default"), counted or Count()
        if report is None and counted is None:
            return Said(f"Domain '{domain}' is not known here", failed=True)
        failures = self._queue.carriage.failures(domain)
        lines = [] if report is None else list(report.lines())
        lines += [f"Domain has had {failures} consecutive connection failures"] if failures else []
        connections = [each for each in self._outbound if each.domain == domain]
        lines += queue_pages.domain_page(count, connections, trio.current_time())
        fields: Data = {
            "domain": domain,
            "connection_failures": failures,
            **queue_pages.fields(count),
            "active_connections": list(map(connection_fields, connections)),
        }
        return Said("\n".join(lines), fields)

    async def _mailq(self, limit: str, *filters: str) -> Said:
        domains: list[str | None] = [each[2:] for each in filters if each.startswith("d:")] or [None]
        bindings = [each[2:] for each in filters if each.startswith("b:")] or [ALL]
        counted: dict[tuple[str, str, str], Count] = {}
        wanted = [await self._which(binding, domain) for binding in bindings for domain in domains]
        for key, count in await self._queue.census.by_lane(Which()):
            if (count.active or count.delayed) and any(each.holds(key) for each in wanted):
                counted.setdefault(key, Count()).add(count)
        return queue_pages.mailq(counted, int(limit))

    async def _binding_summary(self, name: str) -> Said:
        counted, tallies = await self._queue.census.by_binding(), self._queue.settlement.tallies
        keys = sorted({("default", "default"), *configured_bindings(self._tree), *counted, *tallies})
        group = name.removeprefix("group:") if name.startswith("group:") else ""
        if name.isdecimal():
            keys = [key for slot, key in enumerate(keys) if str(slot) == name]
        elif name:
            wanted = Which(binding_group=group) if group else await self._which(name)
            keys = [key for key in keys if wanted.holds((*key, ""))]
        if not keys:
            raise NoSuchBinding(name)
        residents = self._queue.census.residents(keys)
        rows = [(key, counted.get(key, Count()), tallies.get(key, Tally()), residents[key]) for key in keys]
        return queue_pages.binding_summaries(rows, group, trio.current_time() - self._began)

    # Messages

    async def _showqueue(self, binding: str, domain: str, count_max: str, offset: str) -> Said:
        count = min(int(count_max), SHOWN_MAX)
        waiting = self._queue.census.tickets(await self._which(binding, domain), int(offset), count)
        named = [(word, ticket, message_id) for word, ticket in waiting if (message_id := self._name(ticket))]
        rows, data = list[str](), list[Data]()
        for word, ticket, message_id in named:
            held = await self._held(ticket, message_id)
            if held is not None:
                rows.append(message_pages.queue_row(word, message_id, held))
                data.append(message_pages.queue_fields(word, message_id, held))
        return Said("\n".join(rows), data)

    def _name(self, ticket: int) -> str:
        """The message of *ticket*; empty where the spool has lost it and the queue does not know that yet."""
        try:
            return self._spool.message_id(ticket)
        except KeyError:
            return ""

    async def _held(self, ticket: int, message_id: str) -> Held | None:
        """The message of that name, unless it was concluded meanwhile and its ticket is another's, or none's."""
        try:
            held = await self._spool.held(ticket)
        except KeyError:
            return None
        return held if held.message.message_id == message_id else None

    async def _details(self, part: str, message_id: str) -> Said:
        try:
            ticket, standing = self._queue.operations.standing(message_id)
        except KeyError:
            return _unknown(message_id)
        if standing == Standing.IN_HAND:
            return _in_hand(message_id)
        next_attempt_at = self._machine.clock.now()
        if standing == Standing.DELAYED:
            next_attempt_at += self._queue.holdings.roster.due[ticket] / 1000 - trio.current_time()
        held = await self._held(ticket, message_id)
        if held is None:
            return _unknown(message_id)
        text, fields = "", message_pages.detail_fields(held, next_attempt_at)
        if part != "body":
            text = message_pages.details(held, next_attempt_at)
        if part:
            try:
                octets = await self._spool.read(held.batch.batch_id, 0, BODY_OCTETS_MAX)
            except KeyError:
                return _unknown(message_id)
            fields["content"] = content = octets.decode("utf-8", "replace").replace("\r\n", "\n")
            text = f"{text}\n\n{content}" if text else content
        return Said(text, fields)

    async def _fail_one(self, quiet: str, message_id: str) -> Said:
        try:
            ticket, standing = self._queue.operations.standing(message_id)
        except KeyError:
            return _unknown(message_id)
        if standing not in (Standing.READY, Standing.DELAYED):
            return _in_hand(message_id)
        if not await self._queue.operations.fail_one(ticket, Verdict(FAILED, FAILED, quiet=bool(quiet))):
            return Said(f"Message {message_id} could not be failed yet: see the paniclog", failed=True)
        return Said(f"Message {message_id} failed", {"failed": 1})

    async def _retry(self, message_id: str) -> Said:
        try:
            ticket, standing = self._queue.operations.standing(message_id)
        except KeyError:
            return _unknown(message_id)
        if standing != Standing.DELAYED:
            return _in_hand(message_id) if standing == Standing.IN_HAND else Said("Message is in the active queue")
        self._queue.operations.retry(ticket)
        return Said("Message requeued for delivery", {"requeued": 1})

    async def _spool_in(self, message_id: str) -> Said:
        try:
            ticket, standing = self._queue.operations.standing(message_id)
            if standing != Standing.ABSENT:
                return Said(f"Message {message_id} is already in the queue", {"loaded": 0})
            held = await self._spool.held(ticket)
        except KeyError:
            return _unknown(message_id)
        if self._queue.operations.standing(message_id) == (ticket, Standing.ABSENT):
            self._queue.take_found(owed_of(ticket, held))
        return Said(f"Message {message_id} loaded", {"loaded": 1})

    # Queues

    async def _flush(self, binding: str, domain: str) -> Said:
        count = await self._queue.operations.flush(await self._which(binding, None if domain == ALL else domain))
        name = "All domains" if domain == ALL else domain
        return Said(f"{name} flushed.  {count} messages requeued.", {"domain": domain, "requeued": count})

    async def _fail(self, binding: str, quiet: str, domain: str, message: str) -> Said:
        told = PURGED_TOLD if not message else message if _PERMANENT.match(message) else f"554 {message}"
        verdict = Verdict(told if message else PURGED_LOGGED, told, quiet=bool(quiet))
        count = await self._queue.operations.fail(
            await self._which(binding, None if domain == ALL else domain), verdict
        )
        if domain == ALL:
            text = f"All domains purged.  {count} messages failed."
        else:
            text = f"{domain} purged, {count} messages failed."
        return Said(text, {"domain": domain, "failed": count})

    async def _reroute(self, domain: str, to: str) -> Said:
        count = await self._queue.operations.reroute(domain, to)
        return Said(f"Moved {count} messages from '{domain}' to '{to}'", {"moved": count})

    async def _rebind(self, binding: str, domain: str) -> Said:
        words = words_in(self._tree.root)
        if len(words) > 1:
            return Said(
                "Outbound_Binding is not the same for all listeners, and which took a message is not kept", failed=True
            )
        bindings = Bindings(self._tree).wanted(*words or {""})
        count = await self._queue.operations.rebind(await self._which(binding, domain or None), bindings)
        return Said(f"Rebound {count} messages.", {"rebound": count})


def configured_bindings(tree: ConfigTree) -> list[tuple[str, str]]:
    """The bindings there are scopes of: binding group and name."""
    found = []
    for scope in tree.root.children:
        if scope.kind == "binding":
            found.append(("default", scope.instance))
        elif scope.kind == "binding_group":
            found += [(scope.instance, each.instance) for each in scope.children if each.kind == "binding"]
    return found


def _unknown(message_id: str) -> Said:
    return Said(f"There is no message {message_id}", failed=True)


def _in_hand(message_id: str) -> Said:
    return Said(f"Message {message_id} is being delivered", failed=True)
