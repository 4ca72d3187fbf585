"""SharedState in Redis: nodes hold leased blocks of seats and events, which Redis grants; scripts in redis_scripts.

Nothing is asked while somebody waits: seats and events are taken from what the node holds, and a task of its own sees
that it holds enough. Coredis moves the octets, without its retries (it would count twice what it asks twice), and with
a limit of ours around each call. Whatever goes wrong, both connections are made anew.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from momentum_trio.limits.contract import Key, Told
from momentum_trio.limits.leased import GAUGE_ASKED_SECONDS, GAUGE_SECONDS, Leased
from momentum_trio.limits.redis_scripts import GAUGE, LAST, RENEW, SAY, SCRIPTS, SEATS, TOKENS, Script
from momentum_trio.machine import Machine
from momentum_trio.protocol.cluster.holding import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    Ask,
    Holdings,
    OnFailure,
)
from momentum_trio.protocol.cluster.token import TokenAsk

if TYPE_CHECKING:
    from coredis import Redis

CONNECT_SECONDS = 1.0
REST_SECONDS = 0.2
"""After something went wrong, before the next connection."""
AGAIN_SECONDS = 0.1
"""Whoever did not get the seats he wants asks again after that."""
SAY_ALL_SECONDS = 900.0
READ_MS = 1_000
READ_ENTRIES = 100
ASKS_MAX = 64
"""Of one round, at once."""
GAUGES_MAX = 100
"""Told and asked in one round."""
SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class RedisTerms:
    """What ``SharedStateOptions`` say of the engine. timeout: seconds for one question."""

    uri: str
    on_failure: OnFailure = OnFailure.LOCAL_SHARE
    timeout: float = 0.05
    prefix: str = "momentum"


class RedisState(Leased):
    """``limits.contract.SharedState`` of nodes that use one Redis (7 or later). It is so while ``run`` runs."""

    def __init__(self, machine: Machine, node: str, terms: RedisTerms) -> None:
        super().__init__(machine, node, terms.on_failure, Holdings(terms.on_failure), "Redis")
        self._terms = terms
        self._member = f"{node}#{machine.entropy.octets(4).hex()}"
        self._since = -1
        self._last = b""
        self._renew_at = self._gauge_at = self._say_all_at = -math.inf
        self._is_out = self._grants = False

    def is_asking(self, key: Key) -> bool:
        """As ``SharedState`` has it."""
        return self._is_asking(key, grants=self._grants, may_grant=not self._is_out)

    # The connection

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be a member until cancelled. started: when Redis was asked for the first time, whether it answered or not."""
        import coredis  # takes a second to load

        faults = (coredis.exceptions.RedisError, OSError, trio.TooSlowError, TimeoutError)
        self._is_out = True
        self._begin(trio.current_time())
        asked = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_serving, faults, asked)
            await asked.wait()
            task_status.started()

    async def _keep_serving(self, faults: tuple[type[Exception], ...], asked: trio.Event) -> None:
        while True:
            why = ""
            try:
                await self._serve(asked)
            except* faults as group:
                why = _words(group)
            self._failed(why)
            asked.set()
            await trio.sleep(REST_SECONDS)

    def _client(self, seconds: float) -> Redis[bytes]:
        import coredis
        from coredis.retry import NoRetryPolicy

        return coredis.Redis.from_url(
            self._terms.uri,
            retry_policy=NoRetryPolicy(),
            verify_version=False,
            connect_timeout=CONNECT_SECONDS,
            stream_timeout=seconds,
            max_connections=ASKS_MAX,
        )

    async def _serve(self, has_asked: trio.Event) -> None:
        """Ask and follow over two connections, until something goes wrong. has_asked: set when that works."""
        async with self._client(self._terms.timeout + CONNECT_SECONDS) as asked:
            async with self._client(READ_MS / 1000 + CONNECT_SECONDS) as read:
                for script in SCRIPTS:
                    with trio.fail_after(CONNECT_SECONDS):
                        await asked.script_load(script.lua)
                await self._renew(asked)
                if not self._last:
                    self._last = (await self._call(asked, LAST, ["said"], []))[0]
                has_asked.set()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._follow, read)
                    nursery.start_soon(self._ask_on, asked)

    async def _call(self, client: Redis[bytes], script: Script, names: Sequence[str], args: Sequence[Any]) -> Any:
        keys = [f"{{{self._terms.prefix}}}:{name}" for name in names]
        with trio.fail_after(self._terms.timeout):
            return await client.evalsha(script.sha, keys, args)

    def _failed(self, why: str) -> None:
        """Redis does not answer: what was asked is void; soon each node has to do by itself."""
        now = trio.current_time()
        if not self._is_out:
            self._is_out = True
            self._out_since(now)
        self._holdings.unanswered()
        self._tokens.forget()
        self._expire(now, why)
        self._look_alone(now)

    def _renewed(self, asked_at: float) -> None:
        """Redis knows that we lived at *asked_at*."""
        if self._holdings.lease_until > -math.inf:
            self._expire(trio.current_time())
        self._is_out, self._alone_from = False, math.inf
        self._holdings.lease_until = max(self._holdings.lease_until, asked_at + LEASE_SECONDS)
        self._has_lease()

    # Asking

    async def _ask_on(self, client: Redis[bytes]) -> None:
        """See that we hold what is wanted."""
        while True:
            self._woken = trio.Event()
            async with trio.open_nursery() as round_:
                for call in self._due(client):
                    round_.start_soon(call)
            self._tell_freed()
            until = min(self._renew_at, self._gauge_at, self._tokens.next_at)
            if self._holdings.are_due:
                until = min(until, trio.current_time() + AGAIN_SECONDS)
            with trio.move_on_at(until):
                await self._woken.wait()

    def _due(self, client: Redis[bytes]) -> list[Callable[[], Awaitable[None]]]:
        """The calls to be made now."""
        now = trio.current_time()
        self._expire(now)
        calls: list[Callable[[], Awaitable[None]]] = []
        if now >= self._renew_at:
            self._renew_at = now + RENEW_SECONDS
            self._holdings.sweep(now)
            calls.append(lambda: self._renew(client))
        if now >= self._say_all_at:
            self._say_all_at = now + SAY_ALL_SECONDS
            self._holdings.say_all()
        calls += [self._asking(client, ask) for ask in self._holdings.asks(now, ASKS_MAX)]
        calls += [self._asking_tokens(client, ask) for ask in self._tokens.asks(now)[:ASKS_MAX]]
        if now >= self._gauge_at:
            self._gauge_at = now + GAUGE_SECONDS
            calls.append(lambda: self._tell_gauges(client))
        if self._said:
            calls.append(lambda: self._say_all(client))
        return calls

    async def _renew(self, client: Redis[bytes]) -> None:
        asked_at = trio.current_time()
        since, grants, *members = await self._call(client, RENEW, ["engine", "members"], [self._member])
        self._grants = bool(grants)
        self._members = tuple(sorted({member.decode().rpartition("#")[0] for member in members}))
        self._holdings.members = len(members)
        self._renewed(asked_at)
        self._know_engine(since)

    def _know_engine(self, since: int) -> None:
        """If it began anew, it may have forgotten what we hold."""
        if since != self._since:
            self._since = since
            self._holdings.say_all()

    def _asking(self, client: Redis[bytes], ask: Ask) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            asked_at = trio.current_time()
            names = ["engine", "members", "seats:" + SEPARATOR.join(ask.key), "said"]
            args = [self._member, ask.limit, ask.keep, ask.want, ask.need]
            held, lackers, since = await self._call(client, SEATS, names, args)
            self._renewed(asked_at)
            now = trio.current_time()
            self._holdings.answered(ask, held, now, now + AGAIN_SECONDS)
            self._holdings.lack(ask.key, lackers)
            self._know_engine(since)

        return call

    def _asking_tokens(self, client: Redis[bytes], ask: TokenAsk) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            names = ["rate:" + SEPARATOR.join(ask.key)]
            count, after = await self._call(client, TOKENS, names, [ask.rate, ask.burst, ask.least, ask.most])
            self._tokens.answered(ask.number, ask.key, float(count), float(after), trio.current_time())

        return call

    async def _tell_gauges(self, client: Redis[bytes]) -> None:
        """Say what has changed of ours, and ask for what somebody wants to know."""
        now = trio.current_time()
        due = [
            (key, gauge)
            for key, gauge in self._gauges.items()
            if gauge.ours != gauge.said or now < gauge.asked_at + GAUGE_ASKED_SECONDS
        ]
        for key, gauge in due[:GAUGES_MAX]:
            said = dict(gauge.ours)
            for node in {**said, **gauge.said} or {self._node: 0}:
                names = ["members", "gauge:" + SEPARATOR.join(key)]
                args = [f"{self._member}|{node}", said.get(node, 0), f"{self._member}|"]
                (gauge.others,) = await self._call(client, GAUGE, names, args)
            gauge.said = {node: count for node, count in said.items() if count}
            gauge.ours = {node: count for node, count in gauge.ours.items() if count}
            if key in self._gauges and not gauge.ours and now >= gauge.asked_at + GAUGE_ASKED_SECONDS:
                del self._gauges[key]
        for key, _ in due[:GAUGES_MAX]:
            if key in self._gauges:  # behind the others
                self._gauges[key] = self._gauges.pop(key)

    async def _say_all(self, client: Redis[bytes]) -> None:
        """Broadcasts, in their order; one of which the answer is lost is not said twice."""
        while self._said:
            topic, octets = self._said.pop(0)
            await self._call(client, SAY, ["said"], [self._node, topic, octets])

    # Following

    async def _follow(self, client: Redis[bytes]) -> None:
        """Hear what members say, from where we were."""
        stream = f"{{{self._terms.prefix}}}:said"
        while True:
            with trio.fail_after(READ_MS / 1000 + CONNECT_SECONDS):
                read = await client.xread({stream: self._last}, count=READ_ENTRIES, block=READ_MS)
            for entry in (read or {}).get(stream.encode(), ()):
                said: Any = entry.field_values
                self._last = _octets(entry.identifier)
                self._hear(self._last, said.get(b"n", b""), said.get(b"t", b""), said.get(b"o", b""))

    def _hear(self, place: bytes, sender: bytes, topic: bytes, octets: bytes) -> None:
        if topic:
            milliseconds, _, number = place.partition(b"-")
            told = Told(sender.decode(), (int(milliseconds) << 20) + int(number), topic.decode(), octets)
            self._listeners.tell(told)
        elif sender.decode() != self._member:
            key = tuple(octets.decode().partition(":seats:")[2].split(SEPARATOR))
            self._holdings.lack(key, 1)
            self._wake()


def _octets(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _words(group: BaseExceptionGroup[Exception]) -> str:
    """The first of it, in one line."""
    fault: BaseException = group
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return " ".join(f"{type(fault).__name__}: {fault}".split())[:200]
