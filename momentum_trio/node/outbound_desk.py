"""What the mail plane answers about outbound connections, TLS and caches (spec/console.md sections 5 and 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import trio

from momentum_trio.console.command import Data
from momentum_trio.delivery.cache_counts import CacheReport
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.outbound import OutboundConnection, OutboundConnections
from momentum_trio.delivery.signing import Signer
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.node import cache_pages
from momentum_trio.node.link import Ask, Said

FAMILIES: Mapping[int, str] = {int(trio.socket.AF_INET): "IPv4", int(trio.socket.AF_INET6): "IPv6"}
NO_TEMPORARY_KEY = "Temp RSA key is uncached."
"""It never is: what it was for left TLS with version 1.0."""


class OutboundDesk:
    """Answers at once."""

    def __init__(self, outbound: OutboundConnections, hosts: Hosts, signer: Signer) -> None:
        self._outbound, self._hosts, self._signer = outbound, hosts, signer
        self._began = trio.current_time()
        self._commands: Mapping[str, Callable[..., Said]] = {
            "show outbound": self._show,
            "tls show cache": self._tls_show,
            "tls flush cache": self._tls_flush,
            "cache list": self._cache_list,
            "cache stat": self._cache_stat,
            "cache stats": self._cache_stats,
        }

    def knows(self, command: str) -> bool:
        """Whether it is one of these commands."""
        return command in self._commands

    def answer(self, asked: Ask) -> Said:
        """The answer; *asked* is one of these commands, with as many words as it takes."""
        return self._commands[asked.command](*asked.words)

    def _show(self) -> Said:
        seen = list(self._outbound)
        return Said("\n".join(map(_line, seen)), list(map(connection_fields, seen)))

    # TLS

    def _tls_show(self) -> Said:
        users = Counter(id(connection.tls_context) for connection in self._outbound)
        now = trio.current_time()
        kept = [(terms, int(now - each.made_at), users[id(each.context)]) for terms, each in self._hosts.contexts]
        lines = [line for number, each in enumerate(kept, 1) for line in _context(number, *each)]
        data: list[Data] = [_context_fields(*each) for each in kept]
        return Said("\n".join([*lines, NO_TEMPORARY_KEY]), data)

    def _tls_flush(self) -> Said:
        return Said("Cache flush request submitted.", {"flushed": self._hosts.contexts.flush()})

    # caches

    @property
    def _caches(self) -> Mapping[str, CacheReport]:
        reports = (*self._hosts.caches(), self._signer.report())
        return {report.name: report for report in sorted(reports, key=lambda report: report.name)}

    def _cache_list(self, *attributes: str) -> Said:
        reports = list(self._caches.values())
        text = cache_pages.listed(reports, attributes, trio.current_time() - self._began)
        return Said(text, list(map(cache_pages.fields, reports)))

    def _cache_stat(self, name: str) -> Said:
        if (report := self._caches.get(name)) is None:
            return _no_cache(name)
        return Said(cache_pages.stat(report, trio.current_time() - self._began), cache_pages.fields(report))

    def _cache_stats(self, *names: str) -> Said:
        known = self._caches
        if lacking := [name for name in names if name not in known]:
            return _no_cache(lacking[0])
        reports = [known[name] for name in names or known]
        return Said(cache_pages.stats(reports), list(map(cache_pages.fields, reports)))


def _no_cache(name: str) -> Said:
    return Said(f"There is no cache {name}: 'cache list' shows those there are", failed=True)


def _line(connection: OutboundConnection) -> str:
    where = f"{FAMILIES.get(connection.place.family, 'Unix')} {connection.place.address_text}"
    return f"{connection.descriptor}: [outbound/connection_handleconnect] {connection.domain} {where}"


def connection_fields(connection: OutboundConnection) -> Data:
    """*connection* as values."""
    place, tls = connection.place, connection.tls_context
    return {
        "descriptor": connection.descriptor,
        "domain": connection.domain,
        "binding_group": connection.binding_group,
        "binding": connection.binding,
        "host": place.host,
        "family": FAMILIES.get(place.family, "Unix"),
        "address": place.address_text,
        "port": place.port,
        "stage": connection.stage.name.lower().replace("_", " "),
        "seconds": round(trio.current_time() - connection.began_at, 3),
        "tls": tls is not None,
    }


def _context(number: int, terms: ClientTlsTerms, seconds: int, users: int) -> Iterator[str]:
    yield f"{number:4d}) client context"
    yield f"{'age':>17}: {seconds} seconds old"
    yield f"{'in use by':>17}: {users} sessions"
    yield f"{'certificate':>17}: {terms.certificate or 'none'}"
    yield f"{'ca list':>17}: {(terms.authorities or 'of the system') if terms.verify else 'none'}"
    yield f"{'ciphers':>17}: {terms.ciphers.lower() if terms.ciphers == 'DEFAULT' else terms.ciphers}"


def _context_fields(terms: ClientTlsTerms, seconds: int, users: int) -> Data:
    return {
        "side": "client",
        "seconds": seconds,
        "sessions": users,
        "certificate": terms.certificate,
        "verify": terms.verify,
        "authorities": terms.authorities,
        "ciphers": terms.ciphers,
        "protocols": terms.protocols,
    }
