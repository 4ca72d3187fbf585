"""What the console tells of the hosts of a domain (spec/console.md section 9, ``domain NAME``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddressReport:
    """One address. connect_seconds: a decaying mean, or 0. failed_seconds: since it failed; None: it did not."""

    address: str
    connect_seconds: float = 0.0
    failed_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class HostReport:
    """One host. seconds: that its addresses still hold. used_by: other domains it takes mail of, with preferences."""

    name: str
    preference: int
    seconds: float
    addresses: tuple[AddressReport, ...] = ()
    used_by: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DomainReport:
    """What is known of the hosts of a domain.

    seconds: that it still holds. verdict: why there are none. failures: look-ups in a row that failed.
    """

    domain: str
    seconds: float
    hosts: tuple[HostReport, ...] = ()
    verdict: str = ""
    failures: int = 0

    def lines(self) -> Iterator[str]:
        """As the manual shows it. ``*`` stands before an address that failed, ``=>`` before the first that did not."""
        yield f"Domain '{self.domain}' has {len(self.hosts)} MXs and a TTL of {_whole(self.seconds)} seconds"
        if self.verdict:
            yield f"  {self.verdict}"
        first = next((entry for host in self.hosts for entry in host.addresses if entry.failed_seconds is None), None)
        for host in self.hosts:
            yield f"  [{host.preference} {host.name} TTL:{_whole(host.seconds)}]"
            for entry in host.addresses:
                yield _line(entry, "=>" if entry is first else "")
            for domain, preference in host.used_by:
                yield f"                (also used by {domain} pref {preference})"


SECONDS_MAX = 4_294_967_295


def _whole(seconds: float) -> int:
    return int(min(seconds, SECONDS_MAX))


def _line(entry: AddressReport, mark: str) -> str:
    family = "IPv6" if ":" in entry.address else "IPv4"
    failed = "" if entry.failed_seconds is None else f" {entry.failed_seconds:.2f}s since failure"
    mark = mark or ("" if entry.failed_seconds is None else "*")
    connect_milliseconds = entry.connect_seconds * 1000
    return f" {mark:<7}[{entry.address}] {family} ({connect_milliseconds:.2f}ms con 0.00ms dlv){failed}"
