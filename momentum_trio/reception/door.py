"""The one door for mail: whatever protocol brought it comes in here, and is acknowledged with a Receipt or not at all.

reception = door.reception(client, rules)          # one per connection
reception.mail(reverse_path, line)                 # each step returns a Decision
reception.recipient(forward_path, line)
await reception.write(octets)                      # only for content that does not come whole
await reception.finish(octets)                     # a Receipt: custody is taken; or Refused, or Deferred
"""

from __future__ import annotations

from collections.abc import Callable

from momentum_trio.config.chain import Chain
from momentum_trio.machine import Machine
from momentum_trio.mail.date import DateOfSecond
from momentum_trio.mail.record import Rejected
from momentum_trio.mail.reply import Reply
from momentum_trio.net.tls_facts import TlsFacts
from momentum_trio.reception.binding import Bindings, Tree
from momentum_trio.reception.checks import CHECKS, Checks
from momentum_trio.reception.client import Address, Client
from momentum_trio.reception.context import Context, connection_context, message_context
from momentum_trio.reception.decision import Decision
from momentum_trio.reception.envelopes import Envelopes
from momentum_trio.reception.incoming import Incoming
from momentum_trio.reception.received import received
from momentum_trio.reception.rules import Rules, blackholes
from momentum_trio.reception.trace import received_opening
from momentum_trio.spool.spool import Receipt, Spool


class Door:
    """Where the mail of all connections comes in.

    accepted: told of each receipt once custody is taken, before the client is; it neither blocks nor raises (it is the
        delivery queue's ``take``). checks: the table that decides; the product's own unless somebody extended it.
    """

    def __init__(
        self, machine: Machine, spool: Spool, accepted: Callable[[Receipt], None], checks: Checks = CHECKS
    ) -> None:
        self.machine, self.spool, self.accepted, self.checks = machine, spool, accepted, checks
        self.dates = DateOfSecond()
        self._of_tree: tuple[Tree, Callable[[str], str] | None, Bindings] | None = None  # of that asked about last

    def rules(self, tree: Tree, chain: Chain, client: Client) -> Rules:
        """What holds for *client* in one generation; *chain* is the one *tree* made for him."""
        if self._of_tree is None or self._of_tree[0] is not tree:
            self._of_tree = (tree, blackholes(tree), Bindings(tree))
        return Rules.of(chain, client, self.machine.process.hostname, *self._of_tree[1:])

    def reception(self, client: Client, rules: Rules) -> Reception:
        """The mail of one connection."""
        return Reception(self, client, rules)


class Reception(Envelopes):
    """The mail of one connection: mail transactions one after the other."""

    __slots__ = ("_door", "_incoming", "_opening")

    def __init__(self, door: Door, client: Client, rules: Rules) -> None:
        super().__init__(door.checks, client, rules)
        self._door = door
        self._incoming: Incoming | None = None
        self._opening = received_opening(client)

    def hello(self, domain: str, line: str, *, extended: bool) -> None:
        """The client has introduced itself: by EHLO (*extended*) or by HELO."""
        client = self.client
        client.hello_domain, client.hello_line, client.extended = domain, line, extended
        self._opening = received_opening(client)

    def secured(self, tls: TlsFacts) -> None:
        """TLS has begun: what the client said in clear is forgotten (RFC 3207 section 4.2)."""
        client = self.client
        client.tls, client.identity, client.auth_failed = tls, None, False
        client.hello_domain = client.hello_line = ""
        self._opening = received_opening(client)

    def claimed(self, address: Address, port: int = 0) -> None:
        """A proxy that speaks SMTP has said where the client is."""
        self.client.claim(address, port)
        self.client.is_spoken_for = True
        self._opening = received_opening(self.client)

    def begun_anew(self, hello: str = "") -> None:
        """Somebody else talks now. hello: what he is said to have called himself."""
        client = self.client
        client.identity, client.auth_failed = None, False
        client.hello_domain, client.hello_line = hello, ""
        self._opening = received_opening(client)

    @property
    def contexts(self) -> tuple[Context, Context]:
        """Of the connection, and of the mail transaction."""
        return connection_context(self.client, self.rules, self._tally), message_context(self._transaction)

    async def write(self, octets: bytes) -> None:
        """Some of the content, when it does not come whole. What is decided about it ``finish`` tells."""
        await self._content().write(octets)

    async def finish(self, octets: bytes) -> Receipt | Decision:
        """The content, or the rest of it: take custody.

        Returns: a Receipt, from which alone a final 250 can be made (RFC 5321 section 6.1); else Refused or Deferred,
            and custody stays with the client. The transaction stays open for ``rejected`` until ``abandon``.
        Cancellation: before the commit is handed over nothing is kept; after it the message is kept and delivered.
        """
        answer = await self._content().commit(octets)
        if isinstance(answer, Receipt):
            self._taken(answer)
        return answer

    async def abandon(self) -> None:
        """End the transaction, if there is one, and keep nothing of it: RSET, a new EHLO, a refusal, a lost client."""
        self._transaction = None
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            await incoming.discard()

    def rejected(self, phase: str, reply: Reply, module: str) -> None:
        """Record what the client was told. phase: in console.md section 7's words. module: who decided."""
        machine, client, rules = self._door.machine, self.client, self.rules
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
                connection_context=connection_context(client, rules, self._tally),
                message_context=message_context(self._transaction),
            )
        )

    def _content(self) -> Incoming:
        if self._incoming is None:
            transaction = self._transaction
            assert transaction is not None
            assert transaction.forward_paths  # DATA cannot be reached without one
            door = self._door
            self._incoming = Incoming(door.machine, door.spool, door.checks, door.dates, transaction, self._opening)
        return self._incoming

    def _taken(self, receipt: Receipt) -> None:
        """Custody is ours: tell delivery and whoever listens."""
        batch = receipt.batch
        self._transaction = self._incoming = None
        self._tally.receptions += 1
        publish = self._door.machine.events.publish
        for message in batch.messages:
            publish(received(batch, message))
        self._door.accepted(receipt)
