"""What limits the client of one SMTP session, beside reception's rules: how soon, how often, how long he waits."""

from __future__ import annotations

from functools import partial

import trio

from momentum_trio.listener.esmtp_line import RECEIVE_OCTETS, Line
from momentum_trio.listener.esmtp_standing import Standing
from momentum_trio.listener.kind import Connection, Services
from momentum_trio.listener.message_limits import MessageLimits
from momentum_trio.listener.opening_pause import said_in_pause
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.phase import Phase
from momentum_trio.reception.decision import Decision, Deferred, Refused

TARPITS = ("tarpits",)
TARPITS_MAX = 500
"""Sessions that wait for a refusal (Refusal_Delay) at once; the next ones are refused at once."""

TOO_MANY_REFUSED = Deferred(replies.TOO_MANY_REFUSED, "limits", "Max_Refused_Recipients of this connection")


class SessionLimits:
    """Those of one session: what the client has to wait for is no silence of his."""

    __slots__ = ("_connection", "_line", "_messages", "_refused_count", "_services", "_standing")

    def __init__(self, connection: Connection, services: Services, standing: Standing, line: Line) -> None:
        self._connection, self._services, self._standing, self._line = connection, services, standing, line
        self._refused_count = 0  # recipients
        self._messages = MessageLimits(connection, services, standing, line.at_rest)

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
        """As ``MessageLimits`` has it."""
        return await self._messages.to_message(reverse_path)

    async def refused_recipient(self, decision: Refused) -> Decision:
        """One more that is: count it, and let the client wait for it."""
        self._refused_count += 1
        options, limits = self._standing.session_options, self._services.limits
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
