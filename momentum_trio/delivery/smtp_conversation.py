"""One connection to one server: octets between a socket and the core. The rules of SMTP are in ``protocol/smtp``."""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Iterable

import trio

from momentum_trio.delivery.custody import unreadable
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.limits.deadline import Deadline
from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_event import (
    Concluded,
    ContentWanted,
    Ended,
    Event,
    Ready,
    Transaction,
    Verdict,
)
from momentum_trio.spool.fault import SpoolFault

RECEIVE_OCTETS = 16 * 1024
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # struct linger
QUIT_SECONDS = 2.0  # for the reply to QUIT: every outcome is known by then, and waits to be recorded


class Conversation:
    """Makes *transactions*, all of the same content, one after the other, and parts.

    verdicts: of the forward-paths of all transactions in their order; those that had no turn are missing. ended: why
    it ended. octets_sent: all that the connection took.
    """

    def __init__(
        self,
        socket: trio.socket.SocketType,
        client: Client,
        options: SmtpOptions,
        transactions: Iterable[Transaction],
        content: OutgoingContent,
    ) -> None:
        self._socket, self._client, self._content = socket, client, content
        self._transactions = deque(transactions)
        self._torn = False  # the connection takes no more octets
        self.verdicts: list[Verdict] = []
        self.ended: Verdict | None = None
        self.octets_sent = 0
        self._patience = patience(options)
        self._deadline = Deadline(self._patience[client.stage])

    async def hold(self) -> None:
        """Converse until nothing is left to say or hear. The socket is the caller's to close.

        Cancellation: the connection is in the middle of something and good for nothing but to be closed.
        """
        try:
            with self._deadline:
                while not self._client.closed:
                    await self._send()
                    await self._listen()
        finally:
            if self._client.stage is Stage.READING_CONFIRMATION:
                self._recall()
        if self._deadline.fired:
            self._client.silent()
        while (event := self._client.next_event()) is not None:
            self._note(event)

    async def _listen(self) -> None:
        """Hear what the server says next, and act on it."""
        client, deadline = self._client, self._deadline
        try:
            octets = await self._socket.recv(RECEIVE_OCTETS)
        except OSError:  # a reset: an end like any other
            octets = b""
        if not octets and self._torn:
            client.fail_to_send()
            return
        deadline.credit(len(octets))
        replies_count = client.replies_count
        client.receive(octets)
        while (event := client.next_event()) is not None:
            self._note(event)
            match event:
                case Ready() | Concluded() if not client.closed:
                    self._begin_next()
                case ContentWanted():
                    await self._send_content()
        if client.replies_count > replies_count:  # a whole reply, not just octets
            deadline.touch(self._patience[client.stage])

    def _note(self, event: Event) -> None:
        match event:
            case Concluded():
                self.verdicts += event.verdicts
            case Ended():
                self.ended = event.verdict

    def _recall(self) -> None:
        """Nobody waits for the confirmation any more, and what the kernel has not sent yet is not to be sent after all.

        It may be the final dot, after which the server would take what will be sent again.
        """
        self._socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET_AT_CLOSE)

    def _begin_next(self) -> None:
        if self._transactions:
            self._client.begin(self._transactions.popleft())
        else:
            self._client.quit()

    async def _send_content(self) -> None:
        """All of it; the last part waits in the core, to go out together with the final dot."""
        client, deadline = self._client, self._deadline
        deadline.touch(self._patience[Stage.SENDING_BODY])
        offset, whole = 0, self._content.octets
        while offset < whole and not self._torn:
            await self._send()
            deadline.park()
            try:
                part = await self._content.part(offset)
            except (KeyError, SpoolFault) as fault:
                client.abandon(Reply.of(unreadable(fault).reason))
                return
            deadline.resume()
            if not part:
                client.abandon(CUT_SHORT)
                return
            client.content(part)
            offset += len(part)
        if not self._torn:
            client.end_content()

    async def _send(self) -> None:
        """All that waits, unless the connection takes no more: then what is to be heard of it says why."""
        rest = memoryview(self._client.octets_to_send())
        try:
            while rest and not self._torn:
                sent = await self._socket.send(rest)
                self.octets_sent += sent
                self._deadline.credit(sent)
                rest = rest[sent:]
        except OSError:
            self._torn = True


CUT_SHORT = Reply.of("451 4.3.0 [internal] spool: the content is shorter than it was")


def patience(options: SmtpOptions) -> dict[Stage, float]:
    """How many seconds the server may take, by what is waited for. An option set to 0 sets no limit."""
    return {
        Stage.IDLE: QUIT_SECONDS,
        Stage.READING_BANNER: options.ehlo_timeout or math.inf,
        Stage.DURING_EHLO: options.ehlo_timeout or math.inf,
        Stage.DURING_RSET: options.rset_timeout or math.inf,
        Stage.DURING_MAIL: options.mail_timeout or math.inf,
        Stage.DURING_RCPT: options.rcpt_timeout or math.inf,
        Stage.DURING_DATA: options.rcpt_timeout or math.inf,
        Stage.SENDING_BODY: options.body_timeout or math.inf,
        Stage.READING_CONFIRMATION: options.body_timeout or math.inf,
    }
