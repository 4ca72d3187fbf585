"""``POST /api/v1/messages``: whole messages (RFC 5322), one as it is or several as JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from itertools import islice
from typing import Annotated, Final, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.injecting import door_of, injecting, key_of
from momentum_trio.listener.web.route import MESSAGE, USER, Operation, Route
from momentum_trio.listener.web.taken import SmtpReply, errors_of, replies_of, status_of
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.http.refusal import refusal, refusals
from momentum_trio.protocol.http.response import JSON, Response, of_json
from momentum_trio.protocol.injection.flaw import Flaw, Flaws
from momentum_trio.protocol.injection.kinds import Email, EmailOrNothing, MailParameters
from momentum_trio.protocol.injection.raw import RawMessages, parse
from momentum_trio.reception.injected import Addressee, Injected
from momentum_trio.reception.injection import Injection
from momentum_trio.spool.spool import Entry, SpoolFull, SpoolSick

ERRORS_MAX: Final = 1_000
"""Refusals told one by one."""

REQUEST_OCTETS_MAX: Final = 16 * 1024 * 1024
"""Of JSON, which is held in memory; a message as it is may be as large as Max_Message_Size allows."""


WHOLE_OCTETS_MAX: Final = 64 * 1024
"""A message as it is that has at most so many is held in memory."""

RECIPIENTS_MAX: Final = 20
"""In a query."""


class Envelope(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """The envelope of a message as it is; JSON has its own. to: said once for each recipient.

    return_path: empty for the null reverse-path. parameters: of MAIL.
    """

    return_path: EmailOrNothing | UnsetType = UNSET
    to: Annotated[list[Email], Meta(max_length=RECIPIENTS_MAX)] = []
    parameters: MailParameters = ""


class MessageRecipient(msgspec.Struct, frozen=True, gc=False):
    """What was said to one recipient."""

    email: str
    reply: SmtpReply


class MessageResult(msgspec.Struct, frozen=True, gc=False):
    """What became of one message. id: of the batch that this host has custody of, synced; empty: of none."""

    id: str
    reply: SmtpReply
    recipients: list[MessageRecipient]


class MessageResults(msgspec.Struct, frozen=True):
    """One for each message, in their order."""

    results: list[MessageResult]


async def post(exchange: Exchange) -> Response:
    """Take them into custody."""
    key = key_of(exchange)
    if isinstance(key, Response):
        return key
    if exchange.request.media_type == MESSAGE:
        return await _as_it_is(exchange, key)
    request = parse(await exchange.body.whole(REQUEST_OCTETS_MAX))
    messages = [
        Injected(
            message.return_path,
            tuple(Addressee(each.email, each.parameters.strip()) for each in message.to),
            message.octets,
            message.parameters.strip(),
            key=f"{key}/{place}" if key else "",
        )
        for place, message in enumerate(request.messages)
    ]
    async with injecting(exchange) as injector:
        return _answer(messages, await injector.inject(messages), "messages")


async def _as_it_is(exchange: Exchange, key: str) -> Response:
    """The body is the message; one that is not small goes to the spool as it comes."""
    envelope = queried(exchange, Envelope, lists=("to",))
    if envelope.return_path is UNSET or not envelope.to:
        raise Flaws(Flaw("to" if envelope.to == [] else "return_path", "it is missing in the query"))
    declared = exchange.request.body_octets
    if declared is not None and declared <= WHOLE_OCTETS_MAX:
        message = _injected(envelope, await exchange.body.whole(WHOLE_OCTETS_MAX), key)
        async with injecting(exchange) as injector:
            return _answer([message], await injector.inject([message]), "to")
    async with door_of(exchange).spool.begin() as entry, injecting(exchange) as injector:
        if refused := await _written(exchange, entry, injector.terms.message_octets_max):
            return refused
        message = _injected(envelope, entry, key)
        return _answer([message], await injector.inject([message]), "to")


def _injected(envelope: Envelope, content: bytes | Entry, key: str) -> Injected:
    assert envelope.return_path is not UNSET
    to = tuple(map(Addressee, envelope.to))
    return Injected(envelope.return_path, to, content, envelope.parameters.strip(), key=key)


async def _written(exchange: Exchange, entry: Entry, octets_max: int) -> Response | None:
    """Let the body go into *entry*. octets_max: 0: it may be of any size."""
    try:
        async with aclosing(cast(AsyncGenerator[bytes, None], aiter(exchange.body))) as parts:
            async for octets in parts:
                await entry.write(octets)
                if 0 < octets_max < entry.octets:
                    return refusal(413, "Message too large", f"Max_Message_Size is {octets_max} octets.", closes=True)
    except SpoolFull:
        return refusal(503, "Spool full", "There is no room for it: come again later.", closes=True)
    except SpoolSick:
        return refusal(503, "Spool failed", "The disk failed: come again later.", closes=True)
    return None


def _answer(messages: list[Injected], injections: list[Injection], within: str) -> Response:
    """within: ``messages``, where their envelopes are in the JSON; else the name of recipients in the query."""
    results, said = list[MessageResult](), list[Reply]()
    for message, injection in zip(messages, injections, strict=True):
        each = replies_of(injection, len(message.recipients))
        said += each
        recipients = [
            MessageRecipient(recipient.path, SmtpReply.of(reply))
            for recipient, reply in zip(message.recipients, each, strict=True)
        ]
        results.append(MessageResult(injection.id, SmtpReply.of(injection.reply), recipients))
    status, fields = status_of(said)
    if status != 200:
        errors = errors_of(zip(_recipients(messages, within), said, strict=True))
        return refusals(status, list(islice(errors, ERRORS_MAX)), fields=fields)
    return of_json(MessageResults(results))


def _recipients(messages: list[Injected], within: str) -> Iterator[str]:
    """The field of each."""
    for place, message in enumerate(messages):
        of_one = f"messages[{place}].recipients" if within == "messages" else within
        for number in range(len(message.recipients)):
            yield f"{of_one}[{number}]"


MESSAGES = Route(
    "POST",
    "/api/v1/messages",
    post,
    USER,
    Operation(
        "Inject whole messages",
        "As JSON, or one as it is (message/rfc822) with its envelope in the query. 200: somebody's mail was taken; each"
        " recipient's reply tells whose. 422: nobody's was, for good; 503: nobody's was, but come again. What is in"
        " custody is on disk, as after 250 in SMTP. The same Idempotency-Key with the same messages injects them once.",
        takes=RawMessages,
        gives={200: MessageResults},
        query=Envelope,
    ),
    (JSON, MESSAGE),
)
