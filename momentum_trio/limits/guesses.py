"""How often somebody may guess a secret, by where he comes from: a new connection for each guess gains him nothing."""

from __future__ import annotations

from momentum_trio.limits.client_key import client_key
from momentum_trio.limits.contract import SharedState
from momentum_trio.net.netblock import Address

GUESSES_AT_ONCE = 10
"""Wrong ones that nobody has to wait for."""
GUESS_SECONDS = 30.0
"""After that one more is permitted each so many seconds."""


class Guesses:
    """Those from one address at one service (``Control``).

    A guess is counted when it begins, so that many at once are no more than many one after the other, and is given
    back when it was right. How many addresses are remembered is bounded by whoever counts (``SharedState``).
    """

    def __init__(self, limits: SharedState, service: str, address: Address) -> None:
        self._limits, self._key = limits, ("guesses", service, client_key(address))

    def begin(self) -> float:
        """Count one. Returns 0, or the seconds until one may be made: then it was not counted."""
        admission = self._limits.throttle(self._key, 1 / GUESS_SECONDS, GUESSES_AT_ONCE)
        return 0.0 if admission.admitted else admission.after_seconds

    def was_right(self) -> None:
        """One that was counted was none."""
        self._limits.give_back(self._key, 1 / GUESS_SECONDS)
