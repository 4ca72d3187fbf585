"""What limits the client of one SMTP session, beside reception's rules: how soon, how often, how long he waits."""

from __future__ import annotations

from functools import partial

import trio

from momentum_trio.limits.client_key import client_key
from momentum_trio.limits.rate import Rate, rate_of
from momentum_trio.listener.esmtp_line import RECEIVE_OCTETS, Line
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_standing import Standing
from momentum_trio.listener.kind import Connection, Services
from momentum_trio.listener.opening_pause import said_in_pause
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.phase import Phase
from momentum_trio.reception.decision import Decision, Deferred, Refused

TARPITS = ("tarpits",)
TARPITS_MAX = 500
"""Sessions that wait for a refusal (Refusal_Delay) at once; the next ones are refused at once."""

MESSAGES_TOO_FAST = Deferred(replies.MESSAGES_TOO_FAST, "limits", "Message_Rate_Per_Address: the client's address")
TOO_MANY_REFUSED = Deferred(replies.TOO_MANY_REFUSED, "limits", "Max_Refused_Recipients of this connection")


class SessionLimits:
    """Those of one session: what the client has to wait for is no silence of his."""

    __slots__ = ("_connection", "_line", "_refused_count", "_services", "_standing")

    def __init__(self, connection: Connection, services: Services, standing: Standing, line: Line) -> None:
        self._connection, self._services, self._standing, self._line = connection, services, standing, line
        self._refused_count = 0  # recipients

    async def opening_pause(self) -> bytes | Reply:
        """Wait before the greeting where that is wanted: what the client said too early, or the reply to that."""
        standing = self._standing
        options = self._services.conntrol.options(standing.generation.tree)
        if options is None or not options.pause_seconds:
            return b""
        wait = partial(said_in_pause, at_once=options.farewell is not None)
        said = await self._line.at_rest(wait, self._line.wire, options.pause_seconds, RECEIVE_OCTETS)
        if said is None:
            return b""
        self._connection.octets_received += len(said)
        if not said:
            return replies.UNAVAILABLE  # he left: whatever is said, nobody hears it
        standing.client.is_early_talker = True
        if options.farewell is None:
            return said
        standing.reception.rejected(Phase.JUST_CONNECTED.words, options.farewell, "conntrol")
        return options.farewell

    async def to_message(self, reverse_path: str) -> Decision | None:
        """Why the client may not begin a message now; None: he may, once it was his turn."""
        options = self._standing.options
        if reverse_path and options.message_rate_per_address is not None and self._is_too_fast():
            return MESSAGES_TOO_FAST
        if options.inbound_throttle is not None:
            await self._line.at_rest(self._services.turnstile.pass_through, self._inbound_throttle)
        return None

    def _is_too_fast(self) -> bool:
        """Whether this message is one too many of the client's address; counted if not."""
        standing, limits = self._standing, self._services.limits
        address = client_key(standing.client.peer_address)
        rate = rate_of(standing.generation.tree, standing.chain(), SessionOptions.message_rate_per_address, address)
        return rate is not None and not limits.throttle(rate.key, rate.events_per_second, rate.burst).admitted

    def _inbound_throttle(self) -> Rate | None:
        """Inbound_Throttle_Messages as it is now: it may change while the client waits."""
        tree, standing = self._connection.generations.current.tree, self._standing
        listener, pathway = self._connection.listener, standing.client.pathway
        chain = tree.chain_for(listener, standing.listen, standing.address, pathway)
        return rate_of(tree, chain, SessionOptions.inbound_throttle)

    async def refused_recipient(self, decision: Refused) -> Decision:
        """One more that is: count it, and let the client wait for it."""
        self._refused_count += 1
        options, limits = self._standing.options, self._services.limits
        if 0 < options.refused_recipients_max < self._refused_count:
            return TOO_MANY_REFUSED
        if not options.refusal_seconds or limits.gauge(TARPITS) >= TARPITS_MAX:
            return decision
        limits.gauge_add(TARPITS, limits.node, 1)
        try:
            await self._line.at_rest(trio.sleep, options.refusal_seconds)
        finally:
            limits.gauge_add(TARPITS, limits.node, -1)
        return decision
