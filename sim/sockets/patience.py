"""How long an end goes on without a word from its peer: SO_KEEPALIVE and TCP_USER_TIMEOUT.

Neither makes an event unless it is set. Acknowledgements are not simulated; what stands for one is that both paths were
open when octets arrived. Linux counts TCP_USER_TIMEOUT for octets behind a closed window too; here only for octets
under way. All in the time of the end's host: while the machine is frozen its timers stand still.

Source: tcp(7); tcp_keepalive_timer() and tcp_clamp_rto_to_user_timeout() of Linux; RFC 5482.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..uptime import ROUNDING_SECONDS

if TYPE_CHECKING:
    from ..uptime import Timer
    from .connection import End


@dataclass(frozen=True, slots=True)
class Patience:
    """What the options say. user_timeout_seconds: 0 leaves it to the retransmissions to give up."""

    keepalive: bool = False
    idle_seconds: float = 7200
    interval_seconds: float = 75
    probes_max: int = 9
    user_timeout_seconds: float = 0


class Timers:
    """The timers of one end that act on its patience."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._patience = Patience()
        self._probe: Timer | None = None
        self._user: Timer | None = None
        self._probes = 0

    def set(self, patience: Patience) -> None:
        """The options may have changed."""
        if patience == self._patience:
            return
        self._patience = patience
        self.stop()
        if patience.keepalive:
            self._probe_after(self._end.heard_at + patience.idle_seconds - self._end.host.uptime.now)

    def stop(self) -> None:
        """The end is dead, or no descriptor refers to it."""
        for timer in (self._probe, self._user):
            if timer is not None:
                timer.cancel()
        self._probe = self._user = None
        self._probes = 0

    # -- TCP_USER_TIMEOUT

    def unacknowledged(self) -> None:
        """Octets that should have arrived now are not acknowledged."""
        seconds = self._patience.user_timeout_seconds
        if seconds and self._user is None and not self._end.dead:
            self._user = self._end.host.uptime.after(seconds, self._user_timeout, ties=self._end.path.draws)

    def acknowledged(self) -> None:
        """They are now."""
        if self._user is not None:
            self._user.cancel()
            self._user = None

    def _user_timeout(self) -> None:
        self._user = None
        if self._end.sending or not self._end.hears:
            self._end.time_out()

    # -- keep-alive

    def _probe_after(self, seconds: float) -> None:
        self._probe = self._end.host.uptime.after(seconds, self._probe_due, ties=self._end.path.draws)

    def _probe_due(self) -> None:
        end, patience, now = self._end, self._patience, self._end.host.uptime.now
        left = end.heard_at + patience.idle_seconds - now
        if end.sending:  # retransmission is at work, or octets are on their way
            self._probe_after(patience.idle_seconds)
        elif left > ROUNDING_SECONDS:
            self._probe_after(left)
        elif self._exhausted(now - end.heard_at):
            end.time_out(reset=True)
        else:
            self._probes += 1
            end.host.trace("keepalive", conn=end.number, end=end.label, probe=self._probes)
            if end.hears:
                end.host.kernel.after(end.round_trip_seconds, self._answered, ties=end.path.draws)
            elif end.target is not end.peer.host:
                end.refuse()
            self._probe_after(patience.interval_seconds)

    def _exhausted(self, silent_seconds: float) -> bool:
        if self._patience.user_timeout_seconds:
            return self._probes > 0 and silent_seconds >= self._patience.user_timeout_seconds
        return self._probes >= self._patience.probes_max

    def _answered(self) -> None:
        """A probe reached the peer's kernel, which acknowledges it, or knows of no such connection."""
        end = self._end
        if end.peer.dead:
            end.reset_came()
        else:
            end.heard_at, self._probes = end.host.uptime.now, 0
