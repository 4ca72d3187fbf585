"""The hosts that take mail for a domain, and the order in which they are tried (RFC 5321 section 5.1). Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

Rank = tuple[int, int, int]

EXCHANGES_MAX = 20
"""Hosts of one domain that are looked up; those of lower preference first."""

ADDRESSES_MAX = 10
"""Addresses of one host that are tried."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One host, by name or address.

    rank: the lower, the better; equal ones share the load. preference: as it is shown. port: None: the usual. named:
    the configuration names it, so that the system's resolver is asked. ttl: seconds, where the configuration says so.
    """

    name: str
    rank: Rank
    preference: int = 0
    port: int | None = None
    named: bool = False
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """An exchange with its addresses. until: trio's time up to which they hold. authenticated: DNSSEC proved them.

    fault: why there are no addresses, when nobody could say.
    """

    exchange: Exchange
    addresses: tuple[str, ...] = ()
    until: float = math.inf
    authenticated: bool = False
    fault: str = ""


def better_than_ours(exchanges: Sequence[Exchange], ours: frozenset[str]) -> Sequence[Exchange]:
    """Those of a lower preference than ours; all, if none is ours: nothing is sent round in a circle."""
    own = [exchange.rank for exchange in exchanges if not exchange.named and exchange.name in ours]
    return [exchange for exchange in exchanges if exchange.named or exchange.rank < min(own)] if own else exchanges


def best_only(exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
    """Those of the lowest preference."""
    best = min((exchange.rank for exchange in exchanges), default=(0, 0, 0))
    return [exchange for exchange in exchanges if exchange.rank == best]


def in_order(
    hosts: Iterable[Host], fraction: Callable[[], float], weight: Callable[[Host, str], float]
) -> Sequence[tuple[Host, str]]:
    """Every address of every host, in the order to try them.

    A lower preference comes first. Among equal ones chance decides, by *fraction* (0 to less than 1): a host, and an
    address of a host, twice as heavy comes first twice as often. Addresses of both families alternate.
    """
    reachable = [host for host in hosts if host.addresses]
    if len(reachable) == 1 and len(reachable[0].addresses) == 1:
        return [(reachable[0], reachable[0].addresses[0])]
    drawn = []
    for host in reachable:
        heaviest = max(weight(host, address) for address in host.addresses)
        drawn.append((host.exchange.rank, _race(heaviest, fraction), host))
    drawn.sort(key=lambda entry: entry[:2])
    return [(host, address) for _, _, host in drawn for address in _addresses(host, fraction, weight)]


def _addresses(host: Host, fraction: Callable[[], float], weight: Callable[[Host, str], float]) -> Sequence[str]:
    raced = sorted((_race(weight(host, address), fraction), address) for address in host.addresses)
    first_is_six = ":" in raced[0][1]
    first = [address for _, address in raced if (":" in address) is first_is_six]
    second = [address for _, address in raced if (":" in address) is not first_is_six]
    return [address for address in chain.from_iterable(zip_longest(first, second)) if address][:ADDRESSES_MAX]


def _race(weight: float, fraction: Callable[[], float]) -> float:
    """When one of *weight* arrives, if arrivals are exponential: the first is each with the odds of its weight."""
    return -math.log(1.0 - fraction()) / weight
