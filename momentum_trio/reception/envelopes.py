"""The envelopes of one connection, without I/O: each step of a mail transaction asks the checks.

It is what a session and an explanation have in common, so that the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable

from momentum_trio.mail.dsn import NO_RETURNING, NO_WISH, Returning, Wish
from momentum_trio.mail.path import POSTMASTER, domain_of
from momentum_trio.reception.address import completed
from momentum_trio.reception.checks import Checks
from momentum_trio.reception.client import Client
from momentum_trio.reception.decision import ACCEPTED, Decision
from momentum_trio.reception.rules import Rules
from momentum_trio.reception.transaction import Recipient, Tally, Transaction


class Envelopes:
    """Mail transactions one after the other, as far as their envelopes go.

    under: the checks that have something to say under rules.
    rules: the next transaction follows them; replace them when the generation has changed.
    """

    __slots__ = ("_heard", "_heard_under", "_tally", "_transaction", "_under", "client", "rules")

    def __init__(self, under: Callable[[Rules], Checks], client: Client, rules: Rules) -> None:
        self._under, self.client, self.rules = under, client, rules
        self._heard, self._heard_under = under(rules), rules
        self._tally = Tally()
        self._transaction: Transaction | None = None

    @property
    def transaction(self) -> Transaction | None:
        """The one that is open, or was refused just now."""
        return self._transaction

    def mail(
        self,
        reverse_path: str,
        line: str,
        returning: Returning = NO_RETURNING,
        body: str = "",
        smtputf8: bool = False,
    ) -> Decision:
        """Begin a mail transaction. A refused one is not begun, but its refusal can still be recorded.

        returning, body, smtputf8: what the client asked and declared with it.
        """
        rules = self.rules
        path = completed(reverse_path, rules.options.domain_for_unqualified_senders)
        transaction = Transaction(self.client, rules, self._tally, path, reverse_path, line, returning, body, smtputf8)
        self._transaction = transaction
        for check in self._checks_under(rules).mail:
            if (decision := check(transaction)) is not ACCEPTED:
                return decision
        return ACCEPTED

    def recipient(self, forward_path: str, line: str, wish: Wish = NO_WISH) -> Decision:
        """One more forward-path for the open transaction. wish: what the client asked about notifications."""
        transaction = self._transaction
        assert transaction is not None
        asked = transaction.asked = self._asked(transaction, forward_path, line, wish)
        for check in self._checks_under(transaction.rules).recipient:
            if (decision := check(transaction, asked)) is not ACCEPTED:
                return decision
        transaction.add(asked)
        self._tally.recipients += 1
        return ACCEPTED

    def _checks_under(self, rules: Rules) -> Checks:
        """Those that have something to say; mostly the rules are those of the message before."""
        if rules is not self._heard_under:
            self._heard, self._heard_under = self._under(rules), rules
        return self._heard

    def withdraw_recipient(self) -> None:
        """The forward-path accepted last is not: policy, which is asked after the checks, says no."""
        assert self._transaction is not None
        self._transaction.withdraw()
        self._tally.recipients -= 1

    def passed_over(self, forward_path: str, line: str) -> None:
        """A forward-path for the open transaction that is refused without having been asked about."""
        assert self._transaction is not None
        self._transaction.asked = self._asked(self._transaction, forward_path, line, NO_WISH)

    def _asked(self, transaction: Transaction, forward_path: str, line: str, wish: Wish) -> Recipient:
        rules = transaction.rules
        is_postmaster = forward_path == POSTMASTER
        domain = rules.postmasters_domain if is_postmaster else rules.options.domain_for_unqualified_recipients
        path = completed(forward_path, domain)
        return Recipient(path, forward_path, line, domain_of(path), wish)
