"""Messages that another node of the cluster hands over: into durable custody here, once, with where they stood there.

A message is known by its name there and by that node (an idempotency key): offered again, since the node has not heard
that it is here, it makes no second one. It was accepted once, so no check is asked again; policy has seen it there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

import trio

from momentum_trio.machine import Machine
from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.record import Received
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.cluster.move import UNCERTAIN_SECONDS_MAX, Offered
from momentum_trio.protocol.cluster.moved_message import Metadata
from momentum_trio.spool.entry import Entry
from momentum_trio.spool.fault import SpoolFault
from momentum_trio.spool.heading import heading
from momentum_trio.spool.importing import owed_of
from momentum_trio.spool.key import Answer, Denial, Earlier, key_name
from momentum_trio.spool.message import Batch, Held, Message, Owed, Receipt, Retry
from momentum_trio.spool.spool import Claim, Spool

PROTOCOL = "xfer"
"""What R records call it."""

TAKEN = Answer(Reply(250, "2.0.0", ("taken",)))
NO_KEYS = Reply(
    450, "4.3.5", (f"Idempotency_Key_Time is below {UNCERTAIN_SECONDS_MAX} here: what is moved could come twice",)
)
PENDING = Reply(450, "4.3.2", ("it is on its way in already",))
FULL = Reply(452, "4.3.1", ("as many idempotency keys are kept as may be",))
OTHER = Reply(550, "5.6.0", ("another message had this key",))
NOT_AS_SENT = Reply(450, "4.6.0", ("the content is not what was declared",))
DENIALS = {Denial.UNWANTED: NO_KEYS, Denial.PENDING: PENDING, Denial.FULL: FULL}

Bind = Callable[[str, str], tuple[str, str]]
"""The binding group and binding that a message has here, which had these there."""


class Known(NamedTuple):
    """It is, or was, in custody here."""

    batch_id: str


class Transfers:
    """What other nodes hand over to this one. taken: told of each message; bind: as Bind."""

    def __init__(self, machine: Machine, spool: Spool, taken: Callable[[Owed], None], bind: Bind) -> None:
        self._machine, self._spool, self._taken, self._bind = machine, spool, taken, bind

    async def offered(self, offered: Offered, node: str, connection_id: str, address: str) -> Crossing | Known | Reply:
        """What becomes of a message that *node*, at *address*, offers: it may cross; or why not.

        A Crossing is the caller's to ``end``.
        """
        digest = _digest(offered.metadata)
        if self._spool.terms.key_seconds < UNCERTAIN_SECONDS_MAX:
            return NO_KEYS
        try:
            known = await self._spool.claims.of(key_name(f"{PROTOCOL} node {node}", offered.key))
        except SpoolFault as fault:
            return _deferral(fault)
        if isinstance(known, Denial):
            return DENIALS[known]
        if isinstance(known, Earlier):
            return await self._again(known, offered.metadata) if known.digest == digest else OTHER
        known.digest, known.answer = digest, TAKEN
        return Crossing(self, known, offered, self._spool.begin(), connection_id, address)

    async def take(self, crossing: Crossing) -> str | Reply:
        """Take custody of what has crossed: its batch here, or why not. Cancellation: as ``Spool.commit``."""
        batch, claim = self._batch(crossing), crossing.claim
        try:
            receipt = await self._spool.commit(crossing.entry, batch, claim=claim)
        except SpoolFault as fault:
            return _deferral(fault)
        retry = _retry(crossing.offered.metadata)
        try:
            await self._stand(receipt.tickets[0], retry)
        finally:
            self._tell(receipt, retry, crossing.address)
        return receipt.batch.batch_id

    async def _again(self, earlier: Earlier, said: Metadata) -> Known:
        """It is here already; perhaps a crash came between that and where it stood."""
        with suppress(KeyError):
            (ticket,) = self._spool.tickets(earlier.batch_id)
            if self._spool.retry(ticket) is None:
                await self._stand(ticket, _retry(said))
        return Known(earlier.batch_id)

    async def _stand(self, ticket: int, retry: Retry | None) -> None:
        """Keep where a message stood, durably. A spool that cannot has the message nonetheless."""
        if retry is not None:
            with suppress(SpoolFault), trio.CancelScope(shield=True):
                await self._spool.settle([], [(ticket, retry)])
                await self._spool.sync()

    def _tell(self, receipt: Receipt, retry: Retry | None, address: str) -> None:
        batch, (message,), (ticket,) = receipt.batch, receipt.batch.messages, receipt.tickets
        now = self._machine.clock.now()
        self._machine.events.publish(
            Received(*heading(now, batch, message), peer_address=address, octets=batch.octets, protocol=PROTOCOL)
        )
        if retry is None and batch.not_before > now:
            retry = Retry(0, batch.begins_at)
        self._taken(owed_of(ticket, Held(batch, message, retry)))

    def _batch(self, crossing: Crossing) -> Batch:
        said = crossing.offered.metadata
        message = Message(
            self._spool.next_id(), said.forward_path, Notify(said.notify), said.original_recipient, said.routing_domain
        )
        binding_group, binding = self._bind(said.binding_group, said.binding)
        return Batch(
            self._spool.next_id(),
            crossing.connection_id,
            said.received_at,
            said.reverse_path,
            (message,),
            0,
            said.peer_address,
            PROTOCOL,
            binding_group,
            binding,
            crossing.offered.dictionaries.message,
            said.returns,
            said.envelope_id,
            said.body,
            said.smtputf8,
            said.not_before,
        )


class Crossing:
    """One message while its content comes."""

    def __init__(
        self, transfers: Transfers, claim: Claim, offered: Offered, entry: Entry, connection_id: str, address: str
    ) -> None:
        self._transfers, self.claim, self.offered, self.entry = transfers, claim, offered, entry
        self.connection_id, self.address = connection_id, address
        self._digest, self._refusal = sha256(), Reply(0, "", ("",))

    async def write(self, octets: bytes) -> None:
        """Some of the content. Why it cannot be kept ``finish`` tells."""
        self._digest.update(octets)
        if self._refusal.code:
            return
        try:
            await self.entry.write(octets)
        except SpoolFault as fault:
            self._refusal = _deferral(fault)

    async def finish(self) -> str | Reply:
        """All of it has come: the name of its batch here, in durable custody; or why it is not."""
        if self._refusal.code:
            return self._refusal
        if self._digest.hexdigest() != self.offered.metadata.digest:
            return NOT_AS_SENT
        return await self._transfers.take(self)

    async def end(self) -> None:
        """Nothing is kept of it unless it is in custody. Cancellation: shielded."""
        self.claim.release()
        with trio.CancelScope(shield=True):
            await self.entry.discard()


def _digest(said: Metadata) -> bytes:
    """Of what makes it the same message, wherever it stands."""
    parts = (said.digest, said.reverse_path, said.forward_path)
    return sha256(b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)).digest()


def _retry(said: Metadata) -> Retry | None:
    return Retry(said.attempts, said.next_attempt_at, said.notices, said.reason) if said.attempts else None


def _deferral(fault: SpoolFault) -> Reply:
    return Reply(452, "4.3.1", (f"spool: {fault}"[:300],))
