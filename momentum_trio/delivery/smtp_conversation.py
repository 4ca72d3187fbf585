"""One connection to one server: octets between a socket and the core. The rules of SMTP are in ``protocol/smtp``."""

from __future__ import annotations

import math
import struct

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.custody import unreadable
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.delivery.tls import TIMED_OUT, TlsDemand, TlsFailure, secure
from momentum_trio.delivery.tracing import TracedWire
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import TlsContext, Wire
from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_event import (
    Concluded,
    ContentWanted,
    Ended,
    TlsWanted,
    Transaction,
    Verdict,
)
from momentum_trio.protocol.smtp.client_extensions import Extensions
from momentum_trio.spool.fault import SpoolFault

RECEIVE_OCTETS = 16 * 1024
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # struct linger
QUIT_SECONDS = 2.0  # for the reply to QUIT: nobody waits for what it says
CUT_SHORT = Reply.of("451 4.3.0 [internal] spool: the content is shorter than it was")


class Conversation:
    """A conversation that was begun by connecting *socket*: greet, make transactions, part, all within *deadline*, and
    once that has struck ``give_up``. The socket is the caller's to close.

    wire: over the socket, until there is TLS. ended: why it is over, once it is. tls_failure: where that was TLS.
    octets_sent: all that the connection took.
    Cancellation, of whatever it does: the connection is in the middle of something and good for nothing but to be
    closed; what the kernel still holds is not sent then, if it may end a content.
    """

    def __init__(
        self,
        machine: Machine,
        deadlines: Deadlines,
        socket: trio.socket.SocketType,
        place: Place,
        client: Client,
        options: SmtpOptions,
        demand: TlsDemand,
        chain: Chain,
        wire: Wire,
    ) -> None:
        self._machine, self._socket, self._place, self._client = machine, socket, place, client
        self._demand, self._chain = demand, chain
        self._wire = wire
        self._patience = patience(options)
        self.deadline = deadlines.after(math.inf)  # of what is underway
        self._content: OutgoingContent | None = None
        self._verdicts: tuple[Verdict, ...] = ()
        self._torn = False  # the connection takes no more octets
        self._tls_context: TlsContext | None = None
        self.ended: Ended | None = None
        self.tls_failure: TlsFailure | None = None
        self.octets_sent = 0

    @property
    def extensions(self) -> Extensions:
        """What the server offers."""
        return self._client.extensions

    @property
    def stage(self) -> Stage:
        """Where it stands."""
        return self._client.stage

    @property
    def heard_at(self) -> float:
        """Trio's time at which the server last got somewhere."""
        return self.deadline.touched_at

    @property
    def tls_context(self) -> TlsContext | None:
        """Of the TLS it has, if it has any."""
        return self._tls_context

    async def greet(self) -> bool:
        """Hear the greeting and say what comes before mail; whether the server may have some. If not, see *ended*."""
        await self._converse()
        return self._client.ready

    async def make(self, transaction: Transaction, content: OutgoingContent) -> tuple[Verdict, ...]:
        """Make one transaction: what became of each of its forward-paths. *ended* may be set then."""
        self._content = content
        self._client.begin(transaction)
        await self._converse()
        return self._verdicts

    async def part(self) -> None:
        """There is nothing more to send."""
        self._client.quit()
        await self._converse()

    async def give_up(self) -> tuple[Verdict, ...]:
        """The deadline has struck: what that makes of each forward-path of the transaction, as from ``make``."""
        if self._client.stage is Stage.HANDSHAKING_TLS:  # it struck as the go-ahead came: the server was not silent
            self._client.abandon(Reply.of(TIMED_OUT))
        else:
            self._client.silent()
        await self._hear()
        return self._verdicts

    async def _converse(self) -> None:
        """Until an order is due, or the conversation is over."""
        client, deadline = self._client, self.deadline
        deadline.touch(self._patience[client.stage])
        try:
            await self._hear()
            while client.waits:
                await self._send()
                await self._listen()
        finally:
            deadline.park()
            if client.waits and client.stage is Stage.READING_CONFIRMATION:
                self._recall()
        if deadline.struck:  # with the last answer: there is no next
            await self.give_up()

    async def _listen(self) -> None:
        """Wait for what the server says next, and act on it."""
        client, deadline = self._client, self.deadline
        try:
            octets = await self._wire.recv(RECEIVE_OCTETS)
        except OSError:  # a reset: an end like any other
            octets = b""
        if not octets and self._torn:
            client.fail_to_send()
        else:
            client.receive(octets)
        replies_count = client.replies_count
        await self._hear()
        if not client.waits:
            return
        if client.replies_count > replies_count:  # a whole reply, not just octets
            deadline.touch(self._patience[client.stage])
        else:
            deadline.credit(len(octets))

    async def _hear(self) -> None:
        """Act on the events that there are."""
        while (event := self._client.next_event()) is not None:
            match event:
                case Concluded():
                    self._verdicts = event.verdicts
                case ContentWanted():
                    await self._send_content()
                case TlsWanted():
                    await self._secure()
                case Ended():
                    self.ended = event

    def _recall(self) -> None:
        """Nobody waits for the confirmation any more, and what the kernel has not sent yet is not to be sent after all.

        It may be the end of the content, after which the server would take what will be sent again.
        """
        self._socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, RESET_AT_CLOSE)

    async def _secure(self) -> None:
        client = self._client
        self.deadline.park()  # it has a limit of its own
        made = await secure(self._machine, self._socket, self._place, self._demand, self._chain)
        self.deadline.resume()
        if isinstance(made, TlsFailure):
            self.tls_failure = made
            client.abandon(Reply.of(made.reason))
        else:
            self._tls_context = made.tls.context
            self._wire = self._wire.above(made) if isinstance(self._wire, TracedWire) else made
            client.secured()

    async def _send_content(self) -> None:
        """All of it; the last part waits in the core, to go out together with what ends it."""
        client, deadline, content = self._client, self.deadline, self._content
        assert content is not None
        deadline.touch(self._patience[Stage.SENDING_BODY])
        offset, whole = 0, content.octets
        while offset < whole and not self._torn:
            if offset:
                await self._send()
            if not content.resident:
                deadline.park()
            try:
                part = await content.part(offset)
            except (KeyError, SpoolFault) as fault:
                client.abandon(Reply.of(unreadable(fault).reason))
                return
            if not content.resident:
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
        rest: bytes | memoryview = self._client.octets_to_send()
        try:
            while rest and not self._torn:
                sent = await self._wire.send(rest)
                self.octets_sent += sent
                rest = memoryview(rest)[sent:] if sent < len(rest) else b""
                if rest or self._client.stage is Stage.SENDING_BODY:  # commands, and an end, are no sign of a slow line
                    self.deadline.credit(sent)
        except OSError:
            self._torn = True


def patience(options: SmtpOptions) -> dict[Stage, float]:
    """How many seconds the server may take, by what is waited for. An option set to 0 sets no limit."""
    hello = options.ehlo_timeout or math.inf
    return {
        Stage.IDLE: QUIT_SECONDS,
        Stage.READING_BANNER: hello,
        Stage.DURING_EHLO: hello,
        Stage.AFTER_EHLO: hello,
        Stage.DURING_STARTTLS: hello,
        Stage.DURING_XCLIENT: hello,
        Stage.DURING_RSET: options.rset_timeout or math.inf,
        Stage.DURING_MAIL: options.mail_timeout or math.inf,
        Stage.DURING_RCPT: options.rcpt_timeout or math.inf,
        Stage.DURING_DATA: options.rcpt_timeout or math.inf,
        Stage.SENDING_BODY: options.body_timeout or math.inf,
        Stage.READING_CONFIRMATION: options.body_timeout or math.inf,
    }
