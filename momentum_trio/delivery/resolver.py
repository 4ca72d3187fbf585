"""Questions to DNS: one resolver for a node, over its nameservers.

dnspython does the protocol (RFC 1035, 2181, 5452, 6891): ids, ports, the question and the sender of each answer are
checked there. Here: answers as values, a bounded memory of them in trio's time, identical questions asked once, a bound
on questions in flight, and which nameserver's word on DNSSEC is taken.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
import trio

from momentum_trio.delivery.cache_counts import CacheCounts, CacheReport
from momentum_trio.net.address_list import AddressList

RdataType = dns.rdatatype.RdataType

NOBODY = AddressList()

CACHED_MAX = 50_000
QUESTIONS_MAX = 250
"""In flight at the same time, each with a descriptor of its own; more wait."""

TTL_MAX = 7 * 86400.0
NEGATIVE_TTL_MAX = 3600.0  # RFC 2308 section 5 recommends one to three hours
LIFETIME_MAX = 30.0
PAYLOAD_OCTETS = 1232  # of an answer over UDP, so that it is not fragmented
AVOIDED_SECONDS = 60.0
"""How long a nameserver that was silent is asked after the others."""


@dataclass(frozen=True, slots=True)
class Present:
    """Records, as dnspython has them. until: trio's time up to which they hold.

    authenticated: a nameserver we trust says that DNSSEC proved them.
    """

    records: tuple[Any, ...]
    until: float
    asked_at: float
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """There are no such records. exists: whether the name is there at all (NODATA), or not (NXDOMAIN)."""

    exists: bool
    until: float
    asked_at: float
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody could say. reason: ``SERVFAIL``, ``timed out``, ``truncated`` ... heard: whether our nameservers live."""

    reason: str
    heard: bool = True


Answer = Present | Absent | Failed
Key = tuple[str, RdataType]


class Asking:
    """A question in flight, which others may wait for."""

    __slots__ = ("answer", "done")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.answer: Answer | None = None


@dataclass(slots=True)
class Counts:
    """Since the start, for the console."""

    questions: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    bad: int = 0
    cache: CacheCounts = field(default_factory=CacheCounts)

    @property
    def hits(self) -> int:
        """Questions answered from memory."""
        return self.cache.hits

    @property
    def lookups(self) -> int:
        """Times that memory was asked."""
        return self.cache.hits + self.cache.misses


@dataclass(frozen=True, slots=True)
class ResolverTerms:
    """What a resolver depends on.

    nameservers: addresses, the preferred one first. trusted: those besides loopback whose word on DNSSEC is taken.
    timeout, attempts: seconds for one question to one nameserver, and rounds of them. tcp: whether a truncated answer
    is asked for again over TCP.
    """

    nameservers: tuple[str, ...]
    trusted: AddressList = NOBODY
    timeout: float = 5.0
    attempts: int = 2
    tcp: bool = True


class Resolver:
    """Asks the nameservers of *terms*, and counts in *counts*."""

    def __init__(self, terms: ResolverTerms, counts: Counts) -> None:
        self.terms, self.counts = terms, counts
        self._nameservers = [Upstream(address, terms, self._hear) for address in terms.nameservers]
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.flags = dns.flags.RD | dns.flags.AD  # RFC 6840 section 5.7: AD is wanted in answers
        self._resolver.use_edns(0, 0, PAYLOAD_OCTETS)
        self._resolver.timeout = terms.timeout
        rounds = terms.timeout * terms.attempts * max(len(terms.nameservers), 1)
        self._resolver.lifetime = min(rounds, LIFETIME_MAX)
        self._cache: OrderedDict[Key, Present | Absent] = OrderedDict()
        self._asking: dict[Key, Asking] = {}
        self._seats = trio.CapacityLimiter(QUESTIONS_MAX)
        self._swept_at = self._heard_at = float("-inf")

    @property
    def pending(self) -> int:
        """Questions not answered yet."""
        return len(self._asking)

    async def ask(self, name: str, kind: RdataType, max_age: float = TTL_MAX) -> Answer:
        """The answer to one question; one that is younger than *max_age* seconds may come from memory.

        Takes at most a second more than the lifetime of a question, once it has a seat.
        Raises: nothing for what nameservers do, nor for a *name* that is none.
        Cancellation: whoever waits for the same answer asks anew.
        """
        key = (name.lower().removesuffix("."), kind)
        while True:
            if (known := self.known(*key, max_age)) is not None:
                await trio.lowlevel.checkpoint()
                return known
            asking = self._asking.get(key)
            if asking is None:
                return await self._ask_once(key)
            await asking.done.wait()
            if asking.answer is not None:
                return asking.answer

    def known(self, name: str, kind: RdataType, max_age: float = TTL_MAX) -> Present | Absent | None:
        """The answer in memory, if it still holds."""
        key = (name.lower().removesuffix("."), kind)
        answer, now = self._cache.get(key), trio.current_time()
        if answer is None or answer.until <= now or now - answer.asked_at >= max_age:
            self.counts.cache.misses += 1
            return None
        self.counts.cache.hits += 1
        self._cache.move_to_end(key)
        return answer

    def forget(self, name: str | None = None) -> None:
        """Forget all about *name*, or about everything."""
        before = len(self._cache)
        if name is None:
            self._cache.clear()
        else:
            for kind in KINDS:
                self._cache.pop((name.lower().removesuffix("."), kind), None)
        self.counts.cache.forced += before - len(self._cache)

    def report(self) -> CacheReport:
        """Of the answers in memory."""
        return CacheReport("dns", CACHED_MAX, len(self._cache), self.counts.cache, self.pending)

    def sweep(self, interval: float) -> None:
        """Drop what holds no longer, unless that was done less than *interval* seconds ago."""
        now = trio.current_time()
        if now - self._swept_at >= interval:
            self._swept_at = now
            for key in [key for key, answer in self._cache.items() if answer.until <= now]:
                del self._cache[key]
                self.counts.cache.expired += 1

    def entries(self) -> Sequence[tuple[str, RdataType, float]]:
        """What is in memory, with the seconds it still holds."""
        now = trio.current_time()
        return [(name, kind, answer.until - now) for (name, kind), answer in self._cache.items() if answer.until > now]

    # -- one question

    async def _ask_once(self, key: Key) -> Answer:
        asking = self._asking[key] = Asking()
        try:
            async with self._seats:
                asking.answer = answer = await self._question(*key)
        finally:
            del self._asking[key]
            asking.done.set()
        if not isinstance(answer, Failed):
            self._remember(key, answer)
        return answer

    def _remember(self, key: Key, answer: Present | Absent) -> None:
        self._cache[key] = answer
        self._cache.move_to_end(key)
        self.counts.cache.stores += 1
        if len(self._cache) > CACHED_MAX:
            self._cache.popitem(last=False)
            self.counts.cache.displaced += 1

    async def _question(self, name: str, kind: RdataType) -> Answer:
        self.counts.questions[kind.name] += 1
        began = trio.current_time()
        quick = [upstream for upstream in self._nameservers if upstream.silent_until <= began]
        slow = [upstream for upstream in self._nameservers if upstream.silent_until > began]
        self._resolver.nameservers = [*quick, *slow]
        try:
            absolute = dns.name.from_text(name, dns.name.root)
            # dnspython's own limit goes by the wall clock, which may step
            with trio.fail_after(self._resolver.lifetime + 1):
                answer = await self._resolver.resolve(absolute, kind, raise_on_no_answer=False, search=False)
            return self._answered(answer.response, answer.rrset)
        except dns.resolver.NXDOMAIN as absent:
            return self._answered(next(iter(absent.responses().values())), None)  # type: ignore[no-untyped-call]
        except (dns.exception.DNSException, UnicodeError, trio.TooSlowError) as fault:
            return Failed(_reason(fault), self._heard_at >= began)

    def _answered(self, response: dns.message.QueryMessage, rrset: Any) -> Answer:
        now = trio.current_time()
        seconds = float(response.resolve_chaining().minimum_ttl)
        authenticated = bool(response.flags & dns.flags.AD)
        if rrset is None:
            exists = response.rcode() == dns.rcode.NOERROR
            return Absent(exists, now + min(seconds, NEGATIVE_TTL_MAX), now, authenticated)
        return Present(tuple(rrset), now + min(seconds, TTL_MAX), now, authenticated)

    def _hear(self, good: bool) -> None:
        self._heard_at = trio.current_time()
        self.counts.answers += 1
        self.counts.bad += not good


class Upstream(dns.nameserver.Do53Nameserver):
    """One nameserver, as dnspython asks it. silent_until: trio's time up to which it is asked last."""

    def __init__(self, address: str, terms: ResolverTerms, hear: Callable[[bool], None]) -> None:
        super().__init__(address)
        self._tcp, self._hear = terms.tcp, hear
        ip = ip_address(address.partition("%")[0])
        self._trusted = ip.is_loopback or ip in terms.trusted
        self.silent_until = float("-inf")

    async def async_query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,
        source: str | None,
        source_port: int,
        max_size: bool,
        backend: Any,
        one_rr_per_rrset: bool = False,
        ignore_trailing: bool = False,
    ) -> dns.message.Message:
        """One question. What DNSSEC proved is believed of nobody but those we trust."""
        if max_size and not self._tcp:
            raise dns.message.Truncated(message=dns.message.make_response(request))  # type: ignore[no-untyped-call]
        try:
            response = await super().async_query(request, timeout, source, source_port, max_size, backend)
        except dns.message.Truncated:
            self._hear(False)
            raise
        except (dns.exception.Timeout, OSError):
            self.silent_until = trio.current_time() + AVOIDED_SECONDS
            raise
        self.silent_until = float("-inf")
        self._hear(response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN))
        if not self._trusted:
            response.flags &= ~dns.flags.AD
        return response


KINDS = (
    RdataType.A,
    RdataType.AAAA,
    RdataType.MX,
    RdataType.TXT,
    RdataType.TLSA,
    RdataType.CNAME,
    RdataType.PTR,
)
"""What is asked here."""


def _reason(fault: Exception) -> str:
    """What went wrong, in a few words."""
    if isinstance(fault, dns.resolver.NoNameservers):
        errors = [error[3] for error in fault.kwargs.get("errors", ())]
        return _reason_of_error(errors[-1]) if errors else "no nameservers"
    if isinstance(fault, dns.exception.Timeout | trio.TooSlowError):
        return "timed out"
    return _reason_of_error(fault)


def _reason_of_error(error: object) -> str:
    if isinstance(error, dns.message.Truncated):
        return "truncated"
    if isinstance(error, OSError):
        return error.strerror or "unreachable"
    return error if isinstance(error, str) else type(error).__name__
