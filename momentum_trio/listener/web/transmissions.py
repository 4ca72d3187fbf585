"""``POST /api/v1/transmissions``: a message for each recipient, made of one content and his data."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import errors_of as errors_of_flaws
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.injecting import door_of, injecting, key_of
from momentum_trio.listener.web.route import USER, Operation, Route
from momentum_trio.listener.web.stored import stored_of, telling
from momentum_trio.listener.web.taken import SmtpReply, errors_of, status_of
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.http.refusal import Error, refusals
from momentum_trio.protocol.http.response import Response, of_json
from momentum_trio.protocol.injection.flaw import Flaws
from momentum_trio.protocol.injection.letter import Writer, context_of
from momentum_trio.protocol.injection.transmission import Transmission, check, parse, starts_at
from momentum_trio.reception.injected import Addressee, Injected
from momentum_trio.reception.injection import Injection

REQUEST_OCTETS_MAX: Final = 16 * 1024 * 1024
ID_OCTETS: Final = 8
ERRORS: Final = 10
ERRORS_MAX: Final = 1_000

UNWRITTEN: Final = Reply.of("554 5.6.0 no message can be made of the data of this recipient")


class Query(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """num_rcpt_errors: how many refusals are told one by one."""

    num_rcpt_errors: Annotated[int, Meta(ge=0, le=ERRORS_MAX)] = ERRORS


class TransmissionRecipient(msgspec.Struct, frozen=True):
    """What became of one recipient's message. id: of the message that this host has custody of; empty: of none."""

    email: str
    id: str
    reply: SmtpReply


class Totals(msgspec.Struct, frozen=True):
    """What became of a transmission. rcpt_to_errors: some of the refusals. warnings: what was asked for in vain."""

    total_rejected_recipients: int
    total_accepted_recipients: int
    id: str
    recipients: list[TransmissionRecipient]
    rcpt_to_errors: list[Error]
    warnings: tuple[str, ...] = ()


class TransmissionResults(msgspec.Struct, frozen=True):
    """The answer."""

    results: Totals


async def post(exchange: Exchange) -> Response:
    """Make the messages and take them into custody. Raises: as ``telling`` tells."""
    door = door_of(exchange)
    now = door.machine.clock.now()
    key = key_of(exchange)
    if isinstance(key, Response):
        return key
    octets = await exchange.body.whole(REQUEST_OCTETS_MAX)
    query = queried(exchange, Query)
    transmission = await stored_of(exchange).whole(parse(octets))
    check(transmission, now)
    writer = Writer(transmission)
    seed = sha256(f"{key} ".encode() + octets).digest() if key else door.machine.entropy.octets(ID_OCTETS)
    number = int.from_bytes(seed[:ID_OCTETS]) >> 1  # of a request that is repeated it is the same
    mailing = Mailing(transmission, writer, str(number), starts_at(transmission, now), key)
    async with injecting(exchange) as injector:
        injections = await injector.inject(mailing.messages())
    return mailing.answer(injections, query.num_rcpt_errors)


class Mailing:
    """One transmission while it is taken.

    not_before: Unix seconds, or 0. unwritten: what is wrong with the data of recipients, by their place.
    """

    def __init__(
        self, transmission: Transmission, writer: Writer, transmission_id: str, not_before: float, key: str
    ) -> None:
        self._transmission, self._writer, self._id = transmission, writer, transmission_id
        self._not_before, self._key = not_before, key
        self._unwritten: dict[int, Flaws] = {}

    def messages(self) -> Iterator[Injected]:
        """The messages, each made when it is asked for: of many that are large few are in memory."""
        for place, recipient in enumerate(self._transmission.to):
            try:
                letter = self._writer.letter(recipient)
            except Flaws as flaws:
                self._unwritten[place] = flaws
                continue
            yield Injected(
                letter.reverse_path,
                (Addressee(letter.forward_path),),
                letter.octets,
                "" if letter.octets.isascii() else "BODY=8BITMIME",
                context=context_of(self._transmission, self._id, recipient),
                key=f"{self._key}/{place}" if self._key else "",
                not_before=self._not_before,
            )

    def answer(self, injections: list[Injection], errors_max: int) -> Response:
        """What became of each recipient. injections: of ``messages``, in their order."""
        taken, results = iter(injections), list[TransmissionRecipient]()
        errors, said = list[Error](), list[Reply]()
        for place, recipient in enumerate(self._transmission.to):
            field, flaws = f"recipients[{place}]", self._unwritten.get(place)
            injection = Injection("", UNWRITTEN) if flaws is not None else next(taken)
            reply = injection.recipients[0] if injection.recipients else injection.reply
            if len(errors) < errors_max:
                errors += errors_of([(field, reply)]) if flaws is None else errors_of_flaws(flaws, field)
            said.append(reply)
            results.append(TransmissionRecipient(recipient.to.email, injection.id, SmtpReply.of(reply)))
        status, fields = status_of(said)
        if status != 200:
            return refusals(status, errors or [_nobody(said)], fields=fields)
        accepted = sum(reply.positive for reply in said)
        totals = Totals(len(said) - accepted, accepted, self._id, results, errors, self._transmission.warnings)
        return of_json(TransmissionResults(totals))


def _nobody(said: list[Reply]) -> Error:
    return Error("Nobody accepted", "nobody_accepted", f"None of {len(said)} recipients was accepted.")


TRANSMISSIONS = Route(
    "POST",
    "/api/v1/transmissions",
    telling(post),
    USER,
    Operation(
        "Inject a message for each recipient, made of one content",
        "Texts may hold {{expressions}} over substitution_data. Content and recipients may be those of a stored"
        " template and of a stored list. 200: somebody's mail was taken, and is on disk as after 250 in SMTP; the"
        " answer tells whose. 422: nobody's was, for good; 503: nobody's was, but come again. The same Idempotency-Key"
        " with the same request injects it once.",
        takes=Transmission,
        gives={200: TransmissionResults},
        query=Query,
    ),
)
