"""What the mail plane answers to ``refresh domain``, ``dig`` and ``dns_cache`` (spec/console.md section 9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Protocol

import dns.exception
import dns.name
import dns.rdatatype
import dns.reversename
import trio

from momentum_trio.config.chain import Chain
from momentum_trio.console.command import Data
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.resolver import Absent, Counts, Present, Resolver
from momentum_trio.node.link import Ask, Said

RdataType = dns.rdatatype.RdataType

LOOKUPS_MAX = 100
"""Begun from the console and not done yet."""

REVERSED = ("PTR", "X", "X_AAAA")
TYPES: Mapping[str, RdataType] = {
    "A": RdataType.A,
    "MX": RdataType.MX,
    "PTR": RdataType.PTR,
    "X": RdataType.PTR,
    "X_AAAA": RdataType.PTR,
    "TXT": RdataType.TXT,
    "AAAA": RdataType.AAAA,
    "CNAME": RdataType.CNAME,
}


class Tree(Protocol):
    """What is asked of a configuration tree."""

    def chain_global(self) -> Chain: ...
    def chain_outbound(self, binding_group: str, binding: str, domain: str) -> Chain: ...


class Generation(Protocol):
    """What of a generation of the configuration is asked here."""

    @property
    def tree(self) -> Tree: ...


class Generations(Protocol):
    """Where the current one is found."""

    @property
    def current(self) -> Generation: ...


class DnsDesk:
    """Answers at once; what has to be looked up first goes on in *nursery*."""

    def __init__(self, hosts: Hosts, generations: Generations, nursery: trio.Nursery) -> None:
        self._hosts, self._generations, self._nursery = hosts, generations, nursery
        self._commands: Mapping[str, Callable[..., Said]] = {
            "refresh domain": self._refresh,
            "dig": self._dig,
            "dns_cache stats": self._stats,
            "dns_cache refcnts": self._refcnts,
            "dns_cache submit": self._submit,
            "dns_cache lookup": self._lookup,
        }

    def knows(self, command: str) -> bool:
        """Whether it is one of these commands."""
        return command in self._commands

    def answer(self, asked: Ask) -> Said:
        """The answer; *asked* is one of these commands, with as many words as it takes."""
        return self._commands[asked.command](*asked.words)

    def _refresh(self, domain: str) -> Said:
        count = self._hosts.refresh(None if domain == "all" else domain)
        return Said(f"{count} domains refreshed", {"refreshed": count})

    def _dig(self, domain: str) -> Said:
        chain = self._generations.current.tree.chain_outbound("default", "default", domain)
        return self._begin(lambda: self._hosts.dig(domain, chain), "submitted")

    def _submit(self, name: str, kind: str) -> Said:
        async def ask() -> None:
            resolver = await self._hosts.resolver(self._generations.current.tree.chain_global())
            await resolver.ask(_asked_name(name, kind), TYPES[kind])

        return self._begin(ask, "Submitted")

    def _begin(self, lookup: Callable[[], Awaitable[None]], text: str) -> Said:
        if len(self._nursery.child_tasks) >= LOOKUPS_MAX:
            return Said("too many look-ups have not come back yet", failed=True)
        self._nursery.start_soon(lookup)
        return Said(text, {"submitted": True})

    def _lookup(self, name: str, kind: str) -> Said:
        asked, resolver = _asked_name(name, kind), self._hosts.last_resolver
        answer = None if resolver is None else resolver.known(asked, TYPES[kind])
        if answer is None:
            return Said("Cached result not found, try a submit.", {"found": False})
        return Said("\n".join(_shown(asked, TYPES[kind].name, answer)), {"found": True, "records": _texts(answer)})

    def _stats(self) -> Said:
        resolver = self._hosts.last_resolver
        counts = Counts() if resolver is None else resolver.counts
        return Said("\n".join(_stats(counts)), _fields(counts, resolver))

    def _refcnts(self) -> Said:
        resolver = self._hosts.last_resolver
        entries, uses = [] if resolver is None else resolver.entries(), self._hosts.uses()
        rows = [(uses[name], name, kind.name, int(seconds)) for name, kind, seconds in entries]
        text = "\n".join(f"[{count:3d}] {name} [{seconds}s]" for count, name, _, seconds in rows)
        data: list[Data] = [
            {"uses": count, "name": name, "type": kind, "seconds": seconds} for count, name, kind, seconds in rows
        ]
        return Said(text, data)


def _asked_name(name: str, kind: str) -> str:
    """The name that is asked about: of an address the one that stands for it below ``arpa``."""
    if kind in REVERSED:
        try:
            return dns.reversename.from_address(name.strip("[]")).to_text(omit_final_dot=True)
        except dns.exception.SyntaxError:
            pass
    return name


def _texts(answer: Present | Absent) -> Sequence[str]:
    return [record.to_text() for record in answer.records] if isinstance(answer, Present) else []


def _shown(name: str, kind: str, answer: Present | Absent) -> Iterator[str]:
    """The question and the answer in the manner of dig."""
    yield ";; QUESTION SECTION:"
    yield f";{name:<23} IN      {kind}"
    yield ""
    if isinstance(answer, Absent):
        yield ";; no such records" if answer.exists else ";; no such name"
        return
    yield ";; ANSWER SECTION:"
    seconds = max(int(answer.until - trio.current_time()), 0)
    for text in _texts(answer):
        yield f"{name:<23} {seconds:<7} IN      {kind:<7} {text}"


def _stats(counts: Counts) -> Iterator[str]:
    yield "DNS Queries:"
    for kind in ("TXT", "PTR", "MX", "A", "AAAA", "CNAME", "TLSA"):
        yield f"{kind:>11}: {counts.questions[kind]}"
    yield ""
    yield "DNS responses:"
    yield f"{'Total':>11}: {counts.answers}"
    yield f"{'Bad':>11}: {counts.bad}"
    yield ""
    yield "DNS cache:"
    yield f"{'Lookups':>11}: {counts.lookups}"
    yield f"{'Hit Rate':>11}: {_hit_rate(counts):.4f}%"


def _hit_rate(counts: Counts) -> float:
    return 100 * counts.hits / counts.lookups if counts.lookups else 0.0


def _fields(counts: Counts, resolver: Resolver | None) -> Data:
    return {
        "queries": dict(counts.questions),
        "responses": counts.answers,
        "bad": counts.bad,
        "lookups": counts.lookups,
        "hits": counts.hits,
        "pending": 0 if resolver is None else resolver.pending,
    }
