"""What happened with whom, by address: the series that ``Replicate "metrics"`` shares."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import trio

from momentum_trio.cluster.cluster_options import CONNECT, DELIVERY, PERMFAIL, RECEPTION, REJECTION, TRANSFAIL
from momentum_trio.listener.esmtp import KIND
from momentum_trio.mail.record import Delivered, Failed, Received, Record, Rejected, SessionBegan, Transferred

Count = Callable[[str, int], None]
"""Counts so many more of a key."""

QUIET_SECONDS = 1_800.0
"""An address of which nothing happened for so long is forgotten when something happens of another."""
ADDRESSES_MAX = 50_000
"""Of one series; beyond that the one that was quiet the longest is forgotten."""


class Series:
    """How often something has happened of each address, since the node began to count or the address was forgotten."""

    def __init__(self, kind: str, count: Count) -> None:
        self._kind, self._count = kind, count
        self._known: dict[str, tuple[int, float]] = {}  # how often, and when last, the longest quiet first

    def take(self, record: Record) -> None:
        """*record* may be one of ours; a subscriber of the machine's events."""
        if kind_of(record) == self._kind and (address := address_of(record)) is not None:
            self._happened(address, trio.current_time())

    def _happened(self, address: str, now: float) -> None:
        count, _ = self._known.pop(address, (0, now))
        self._known[address] = count + 1, now
        self._count(address, 1)
        while self._known:
            first = next(iter(self._known))
            count, at = self._known[first]
            if now - at < QUIET_SECONDS and len(self._known) <= ADDRESSES_MAX:
                return
            del self._known[first]
            self._count(first, -count)


def kind_of(record: Record) -> str | None:
    """The series that *record* belongs to; None: to none."""
    match record:
        case SessionBegan(service=KIND.service):
            return CONNECT
        case Received():
            return RECEPTION
        case Rejected():
            return REJECTION
        case Transferred():
            return None  # who delivers it counts it
        case Delivered():
            return DELIVERY
        case Failed(permanent=permanent):
            return PERMFAIL if permanent else TRANSFAIL
    return None


def address_of(record: Record) -> str | None:
    """Whom *record* is about; None where that is nobody with an address."""
    match record:
        case Received(peer_address=text) | Delivered(peer_address=text) | Failed(peer_address=text):
            pass
        case SessionBegan(peer=text) | Rejected(remote=text):
            pass
        case _:
            return None
    try:
        return str(ip_address(text))
    except ValueError:
        text = text.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(text))
    except ValueError:
        return None
