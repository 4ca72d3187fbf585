"""Mail of one sender, many messages of it: what is the same for all of them is made and asked once.

Of a message whose reverse-path, with all that came with it, was taken before, and whose recipients the checks take,
only the content is left to be judged, and nothing has to be waited for. What is found to be in its way here goes the
long way (``Reception.mail``, ``recipient``, ``judge``), which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from momentum_trio.mail.header import Scan, scan, section_end
from momentum_trio.reception.address import null_reverse_path, recipient, sender
from momentum_trio.reception.authentication import authenticated
from momentum_trio.reception.blackhole import blackhole
from momentum_trio.reception.checks import Checks
from momentum_trio.reception.content import date, headers
from momentum_trio.reception.decision import ACCEPTED, Decision
from momentum_trio.reception.limits import recipients_per_message
from momentum_trio.reception.loop import loop
from momentum_trio.reception.reception_options import forward_paths_max
from momentum_trio.reception.relay import relay
from momentum_trio.reception.trace import received_begun
from momentum_trio.reception.transaction import Recipient, Transaction
from momentum_trio.reception.unbound import bound

STEADY: Final = frozenset[Callable[..., Decision]](
    (
        authenticated,
        bound,
        null_reverse_path,
        sender,
        recipient,
        relay,
        blackhole,
        headers,
        date,
        loop,
    )
)
"""Checks that go by nothing but the client, the rules, and what they are asked about: the reverse-path, one recipient,
the header section. They say the same as often as they are asked."""


class Form(msgspec.Struct, frozen=True, gc=False):
    """Of all messages of one sender.

    transaction: as MAIL began it; it is read, and never changed. received: the Received field up to the id, empty where
    there is none. recipients_max: of one message. recipient_checks, content_checks: that are asked.
    """

    transaction: Transaction
    received: str
    recipients_max: int
    recipient_checks: tuple[Callable[[Transaction, Recipient], Decision], ...]
    content_checks: tuple[Callable[[Transaction, Scan], Decision], ...]

    def takes(self, asked: Recipient) -> bool:
        """Whether the checks do."""
        return all(check(self.transaction, asked) is ACCEPTED for check in self.recipient_checks)

    def seen(self, content: bytes) -> Scan | None:
        """What the header section of *content* holds; None where a check has something against it."""
        end = section_end(content)
        seen = scan(content if end < 0 else content[:end])
        for check in self.content_checks:
            if check(self.transaction, seen) is not ACCEPTED:
                return None
        return seen


class Formed(msgspec.Struct, frozen=True, gc=False):
    """A message of *form* to *recipients*."""

    form: Form
    recipients: Sequence[Recipient]
    is_undated: bool

    @property
    def transaction(self) -> Transaction:
        """Its mail transaction, made for who wants to tell of it."""
        transaction = replace(self.form.transaction, forward_paths=[], wishes={}, is_undated=self.is_undated)
        for asked in self.recipients:
            transaction.add(asked)
            transaction.asked = asked
        return transaction


def form_of(transaction: Transaction, checks: Checks, opening: str) -> Form | None:
    """The form of messages of the sender of *transaction*; None where each is judged by itself.

    checks: those that are asked. opening: of Received, the client's part.
    """
    rules = transaction.rules
    recipient_checks = tuple(check for check in checks.recipient if check is not recipients_per_message)
    if rules.rows or rules.line_limit is not None or not STEADY.issuperset(checks.mail):
        return None
    if not (STEADY.issuperset(recipient_checks) and STEADY.issuperset(checks.content)):
        return None
    begun = replace(transaction, forward_paths=[], wishes={}, asked=None, is_undated=False)
    received = received_begun(transaction, opening) if rules.options.trace_headers else ""
    return Form(begun, received, forward_paths_max(rules.options), recipient_checks, checks.content)
