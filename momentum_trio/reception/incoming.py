"""Content on its way into the spool: checked where its header section ends, with our fields put in front."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from momentum_trio.config.binding import Binding
from momentum_trio.machine import Machine
from momentum_trio.mail.date import DateOfSecond
from momentum_trio.mail.dsn import NO_WISH, Wish
from momentum_trio.mail.header import HEADER_OCTETS_MAX, Scan, begins_with_field, scan, section_end
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.command import BINARYMIME
from momentum_trio.reception.checks import Checks
from momentum_trio.reception.content import HEADER_TOO_LONG
from momentum_trio.reception.decision import ACCEPTED, Accepted, Decision, Deferred, Refused
from momentum_trio.reception.line_length import BodyLines, LineLimit, header_kept_to
from momentum_trio.reception.policy.draft import Draft
from momentum_trio.reception.policy.panel import Panel, Ruling
from momentum_trio.reception.trace import added_fields, received_begun
from momentum_trio.reception.transaction import Transaction
from momentum_trio.spool.message import Batch, Message
from momentum_trio.spool.spool import Claim, Entry, Receipt, Spool, SpoolFull, SpoolSick

SPOOL_FULL = Deferred(replies.SPOOL_FULL, "spool")
SPOOL_SICK = Deferred(replies.TRANSACTION_FAILED, "spool")
MAY_RELAY = (("can_relay", "true"),)  # what policies after acceptance ask of the message context


class Whole(msgspec.Struct, frozen=True, gc=False):
    """A message that was judged, and is to be committed.

    content: in an entry; small content may be octets. claim: to the idempotency key that is kept with it.
    """

    content: Entry | bytes
    batch: Batch
    claim: Claim | None = None


def deferral(fault: SpoolFull | SpoolSick) -> Deferred:
    """What a client is told of the spool's state."""
    return SPOOL_FULL if isinstance(fault, SpoolFull) else SPOOL_SICK


class Incoming:
    """The content of one mail transaction. Made when its first octets come; ends with ``commit`` or ``discard``.

    The header section is held in memory until its end is seen, at most HEADER_OCTETS_MAX octets of it; what follows
    goes to the spool's entry as it comes. Once a check or the spool has said no, further octets are let go.

    opening: of the Received field, the client's part. panel: asks policy; None: there is none.
    """

    __slots__ = (
        "_batch_id",
        "_body_lines",
        "_checks",
        "_dates",
        "_decision",
        "_entry",
        "_head",
        "_machine",
        "_opening",
        "_panel",
        "_received_at",
        "_spool",
        "_transaction",
    )

    def __init__(
        self,
        machine: Machine,
        spool: Spool,
        checks: Checks,
        dates: DateOfSecond,
        transaction: Transaction,
        opening: str,
        panel: Panel | None = None,
    ) -> None:
        self._machine, self._spool, self._checks, self._dates = machine, spool, checks, dates
        self._transaction, self._opening, self._panel = transaction, opening, panel
        self._head = b""  # of the header section, while its end has not come
        self._entry: Entry | None = None  # from there on
        self._body_lines: BodyLines | None = None  # where their length matters, from there on
        self._decision: Ruling = ACCEPTED
        self._batch_id = ""
        self._received_at = 0.0

    async def write(self, octets: bytes) -> None:
        """Some of the content; more will come. Cancellation: the caller discards what there is."""
        await self._take(octets, last=False)

    async def commit(self, octets: bytes) -> Receipt | Ruling:
        """The rest of the content: take custody of it all.

        Returns: a Receipt; or what a check, policy or the spool's state has decided, and nothing is kept.
        Cancellation: as that of ``Spool.commit``; the caller discards what has not been committed.
        """
        whole = await self.finish(octets)
        if not isinstance(whole, Whole):
            return whole
        try:
            assert isinstance(whole.content, Entry)
            return await self._spool.commit(whole.content, whole.batch)
        except (SpoolFull, SpoolSick) as fault:
            return deferral(fault)

    async def finish(self, octets: bytes) -> Whole | Ruling:
        """The rest of the content: judge it all. What is to be committed; or what was decided, and nothing is kept.

        Cancellation: the caller discards it.
        """
        await self._take(octets, last=True)
        panel = self._panel
        if panel is not None and isinstance(self._decision, Accepted):
            self._decision = await self._judged(panel)
        if not isinstance(self._decision, Accepted):
            await self.discard()
            return self._decision
        entry = self._entry
        assert entry is not None
        if panel is not None and (front := panel.evidence.front):
            try:
                await entry.put_in_front(front)
            except (SpoolFull, SpoolSick) as fault:
                return deferral(fault)
        return Whole(entry, self._batch(entry.octets))

    async def _judged(self, panel: Panel) -> Ruling:
        """What policy says of the whole, which it may have changed."""
        assert self._entry is not None
        draft = Draft(self._spool, self._entry, self._transaction, self._batch_id)
        try:
            return await panel.whole(draft)
        finally:
            self._entry = draft.entry

    async def discard(self) -> None:
        """Keep nothing of it, unless it was committed."""
        self._head = b""
        entry, self._entry = self._entry, None
        if entry is not None:
            await entry.discard()

    async def _take(self, octets: bytes, *, last: bool) -> None:
        if not isinstance(self._decision, Accepted):
            return
        panel = self._panel
        if self._entry is None:
            looked_at = len(self._head)
            head = self._head + octets if looked_at else octets
            end = section_end(head, looked_at)
            section_octets = end if end >= 0 else len(head)
            self._head = b""
            if section_octets > HEADER_OCTETS_MAX:
                if begins_with_field(head):
                    self._decision = HEADER_TOO_LONG
                    return
            elif end < 0 and not last:
                self._head = head
                return
            seen = scan(head[:section_octets])
            self._decision = self._checked(seen)
            if panel is not None and isinstance(self._decision, Accepted):
                self._decision = await panel.header_section(head[:section_octets], self._transaction)
                panel.evidence.body(head[section_octets + 2 :])
            if not isinstance(self._decision, Accepted):
                return
            completed = self._with_fields(head, section_octets, seen, last=last)
            if completed is None:
                return
            octets, self._entry = completed, self._spool.begin()
        else:
            if panel is not None:
                panel.evidence.body(octets)
            if self._body_lines is not None:
                kept = self._body_lines.take(octets, last=last)
                if isinstance(kept, Refused):
                    self._decision = kept
                    await self._entry.discard()
                    return
                octets = kept
        try:
            await self._entry.write(octets)
        except (SpoolFull, SpoolSick) as fault:
            self._decision = deferral(fault)
            await self._entry.discard()  # now: the client may take its time with the rest

    def _checked(self, seen: Scan) -> Decision:
        transaction = self._transaction
        transaction.is_undated = not seen.has_date
        for check in self._checks.content:
            if (decision := check(transaction, seen)) is not ACCEPTED:
                return decision
        return ACCEPTED

    def _with_fields(self, head: bytes, end: int, seen: Scan, *, last: bool) -> bytes | None:
        """*head*, in whose header section, up to *end*, *seen* was seen, with our fields and those of policy in front.

        None: a line is longer than it may be, and that is refused.
        """
        self._received_at = now = self._machine.clock.now()
        self._batch_id = batch_id = self._spool.next_id()
        transaction, panel, octets = self._transaction, self._panel, len(head)
        rules = transaction.rules
        if seen.return_paths and rules.options.trace_headers:
            head = seen.without_return_paths(head)
        if panel is not None and seen.begins_with_field:
            section = head[: end - octets + len(head)]
            head = panel.evidence.without_ours(section) + head[len(section) :]
        if (limit := rules.line_limit) is not None:
            kept = self._kept_to(limit, head, end - octets + len(head) if seen.begins_with_field else 0, last=last)
            if isinstance(kept, Refused):
                self._decision = kept
                return None
            head = kept
        more = () if panel is None else panel.fields
        received = received_begun(transaction, self._opening) if rules.options.trace_headers else ""
        return added_fields(transaction, seen, received, batch_id, self._dates.at(now), more) + head

    def _kept_to(self, limit: LineLimit, head: bytes, end: int, *, last: bool) -> bytes | Refused:
        """*head*, whose header section ends at *end*, with no line longer than *limit* says, and what follows likewise.

        What was declared to be BODY=BINARYMIME has no lines behind its header section (RFC 3030 section 3).
        """
        section = header_kept_to(limit, head[:end])
        if isinstance(section, Refused) or self._transaction.body == BINARYMIME:
            return section if isinstance(section, Refused) else section + head[end:]
        self._body_lines = BodyLines(limit)
        body = self._body_lines.take(head[end:], last=last)
        return body if isinstance(body, Refused) else section + body

    def _batch(self, octets: int) -> Batch:
        """The batch of all recipients that policy has left in."""
        transaction, panel, batch_id = self._transaction, self._panel, self._batch_id
        wishes = transaction.wishes
        wanted = [(path, wishes.get(place, NO_WISH)) for place, path in enumerate(transaction.forward_paths)]
        messages = messages_of(batch_id, wanted, self._spool)
        binding = None
        if panel is not None:
            messages, binding = panel.kept(messages), panel.binding
        binding = binding or transaction.rules.choose_binding()
        return batch_of(transaction, batch_id, messages, self._received_at, octets, binding)


def messages_of(batch_id: str, wanted: Sequence[tuple[str, Wish]], spool: Spool) -> list[Message]:
    """One for each path that is *wanted*, with its wish; the first has the batch's own id."""
    (path, wish), *others = wanted
    return [Message(batch_id, path, *wish), *[Message(spool.next_id(), path, *wish) for path, wish in others]]


def batch_of(
    transaction: Transaction,
    batch_id: str,
    messages: Sequence[Message],
    received_at: float,
    octets: int,
    binding: Binding,
) -> Batch:
    """What the spool is to have of a mail transaction."""
    client, returning, body = transaction.client, transaction.returning, transaction.body
    return Batch(  # by their places: this is done once for each mail
        batch_id,
        client.connection_id,
        received_at,
        transaction.reverse_path,
        tuple(messages),
        octets,
        client.peer_text,
        client.protocol,
        binding.group,
        binding.name,
        (MAY_RELAY if transaction.rules.client_may_relay else ()) + transaction.context,
        returning.returns,
        returning.envelope_id,
        "" if body == "7BIT" else body,
        transaction.smtputf8,
        transaction.not_before,
    )
