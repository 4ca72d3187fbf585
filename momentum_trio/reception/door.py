"""The one door for mail: whatever protocol brought it comes in here, and is acknowledged with a Receipt or not at all.

reception = door.reception(client, rules)          # one per connection
reception.mail(reverse_path, line)                 # each step returns a Decision
reception.recipient(forward_path, line)
await reception.write(octets)                      # only for content that does not come whole
await reception.finish(octets)                     # a Receipt: custody is taken; or Refused, or Deferred
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple, Protocol

import msgspec
from msgspec import structs

from momentum_trio.config.chain import Chain
from momentum_trio.machine import Machine
from momentum_trio.mail.date import DateOfSecond
from momentum_trio.mail.dsn import Wish
from momentum_trio.mail.record import Rejected
from momentum_trio.mail.reply import Reply
from momentum_trio.net.netblock import Address
from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.protocol.smtp.phase import Phase
from momentum_trio.reception.binding import Bindings, Tree
from momentum_trio.reception.checks import CHECKS, Checks
from momentum_trio.reception.client import Client
from momentum_trio.reception.context import Context, connection_context, message_context
from momentum_trio.reception.decision import ACCEPTED, Decision, Deferred
from momentum_trio.reception.envelopes import Envelopes
from momentum_trio.reception.form import Form, Formed, form_of
from momentum_trio.reception.incoming import Incoming, Whole, batch_of, deferral, messages_of
from momentum_trio.reception.mail_loop_options import MailLoopOptions, mail_loop_chain
from momentum_trio.reception.policy.desk import Desk
from momentum_trio.reception.policy.dnsbl import Lists
from momentum_trio.reception.policy.kept import Kept
from momentum_trio.reception.policy.milter import Milter
from momentum_trio.reception.policy.modules import Modules
from momentum_trio.reception.policy.panel import Discarded, Panel
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.plugin import Plugin
from momentum_trio.reception.policy.table import rows_of
from momentum_trio.reception.received import received
from momentum_trio.reception.rules import Rules, blackholes
from momentum_trio.reception.trace import added_fields, received_opening
from momentum_trio.reception.transaction import Recipient, Tally, Transaction, bare
from momentum_trio.spool.spool import Claim, Receipt, Spool, SpoolFull, SpoolSick


class Configuration(Tree, Protocol):
    """The part of a configuration tree that reception asks."""

    def pathways(self) -> AbstractSet[str]:
        """The names of all Pathway scopes."""
        ...


RULES_MAX = 1000
"""Clients whose rules are remembered until one more comes: who connects for each message is judged once."""


class OfTree(NamedTuple):
    """What is made once of a configuration, as ``Rules`` has it. rules: of clients who have proved nothing, under the
    plug-ins they were made with."""

    tree: Configuration
    blackhole: Callable[[str], str] | None
    bindings: Bindings
    modules: Modules
    milters: Sequence[Milter]
    pathways: AbstractSet[str]
    mail_loop: MailLoopOptions
    rules: dict[tuple[Chain, str, bool, str], tuple[Sequence[Plugin], Rules]]


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A message that was judged whole, and is to be committed or discarded. incoming: that holds something of it."""

    transaction: Transaction | Formed
    panel: Panel | None
    incoming: Incoming | None
    whole: Whole

    def with_claim(self, claim: Claim) -> Judged:
        """The same with the idempotency key that is kept with it."""
        return structs.replace(self, whole=structs.replace(self.whole, claim=claim))


async def discard_all(messages: Iterable[Judged]) -> None:
    """Keep nothing of those of *messages* that were not committed. Cancellation: shielded."""
    for judged in messages:
        if judged.incoming is not None:
            await judged.incoming.discard()


class Door:
    """Where the mail of all connections comes in.

    accepted: told of receipts once custody is taken, before the client is; it neither blocks nor raises (it is the
        delivery queue's ``take_all``). checks: the table that decides; the product's own unless somebody extended it.
        lists: of DNS, that can be asked; None: none can. desk: what mail authentication goes by; None: there is none.
        milters: those that a tree names; none where none is asked.
    """

    def __init__(
        self,
        machine: Machine,
        spool: Spool,
        accepted: Callable[[Sequence[Receipt]], None],
        checks: Checks = CHECKS,
        lists: Lists | None = None,
        desk: Desk | None = None,
        milters: Callable[[Tree], Sequence[Milter]] = lambda tree: (),
    ) -> None:
        self.machine, self.spool, self.accepted, self.checks = machine, spool, accepted, checks
        self.lists, self.desk, self._milters = lists, desk, milters
        self.dates = DateOfSecond()
        self._of_tree: OfTree | None = None  # of that asked about last
        self._heard: tuple[Rules, Checks] | None = None  # of those asked about last

    def rules(self, tree: Configuration, chain: Chain, client: Client, plugins: Sequence[Plugin] = ()) -> Rules:
        """What holds for *client* in one generation; *chain* is the one *tree* made for him, *plugins* its policy."""
        held = self._of_tree
        if held is None or held.tree is not tree:
            modules = Modules.of(tree.root)
            held = self._of_tree = OfTree(
                tree,
                blackholes(tree),
                Bindings(tree),
                modules,
                self._milters(tree),
                tree.pathways(),
                MailLoopOptions.resolve(mail_loop_chain(tree.root)),
                {},
            )
        if client.identity is not None or client.tls is not None:
            return self._rules(held, chain, client, plugins)
        key = (chain, client.peer_text, client.is_unix, client.own_right)
        known = held.rules.get(key)
        if known is None or known[0] is not plugins:
            if len(held.rules) >= RULES_MAX:
                held.rules.clear()
            known = held.rules[key] = plugins, self._rules(held, chain, client, plugins)
        return known[1]

    def _rules(self, held: OfTree, chain: Chain, client: Client, plugins: Sequence[Plugin]) -> Rules:
        rows = rows_of(chain, self.lists, self.desk, held.modules, plugins, held.milters)
        return Rules.of(
            chain,
            client,
            self.machine.process.hostname,
            held.blackhole,
            held.bindings,
            rows,
            held.pathways,
            held.mail_loop,
        )

    def checks_under(self, rules: Rules) -> Checks:
        """Those that have something to say under *rules*."""
        if self._heard is None or self._heard[0] is not rules:
            self._heard = rules, self.checks.under(rules)
        return self._heard[1]

    def reception(self, client: Client, rules: Rules) -> Reception:
        """The mail of one connection."""
        return Reception(self, client, rules)


class Reception(Envelopes):
    """The mail of one connection: mail transactions one after the other."""

    __slots__ = ("_door", "_incoming", "_kept", "_opening", "_panel")

    def __init__(self, door: Door, client: Client, rules: Rules) -> None:
        super().__init__(door.checks_under, client, rules)
        self._door = door
        self._incoming: Incoming | None = None
        self._panel: Panel | None = None
        self._kept = Kept()
        self._opening = ""  # of Received; made when it is needed, anew when the client is known as somebody else

    def hello(self, domain: str, line: str, *, extended: bool) -> None:
        """The client has introduced itself: by EHLO (*extended*) or by HELO."""
        client = self.client
        client.hello_domain, client.hello_line, client.extended = domain, line, extended
        self._opening = ""

    def secured(self, tls: TlsFacts) -> None:
        """TLS has begun: what the client said in clear is forgotten (RFC 3207 section 4.2)."""
        client = self.client
        client.tls, client.identity, client.auth_failure = tls, None, ""
        client.hello_domain = client.hello_line = ""
        self._opening = ""

    def claimed(self, address: Address, port: int = 0) -> None:
        """A proxy that speaks SMTP has said where the client is."""
        self.client.claim(address, port)
        self.client.is_spoken_for = True
        self._opening = ""

    def begun_anew(self, hello: str = "") -> None:
        """Somebody else talks now. hello: what he is said to have called himself."""
        client = self.client
        client.identity, client.auth_failure = None, ""
        if client.hello_domain != hello:
            self._opening = ""
        client.hello_domain, client.hello_line = hello, ""

    @property
    def contexts(self) -> tuple[Context, Context]:
        """Of the connection, and of the mail transaction."""
        transaction = self._transaction
        of_connection = connection_context(self.client, self.rules_now, self._tally, transaction)
        return of_connection, message_context(transaction)

    @property
    def rules_now(self) -> Rules:
        """Those of the mail transaction, where there is one."""
        return self.rules if self._transaction is None else self._transaction.rules

    async def ask(self, phase: PolicyPhase) -> Decision:
        """What policy says in *phase*, one before the content. A forward-path that is refused is withdrawn.

        Raises: nothing for what plug-ins do. Cancellation: as if never asked.
        """
        transaction, rules = self._transaction, self.rules_now
        recipient = transaction.forward_paths[-1] if transaction is not None and transaction.forward_paths else ""
        ruling = await self._asking().ask(phase, rules, transaction, recipient=recipient)
        assert not isinstance(ruling, Discarded)  # there is nothing yet to discard
        if ruling is not ACCEPTED and phase is PolicyPhase.RCPTTO:
            self.withdraw_recipient()
        return ruling

    def _asking(self) -> Panel:
        if self._panel is None:
            self._panel = Panel(self.client, self._tally, self._kept)
        return self._panel

    async def write(self, octets: bytes) -> None:
        """Some of the content, when it does not come whole. What is decided about it ``finish`` tells."""
        await self._content().write(octets)

    async def finish(self, octets: bytes) -> Receipt | Decision | Discarded:
        """The content, or the rest of it: take custody.

        Returns: a Receipt, from which a final 250 can be made (RFC 5321 section 6.1); Discarded, the one other way to
            it: an operator's policy drops the message; else Refused or Deferred, and custody stays with the client. The
            transaction stays open for ``rejected`` until ``abandon``.
        Cancellation: before the commit is handed over nothing is kept; after it the message is kept and delivered.
        """
        answer = await self._content().commit(octets)
        if isinstance(answer, Receipt):
            self._tally.receptions += 1
            self._tell_of(answer, *self._closed())
            self._door.accepted((answer,))
        elif isinstance(answer, Discarded):
            self.rejected(Phase.READING_BODY.words, answer.reply, answer.module)
        return answer

    async def judge(self, octets: bytes) -> Judged | Decision | Discarded:
        """As ``finish``, but nothing is committed: ``commit_all`` does that for several. The next may begin meanwhile.

        What is neither committed nor refused the caller discards. Cancellation: nothing is kept.
        """
        incoming = self._content()
        answer = await incoming.finish(octets)
        if isinstance(answer, Whole):
            self._tally.receptions += 1
            return Judged(*self._closed(), incoming, answer)
        if isinstance(answer, Discarded):
            self.rejected(Phase.READING_BODY.words, answer.reply, answer.module)
        return answer

    @property
    def opening(self) -> str:
        """Of Received, the client's part."""
        self._opening = self._opening or received_opening(self.client)
        return self._opening

    def form(self) -> Form | None:
        """The form of messages of the open transaction's sender; None where each is judged by itself."""
        transaction = self._transaction
        assert transaction is not None
        return form_of(transaction, self._checks_under(transaction.rules), self.opening)

    def would_take(self, form: Form, forward_path: str, line: str, wish: Wish) -> Recipient | None:
        """As ``recipient`` of a message of *form*: whom he would be; None: there is something against it."""
        asked = self._asked(form.transaction, forward_path, line, wish)
        return asked if form.takes(asked) else None

    def judge_by(self, form: Form, recipients: Sequence[Recipient], content: bytes) -> Judged | None:
        """As ``mail``, ``recipient`` and ``judge``, of a message of *form* to *recipients*, whom the checks take.

        None, and nothing has happened: they have to say what is against it, or to wait for something.
        """
        assert self._transaction is None
        door, seen = self._door, form.seen(content)
        if seen is None:
            return None
        transaction, spool = form.transaction, door.spool
        if seen.return_paths and form.received:
            content = seen.without_return_paths(content)
        now = door.machine.clock.now()
        batch_id = spool.id_at(now)
        content = added_fields(transaction, seen, form.received, batch_id, door.dates.at(now)) + content
        octets, tally = len(content), self._tally
        if octets > spool.inline_octets_max:
            return None
        tally.recipients += len(recipients)
        tally.receptions += 1
        messages = messages_of(batch_id, [(each.path, each.wish) for each in recipients], spool)
        batch = batch_of(transaction, batch_id, messages, now, octets, transaction.rules.choose_binding())
        return Judged(Formed(form, recipients, not seen.has_date), None, None, Whole(content, batch))

    async def commit_all(self, messages: Sequence[Judged]) -> list[Receipt | Deferred]:
        """Take custody of *messages* at once, each for itself; what is not taken is discarded.

        Cancellation: as that of ``Spool.commit_all``.
        """
        taken = False
        try:
            outcomes = await self._door.spool.commit_all(
                [(judged.whole.content, judged.whole.batch, judged.whole.claim) for judged in messages]
            )
            answers = [self._settled(*pair) for pair in zip(messages, outcomes, strict=True)]
            receipts = [answer for answer in answers if isinstance(answer, Receipt)]
            self._door.accepted(receipts)
            taken = len(receipts) == len(answers)
        finally:
            if not taken:
                await discard_all(messages)
        return answers

    def _settled(self, judged: Judged, outcome: Receipt | SpoolFull | SpoolSick) -> Receipt | Deferred:
        if isinstance(outcome, Receipt):
            self._tell_of(outcome, judged.transaction, judged.panel)
            return outcome
        self._tally.receptions -= 1
        decision, told = deferral(outcome), judged.transaction
        transaction = told.transaction if isinstance(told, Formed) else told
        self.rejected(Phase.READING_BODY.words, decision.reply, decision.module, transaction)
        return decision

    def _closed(self) -> tuple[Transaction, Panel | None]:
        """The transaction that was open, and its panel; now none is."""
        transaction, panel = self._transaction, self._panel
        assert transaction is not None
        self._transaction = self._incoming = self._panel = None
        return transaction, panel

    def _tell_of(self, receipt: Receipt, transaction: Transaction | Formed, panel: Panel | None) -> None:
        """Custody is ours: tell whoever listens, also of the recipients that policy has left out."""
        if panel is not None and isinstance(transaction, Transaction):
            for place, discarded in panel.dropped.items():
                transaction.asked = bare(transaction.forward_paths[place])
                self.rejected(Phase.READING_BODY.words, discarded.reply, discarded.module, transaction)
        batch = receipt.batch
        publish = self._door.machine.events.publish
        for message in batch.messages:
            publish(received(batch, message))

    async def abandon(self) -> None:
        """End the transaction, if there is one, and keep nothing of it: RSET, a new EHLO, a refusal, a lost client."""
        self._transaction = self._panel = None
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.discard()

    def begun(self) -> None:
        """Another conversation of the same client begins."""
        self._tally = Tally()

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open, and policy has kept nothing: there is nothing to end."""
        return self._transaction is None and not self._kept.holds_any

    async def end(self) -> None:
        """The connection is over: nothing is kept of an open transaction, nor of what policy has kept of it."""
        try:
            await self.abandon()
        finally:
            await self._kept.close()

    def rejected(self, phase: str, reply: Reply, module: str, transaction: Transaction | None = None) -> None:
        """Record what the client was told. phase: in console.md section 7's words. module: who decided. transaction: if
        it is not the one that is open."""
        machine, client, transaction = self._door.machine, self.client, transaction or self._transaction
        rules = self.rules if transaction is None else transaction.rules
        machine.events.publish(
            Rejected(
                at=machine.clock.now(),
                remote=client.peer,
                local=client.local,
                connection_id=client.connection_id,
                pathway=rules.pathway,
                pathway_group=rules.pathway_group,
                phase=phase,
                code=reply.code,
                module=module,
                text=reply.text,
                connection_context=connection_context(client, rules, self._tally, transaction),
                message_context=message_context(transaction),
                protocol=client.protocol,
            )
        )

    def _content(self) -> Incoming:
        if self._incoming is None:
            transaction = self._transaction
            assert transaction is not None
            assert transaction.forward_paths  # DATA cannot be reached without one
            door, panel = self._door, self._asking() if transaction.rules.rows else None
            checks = self._checks_under(transaction.rules)
            self._incoming = Incoming(door.machine, door.spool, checks, door.dates, transaction, self.opening, panel)
        return self._incoming
