"""One connection over which ``ec_inject`` speaks SMTP: the conversation of delivery, fed by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from momentum_trio.client.message import Message, Recipient, Result
from momentum_trio.client.terms import InjectionError, NotAdmittedError, Terms, told
from momentum_trio.config.chain import Chain
from momentum_trio.config.kind import quoted
from momentum_trio.config.load import load_text
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_conversation import Conversation
from momentum_trio.delivery.smtp_errand import credentials_of
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.delivery.tls import TlsDemand
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.limits.deadline import Deadlines
from momentum_trio.machine import Machine
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_event import ClientTerms, Transaction, Use, Verdict
from momentum_trio.spool.message import Batch

NOBODYS = Batch("", "", 0.0, "", (), 0, "", "")


class NoContents:
    """Content is given whole: none is read from anywhere."""

    async def content(self, batch_id: str) -> bytes:
        raise KeyError(batch_id)

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        raise KeyError(batch_id)


def chain_of(terms: Terms) -> Chain:
    """What *terms* are in the options of an outbound connection."""
    tls = terms.tls
    settings = {
        "TLS": "no" if tls is None else "required",
        "TLS_Verify": "host" if tls is not None and tls.verified else "no",
        "TLS_CA": tls.authorities if tls is not None else "",
        "Outbound_SMTP_AUTH_Type": "PLAIN" if terms.user else "false",
        "Outbound_SMTP_AUTH_User": terms.user,
        "Outbound_SMTP_AUTH_Pass": terms.password,
        "Outbound_SMTP_AUTH_In_Clear": "true" if terms.password_in_clear else "false",
    }
    lines = (f"{name} = {quoted(value)}" for name, value in settings.items() if value)
    return load_text("\n".join(lines), declared=DECLARED).chain_outbound("default", "default", "")


class SmtpSender:
    """One conversation. Each message is a transaction of its own."""

    def __init__(self, conversation: Conversation, chain: Chain) -> None:
        self._conversation, self._chain = conversation, chain

    async def send(self, messages: Sequence[Message]) -> list[Result]:
        """What came of each of *messages*. Raises InjectionError: the conversation ended before."""
        results: list[Result | None] = [None] * len(messages)
        for place, message in enumerate(messages):
            if (ended := self._conversation.ended) is not None:
                raise InjectionError(str(ended.verdict.reply), messages, results)
            verdicts = await self._make(message)
            if (ended := self._conversation.ended) is not None and ended.left and ended.verdict in verdicts:
                raise InjectionError(str(ended.verdict.reply), messages, results, [place])
            replies = tuple(verdict.reply for verdict in verdicts)
            results[place] = Result("", max(replies, key=lambda reply: reply.code), replies)
        return [result for result in results if result is not None]

    async def _make(self, message: Message) -> tuple[Verdict, ...]:
        content = OutgoingContent(NoContents(), NOBODYS, None, self._chain, message.content)
        await content.inspect()
        paths = tuple(each.path if isinstance(each, Recipient) else each for each in message.recipients)
        transaction = Transaction(
            message.reverse_path,
            paths,
            content.octets,
            eight_bit=content.eight_bit,
            binary=content.binary,
            smtputf8=content.eight_bit and not "".join(paths).isascii(),
        )
        return await self._conversation.make(transaction, content)


@asynccontextmanager
async def smtp(host: str, port: int, terms: Terms, machine: Machine, deadlines: Deadlines) -> AsyncIterator[SmtpSender]:
    """A conversation, for the block, whose *deadlines* somebody runs. Raises InjectionError where there is none."""
    chain = chain_of(terms)
    try:
        with trio.fail_after(terms.connect_seconds):
            stream = await trio.open_tcp_stream(host, port)
    except (OSError, trio.TooSlowError) as fault:
        raise InjectionError(f"no connection to {host}: {told(fault)}") from fault
    with stream.socket as socket:
        conversation = _conversation(socket, host, port, chain, machine, deadlines)
        if not await conversation.greet():
            assert conversation.ended is not None
            reply = conversation.ended.verdict.reply
            kind = InjectionError if conversation.tls_failure is None and reply.code == 421 else NotAdmittedError
            raise kind(str(reply))
        yield SmtpSender(conversation, chain)
        if conversation.ended is None:
            await conversation.part()


def _conversation(
    socket: trio.socket.SocketType, host: str, port: int, chain: Chain, machine: Machine, deadlines: Deadlines
) -> Conversation:
    options, tls = SmtpOptions.resolve(chain), OutboundTlsOptions.resolve(chain)
    place = Place.at(host, socket.getpeername()[0].partition("%")[0], port)
    terms = ClientTerms(machine.process.hostname, tls=Use(tls.tls), credentials=credentials_of(options))
    return Conversation(
        machine,
        deadlines,
        socket,
        place,
        Client(terms),
        options,
        TlsDemand(tls, host),
        chain,
        machine.wire(socket),
    )
