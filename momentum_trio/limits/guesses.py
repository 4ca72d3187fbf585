"""How often somebody may guess a secret, by where he comes from: a new connection for each guess gains him nothing."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network

from momentum_trio.limits.contract import Key, SharedState
from momentum_trio.net.netblock import Address

GUESSES_AT_ONCE = 10
"""Wrong ones that nobody has to wait for."""
GUESS_SECONDS = 30.0
"""After that one more is permitted each so many seconds."""
IPV6_PREFIX = 64
"""That much of an IPv6 address says who it is: the rest is his own choice (RFC 4291 section 2.5.4)."""


class Guesses:
    """Those from one address at one service (``Control``).

    A guess is counted when it begins, so that many at once are no more than many one after the other, and is given
    back when it was right. How many addresses are remembered is bounded by whoever counts (``SharedState``).
    """

    def __init__(self, limits: SharedState, service: str, address: Address) -> None:
        self._limits, self._key = limits, _key(service, address)

    def begin(self) -> float:
        """Count one. Returns 0, or the seconds until one may be made: then it was not counted."""
        admission = self._limits.throttle(self._key, 1 / GUESS_SECONDS, GUESSES_AT_ONCE)
        return 0.0 if admission.admitted else admission.after_seconds

    def was_right(self) -> None:
        """One that was counted was none."""
        self._limits.give_back(self._key, 1 / GUESS_SECONDS)


def _key(service: str, address: Address) -> Key:
    if isinstance(address, IPv6Address):
        return "guesses", service, str(ip_network((int(address), IPV6_PREFIX), strict=False))
    return "guesses", service, str(address)
