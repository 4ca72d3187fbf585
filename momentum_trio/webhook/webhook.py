"""One webhook: follows the event stream, keeps what it wants, and posts it batch by batch until each was taken.

One batch is under way at a time, so the order is that of the stream. Only an answer 2xx is an acknowledgement; anything
else, redirects too, is tried again, after twice the time each time, with jitter. At-least-once: whoever minds keeps the
ids of batches.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import trio

from momentum_trio.events.hub import Follower, Hub, Overtaken
from momentum_trio.https.client import Request, RequestFault, Server, exchange
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms, TlsContext
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.events.cursor import Cursor
from momentum_trio.protocol.events.filter import Filter, Sieve
from momentum_trio.webhook import signature
from momentum_trio.webhook.reach import Resolve, Unreachable, addresses
from momentum_trio.webhook.store import Batch, Store, groups
from momentum_trio.webhook.webhook_options import WebhookOptions

GATHER_SECONDS = 0.25
"""After events were kept others are waited for: a crash costs no more than those, and the next life says so."""
DISK_SECONDS = 5.0
"""A disk that failed is tried again after so long."""
ANSWER_OCTETS_MAX = 16 * 1024
"""Of an answer's body, which nobody reads."""
AGENT = "momentum-trio"


@dataclass(frozen=True, slots=True)
class Outfit:
    """What webhooks of one node use. context: of TLS to a server. base: the folder that has a folder for each."""

    machine: Machine
    hub: Hub
    resolve: Resolve
    context: Callable[[ClientTlsTerms], Awaitable[TlsContext]]
    base: str


@dataclass(slots=True)
class Counts:
    """Since the node started. acknowledged, lost: events; batches: taken; failures: attempts that were for nothing."""

    acknowledged: int = 0
    lost: int = 0
    batches: int = 0
    failures: int = 0


class Webhook:
    """One of them, while ``run`` runs. options: as they hold now. before: another of this name that is ending."""

    def __init__(
        self, outfit: Outfit, name: str, folder: str, options: WebhookOptions, after: Cursor, before: Webhook | None
    ) -> None:
        self.name, self.options, self.counts = name, options, Counts()
        self.over = trio.Event()
        self._outfit, self._machine, self._before = outfit, outfit.machine, before
        life = bytes.fromhex(outfit.hub.life)
        self._store = Store(outfit.machine.disk, folder, life, options.backlog_octets)
        self._follower: Follower = outfit.hub.follow(after, sieve(options))
        self._closing = False
        self._waiting = self._retrying = trio.CancelScope()
        self._failing = self._sick = False

    @property
    def waiting(self) -> int:
        """Events that were not taken yet."""
        return self._store.waiting

    @property
    def octets(self) -> int:
        """On disk."""
        return self._store.octets

    def retune(self, options: WebhookOptions) -> None:
        """*options* hold from now on; an attempt that waits for its time is made now."""
        if options is not self.options:
            self.options, self._store.backlog_octets = options, options.backlog_octets
            self._follower.sift(sieve(options))
            self._retrying.cancel()

    def close(self) -> None:
        """Keep what has happened until now, and let that be all: ``run`` returns."""
        self._closing = True
        self._waiting.cancel()

    async def run(self) -> None:
        """Keep and post until ``close``. Raises: nothing for what the world does.

        Cancellation: what was not kept is lost, which the next life says.
        """
        try:
            if self._before is not None:
                await self._before.over.wait()
            if await self._open():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._post_for_ever)
                    is_whole = await self._keep()
                    nursery.cancel_scope.cancel()
                if is_whole:
                    await self._say_farewell()
        finally:
            self._follower.close()
            self.over.set()

    # -- keeping

    async def _open(self) -> bool:
        """Take over what earlier lives left, however often the disk has to be asked; False: it closed meanwhile."""
        while not self._closing:
            try:
                found = await self._store.open()
            except OSError as fault:
                await self._suffer(fault)
                continue
            self._recover()
            for name in found.damaged:
                self._say(Level.ERROR, f"{name} cannot be read: its events are lost")
            if not found.in_order:
                return await self._append([self._outfit.hub.gap("stopped", 0, None)])
            return True
        return False

    async def _keep(self) -> bool:
        """Keep what happens, until it is all that happened before ``close``; False: the disk did not take all of it."""
        while not self._closing:
            with trio.CancelScope() as self._waiting:
                await self._follower.wait()
                await trio.sleep(GATHER_SECONDS)
            while self._follower.is_behind:
                for group in groups(await self._events()):
                    if not await self._append(group):
                        return False
        return True

    async def _events(self) -> Sequence[bytes]:
        try:
            return await self._follower.next()
        except Overtaken:
            self._follower.catch_up()
            return ()

    async def _append(self, group: Sequence[bytes]) -> bool:
        """Keep *group*, however often the disk has to be asked; False: it would not, and time is up."""
        while True:
            try:
                dropped = await self._store.append(group)
            except OSError as fault:
                if self._closing:
                    return False
                await self._suffer(fault)
                continue
            self._recover()
            if dropped:
                self._say(Level.ERROR, f"too much waits: the {dropped} oldest events are lost")
            return True

    async def _say_farewell(self) -> None:
        try:
            await self._store.close()
        except OSError as fault:
            self._say(Level.ERROR, f"its events cannot be kept: {fault.strerror or fault}")

    # -- posting

    async def _post_for_ever(self) -> None:
        while True:
            try:
                batch = await self._store.next(self.options.batch_events)
                await self._store.begin_sending(batch)
            except OSError as fault:
                await self._suffer(fault)
                continue
            await self._post(batch)

    async def _post(self, batch: Batch) -> None:
        """Post *batch* until it is taken."""
        if batch.missing:
            self._say(Level.ERROR, f"{batch.missing} events before number {batch.first} are lost")
        body, wait = self._body(batch), self.options.retry_interval
        while (fault := await self._attempt(batch, body)) is not None:
            self.counts.failures += 1
            if not self._failing:
                self._failing = True
                self._say(Level.WARNING, f"{fault}; {self.waiting} events wait")
            await self._pause(wait)
            wait = min(2 * wait, self.options.retry_interval_max)
        try:
            await self._store.acknowledge(batch)
        except OSError as broken:
            await self._suffer(broken)
        self._was_taken(batch)

    async def _attempt(self, batch: Batch, body: bytes) -> str | None:
        """None: it was taken; else why not."""
        options = self.options
        assert options.url is not None
        try:
            with trio.fail_after(options.timeout):
                places = await addresses(options.url, options.networks, self._outfit.resolve)
                terms = ClientTlsTerms(verify=True, authorities=options.authorities)
                context = await self._outfit.context(terms) if options.url.is_tls else None
                server = Server(options.url.host, options.url.port, places, context)
                answer = await exchange(
                    server, self._request(batch, body), octets_max=ANSWER_OCTETS_MAX, seconds=options.timeout
                )
        except trio.TooSlowError:
            return "timed out"
        except (Unreachable, RequestFault, OSError, ValueError) as fault:
            return str(fault)
        return None if 200 <= answer.status < 300 else f"it answers {answer.status}"

    def _request(self, batch: Batch, body: bytes) -> Request:
        options = self.options
        assert options.url is not None
        fields = [("Content-Type", "application/json"), ("User-Agent", AGENT)]
        fields += signature.headers(options.secrets, batch.id, int(self._machine.clock.now()), body)
        if options.authorization:
            fields.append(("Authorization", options.authorization))
        return Request("POST", options.url.target, fields, body)

    def _body(self, batch: Batch) -> bytes:
        hub = self._outfit.hub
        lost = [hub.gap("lost", 0, batch.missing)] if batch.missing else []
        head = {
            "batch_id": batch.id,
            "webhook": self.name,
            "node": self._machine.process.hostname,
            "first": batch.first - batch.missing,
            "last": batch.last,
        }
        events = b",".join((*lost, *batch.events))
        return b'%s,"events":[%s]}' % (msgspec.json.encode(head)[:-1], events)

    async def _pause(self, seconds: float) -> None:
        """About *seconds*; no two webhooks keep in step. Ends when options change."""
        with trio.CancelScope() as self._retrying:
            await trio.sleep(seconds * (1 + self._machine.entropy.fraction()) / 2)

    def _was_taken(self, batch: Batch) -> None:
        self.counts.batches += 1
        self.counts.acknowledged += len(batch.events)
        self.counts.lost += batch.missing
        if self._failing:
            self._failing = False
            self._say(Level.NOTICE, f"it takes events again; {self.waiting} wait")

    # -- words

    async def _suffer(self, fault: OSError) -> None:
        """The disk failed: say so once, and wait a while."""
        if not self._sick:
            self._sick = True
            self._say(Level.ERROR, f"its events cannot be kept: {fault.strerror or fault}")
        await trio.sleep(DISK_SECONDS)

    def _recover(self) -> None:
        if self._sick:
            self._sick = False
            self._say(Level.NOTICE, "its events are kept again")

    def _say(self, level: Level, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, f"webhook {self.name}: {text}"))


def sieve(options: WebhookOptions) -> Sieve:
    """What *options* let through."""
    return Sieve(Filter(type=options.types, domain=options.domains))
