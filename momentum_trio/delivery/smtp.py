"""Delivery by SMTP to the host that ``Gateway`` names: the methods ESMTP and SMTP.

The messages of one batch for one routing domain go over one connection, as recipients of as few transactions as
``Max_Recipients_Per_Batch`` allows; then the connection is closed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import Any

import trio

from momentum_trio.delivery.custody import Contents, unreadable
from momentum_trio.delivery.method import Attempt
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.signing import Signer
from momentum_trio.delivery.smtp_content import OutgoingContent
from momentum_trio.delivery.smtp_conversation import Conversation
from momentum_trio.delivery.smtp_options import AS_IT_IS, OUR_HOSTNAME, SENDER_DOMAIN, SmtpOptions
from momentum_trio.machine import Machine
from momentum_trio.mail.path import domain_of
from momentum_trio.mail.stage import Stage
from momentum_trio.net.next_hop import NextHop
from momentum_trio.protocol.smtp.client import Client
from momentum_trio.protocol.smtp.client_event import ClientTerms, Transaction, Verdict
from momentum_trio.reception.reception_options import NameOptions
from momentum_trio.spool.fault import SpoolFault

ADDRESSES_MAX = 10
"""Addresses of one host that are tried in one attempt."""

REASON_OCTETS_MAX = 1000
"""How much of a server's reply goes into the log."""

NO_GATEWAY = "451 4.3.5 [internal] no Gateway is set, and delivery by MX is not built yet"
NO_ADDRESS = "454 4.4.4 [internal] no MX or A for domain"
TIMED_OUT = "450 4.4.1 [internal] Connection Timed Out"
LONE_LINE_ENDS = "550 5.6.0 [internal] the content has a lone CR or LF, which SMTP cannot carry"


class Smtp:
    """The method ESMTP; with *extended* False the method SMTP, which says HELO and uses no extension."""

    group_max = 1000
    gathers = False
    attempts_max = 128
    domain_attempts_max = 16

    def __init__(
        self, machine: Machine, contents: Contents, signer: Signer | None = None, *, extended: bool = True
    ) -> None:
        self.word = "ESMTP" if extended else "SMTP"
        self._contents, self._signer, self._extended = contents, signer, extended
        self._hostname = machine.process.hostname

    async def attempt(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        """Deliver *attempts* (see Method), those of one batch and routing domain together.

        A message is given twice to a server whose reply to its content was lost, and to no other.
        """
        parcels: dict[tuple[str, str], list[int]] = {}
        for place, attempt in enumerate(attempts):
            parcels.setdefault((attempt.batch.batch_id, attempt.domain), []).append(place)
        found: dict[int, Outcome] = {}
        for places in parcels.values():
            found.update(zip(places, await self._deliver([attempts[place] for place in places]), strict=True))
        return [found[place] for place in range(len(attempts))]

    async def _deliver(self, attempts: Sequence[Attempt]) -> Sequence[Outcome]:
        """Deliver *attempts*, all of one batch and one routing domain."""
        first = attempts[0]
        if first.gateway is None:
            return [Deferred(NO_GATEWAY)] * len(attempts)
        content = OutgoingContent(self._contents, first.batch, self._signer, first.chain)
        try:
            refused = await content.inspect()
        except (KeyError, SpoolFault) as fault:
            return [unreadable(fault)] * len(attempts)
        if refused is not None:
            return [refused] * len(attempts)
        if content.lone_line_ends:
            return [Bounced(LONE_LINE_ENDS)] * len(attempts)
        options = SmtpOptions.resolve(first.chain)
        found = await addresses_of(first.gateway, options)
        if isinstance(found, Deferred):
            return [found] * len(attempts)
        outcomes: Sequence[Outcome] = []
        for family, address in found:
            outcomes = await self._deliver_to(family, address, attempts, options, content)
            if not all(isinstance(outcome, Deferred) and outcome.stage in NEXT_ADDRESS for outcome in outcomes):
                break
        return outcomes

    async def _deliver_to(
        self,
        family: int,
        address: tuple[Any, ...],
        attempts: Sequence[Attempt],
        options: SmtpOptions,
        content: OutgoingContent,
    ) -> Sequence[Outcome]:
        """Deliver *attempts* to the server at one address."""
        peer_address = str(address[0])
        try:
            with trio.socket.socket(family, trio.socket.SOCK_STREAM) as socket:
                socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
                with trio.move_on_after(options.connect_timeout or math.inf) as scope:
                    await socket.connect(address)
                if scope.cancelled_caught:
                    return [Deferred(TIMED_OUT, peer_address=peer_address)] * len(attempts)
                client = Client(self._terms(attempts[0], options))
                conversation = Conversation(
                    socket, client, options, transactions_of(attempts, options, content), content
                )
                await conversation.hold()
        except OSError as error:
            reason = f"451 4.4.1 [internal] No valid hosts (unable to make any connections): {error.strerror or error}"
            return [Deferred(reason, peer_address=peer_address)] * len(attempts)
        assert conversation.ended is not None
        missing = len(attempts) - len(conversation.verdicts)
        verdicts = conversation.verdicts + [conversation.ended] * missing
        return [outcome_of(verdict, peer_address, conversation.octets_sent) for verdict in verdicts]

    def _terms(self, attempt: Attempt, options: SmtpOptions) -> ClientTerms:
        ours = NameOptions.resolve(attempt.chain).hostname or self._hostname
        name = options.ehlo_hostname
        if name == SENDER_DOMAIN:
            name = domain_of(attempt.batch.reverse_path) or ours
        return ClientTerms(
            ours if name == OUR_HOSTNAME else name,
            extended=self._extended,
            declares_eight_bit=options.declares_eight_bit != AS_IT_IS,
            sends_eight_bit_anyway=options.eight_bit_transform == AS_IT_IS,
        )


NEXT_ADDRESS = frozenset((Stage.NOT_CONNECTED, Stage.READING_BANNER, Stage.DURING_EHLO))
"""Where another address of the same host may do better (RFC 5321 section 5.1): the server has heard of no message."""


def transactions_of(
    attempts: Sequence[Attempt], options: SmtpOptions, content: OutgoingContent
) -> Sequence[Transaction]:
    """The mail transactions that bring a batch to the forward-paths of *attempts*, in their order."""
    batch, left = attempts[0].batch, iter(attempts)
    transactions = []
    while paths := tuple(attempt.message.forward_path for attempt in islice(left, options.recipients_max)):
        transactions.append(Transaction(batch.reverse_path, paths, content.octets, content.eight_bit))
    return transactions


def outcome_of(verdict: Verdict, peer_address: str, octets: int) -> Outcome:
    """What the queue is told."""
    reply = verdict.reply
    if reply.positive:
        return Delivered(peer_address)
    fate = Deferred if reply.code < 500 else Bounced
    return fate(str(reply)[:REASON_OCTETS_MAX], verdict.stage, peer_address, octets)


async def addresses_of(hop: NextHop, options: SmtpOptions) -> Sequence[tuple[int, tuple[Any, ...]]] | Deferred:
    """Family and socket address of each place where *hop* may be found, at most ADDRESSES_MAX."""
    either = options.use_ipv6 or hop.is_ipv6
    family = trio.socket.AF_UNSPEC if either else trio.socket.AF_INET
    port = options.port if hop.port is None else hop.port
    try:
        found = await trio.socket.getaddrinfo(hop.host, port, family, trio.socket.SOCK_STREAM)
    except OSError:
        return Deferred(NO_ADDRESS)
    return [(int(kind), address) for kind, _, _, _, address in found[:ADDRESSES_MAX]]
