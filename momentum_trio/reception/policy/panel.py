"""The rows of policy asked for one connection, and what they have decided so far about its mail transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import trio
from msgspec.structs import replace

from momentum_trio.config.binding import DEFAULT, Binding
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.claims import PAIRS_MAX
from momentum_trio.reception.client import Client
from momentum_trio.reception.context import connection_context, message_context
from momentum_trio.reception.decision import ACCEPTED, Decision, Deferred, Refused
from momentum_trio.reception.policy.draft import Draft
from momentum_trio.reception.policy.evidence import Evidence, Findings
from momentum_trio.reception.policy.facts import Asked, Content, Mail, Session
from momentum_trio.reception.policy.kept import Kept
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.row import Row
from momentum_trio.reception.policy.verdict import (
    Bind,
    Continue,
    Defer,
    Discard,
    Disconnect,
    Done,
    Reject,
    Verdict,
)
from momentum_trio.reception.rules import Rules
from momentum_trio.reception.transaction import Tally, Transaction, bare
from momentum_trio.reception.unbound import UNBOUND
from momentum_trio.spool.message import Message

CONTENT_SECONDS_MAX = 300.0
"""For all that is asked behind the end of content: a client waits for ten minutes (RFC 5321 section 4.5.3.2.6)."""
TOO_LONG = Deferred(Reply.of("451 4.3.0 policy took too long, please try later"), "policy")


@dataclass(frozen=True, slots=True)
class Discarded:
    """The client is told that it was taken, and nothing is kept: an operator's policy says so. module: whose."""

    module: str
    reason: str

    @property
    def reply(self) -> Reply:
        """What the rejectlog has (spec/listeners.md section 2.3)."""
        return Reply(550, "5.7.1", (f"[internal] {self.reason}",))


Ruling = Decision | Discarded


class Panel:
    """What is asked about one connection up to the end of a mail transaction; the next one has a panel of its own.

    fields: header fields to put in front. binding: the one chosen; None: the rules choose. dropped: the places of
    recipients that get no copy, with whose word that was. evidence: of the built-in rows. kept: what rows keep for the
    connection.
    """

    __slots__ = ("_client", "_draft", "_head", "_kept", "_tally", "binding", "dropped", "evidence", "fields")

    def __init__(self, client: Client, tally: Tally, kept: Kept) -> None:
        self._client, self._tally, self._kept = client, tally, kept
        self._head = b""
        self._draft: Draft | None = None
        self.fields: list[tuple[str, str]] = []
        self.binding: Binding | None = None
        self.dropped: dict[int, Discarded] = {}
        self.evidence = Evidence()

    async def ask(
        self,
        phase: PolicyPhase,
        rules: Rules,
        transaction: Transaction | None = None,
        content: Content | None = None,
        recipient: str = "",
    ) -> Ruling:
        """What the rows of *phase* say, one after the other until one decides. Cancellation: as if never asked."""
        for row in rules.rows.get(phase, ()):
            mail = _mail(transaction, self.evidence.findings)
            asked = Asked(
                self._session(rules, transaction),
                mail,
                content,
                recipient,
                self.evidence,
                kept=self._kept,
                draft=self._draft,
            )
            verdict = await row.ask(phase, asked)
            ruling = self._obeyed(row, phase, verdict, rules, transaction)
            if ruling is not ACCEPTED or isinstance(verdict, Done):
                return ruling
        return ACCEPTED

    async def header_section(self, head: bytes, transaction: Transaction) -> Ruling:
        """Phase ``data``: the header section *head* has come."""
        self._head = head
        return await self.ask(PolicyPhase.DATA, transaction.rules, transaction, Content(len(head), head))

    async def whole(self, draft: Draft) -> Ruling:
        """The phases behind the end of content, within CONTENT_SECONDS_MAX together. Rows may have changed *draft*."""
        with trio.move_on_after(CONTENT_SECONDS_MAX):
            return await self._whole(draft)
        return TOO_LONG

    async def _whole(self, draft: Draft) -> Ruling:
        transaction, self._draft = draft.transaction, draft
        rules, content = transaction.rules, Content(draft.entry.octets, self._head)
        ruling = await self.ask(PolicyPhase.DATA_SPOOL, rules, transaction, content)
        if draft.changed_section is not None:
            content = Content(draft.entry.octets, draft.changed_section)
        if ruling is ACCEPTED:
            ruling = await self._copies(transaction, content)
        if ruling is ACCEPTED and PolicyPhase.SET_BINDING in rules.rows:
            ruling = await self._bound(transaction)
        if ruling is ACCEPTED:
            ruling = await self.ask(PolicyPhase.FINAL_VALIDATION, rules, transaction, content)
        return ruling

    async def _copies(self, transaction: Transaction, content: Content) -> Ruling:
        rules = transaction.rules
        if PolicyPhase.EACH_RCPT not in rules.rows:
            return ACCEPTED
        for place, path in enumerate(transaction.forward_paths):
            transaction.asked = bare(path)
            ruling = await self.ask(PolicyPhase.EACH_RCPT, rules, transaction, content, path)
            if isinstance(ruling, Discarded):
                self.dropped[place] = ruling
            elif ruling is not ACCEPTED:
                return ruling
        return self.dropped[0] if len(self.dropped) == len(transaction.forward_paths) else ACCEPTED

    async def _bound(self, transaction: Transaction) -> Ruling:
        rules = transaction.rules
        ruling = await self.ask(PolicyPhase.SET_BINDING, rules, transaction)
        if ruling is ACCEPTED and self.binding is None:
            self.binding = rules.choose_binding()
        is_unbound = self.binding == DEFAULT and not rules.has_default_binding
        return UNBOUND if ruling is ACCEPTED and is_unbound else ruling

    def kept(self, messages: Sequence[Message]) -> list[Message]:
        """*messages*, one for each recipient, without those that get none. The first has the batch's own id."""
        kept = [message for place, message in enumerate(messages) if place not in self.dropped]
        kept[0] = replace(kept[0], message_id=messages[0].message_id)
        return kept

    # one verdict

    def _obeyed(
        self, row: Row, phase: PolicyPhase, verdict: Verdict, rules: Rules, transaction: Transaction | None
    ) -> Ruling:
        if not self._note(verdict, transaction):
            verdict = row.complain(phase, f"set more than {PAIRS_MAX} variables in one context")
        match verdict:
            case Bind():
                try:
                    self.binding = rules.binding_of(verdict.binding)
                except ValueError as wrong:
                    return _decision(row, phase, row.complain(phase, str(wrong)))
            case Continue() | Done() if verdict.pathway and verdict.pathway not in rules.pathways:
                verdict = row.complain(phase, f"there is no Pathway {verdict.pathway}")
            case Continue() | Done():
                self._choose(verdict, transaction)
        return _decision(row, phase, verdict)

    def _choose(self, verdict: Continue | Done, transaction: Transaction | None) -> None:
        """What it adds, and whose options it wants to hold."""
        if isinstance(verdict, Continue):
            self.fields += verdict.fields
        if verdict.pathway and transaction is None:
            self._client.pathway = verdict.pathway
        elif verdict.pathway and transaction is not None:
            transaction.pathway = verdict.pathway

    def _note(self, verdict: Verdict, transaction: Transaction | None) -> bool:
        """Set its variables; whether there is room for them."""
        if verdict.connection:
            together = {**(self._client.context or {}), **verdict.connection}
            if len(together) > PAIRS_MAX:
                return False
            self._client.context = together
        if verdict.message and transaction is not None:
            together = {**transaction.variables, **verdict.message}
            if len(together) > PAIRS_MAX:
                return False
            transaction.variables = together
        return True

    # what they see

    def _session(self, rules: Rules, transaction: Transaction | None) -> Session:
        client = self._client
        identity = client.identity if client.identity is not None and client.identity.is_proved else None
        return Session(
            connection_id=client.connection_id,
            peer_address=client.peer_address,
            peer=client.peer,
            local=client.local,
            is_unix=client.is_unix,
            protocol=client.protocol,
            hostname=rules.hostname,
            hello=client.hello_domain,
            extended=client.extended,
            tls=client.tls,
            user="" if identity is None else identity.user,
            mechanism="" if identity is None else identity.mechanism,
            may_relay=rules.client_may_relay,
            pathway=rules.pathway,
            variables=dict(connection_context(client, rules, self._tally, transaction)),
        )


def _mail(transaction: Transaction | None, findings: Findings) -> Mail | None:
    if transaction is None:
        return None
    return Mail(
        transaction.reverse_path,
        tuple(transaction.forward_paths),
        transaction.body,
        transaction.smtputf8,
        dict(message_context(transaction)),
        findings,
    )


def _decision(row: Row, phase: PolicyPhase, verdict: Verdict) -> Ruling:
    rule = f"{row.name} says so in the phase {phase.value}"
    match verdict:
        case Reject():
            return Refused(Reply(verdict.code, verdict.enhanced, (verdict.text,)), row.name, rule)
        case Defer():
            return Deferred(Reply(verdict.code, verdict.enhanced, (verdict.text,)), row.name, rule)
        case Disconnect():
            return Deferred(Reply(421, verdict.enhanced, (verdict.text,)), row.name, rule)
        case Discard():
            return Discarded(row.name, verdict.reason)
    return ACCEPTED
