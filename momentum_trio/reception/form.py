"""Mail with an envelope that has been accepted already: what is the same for all of it is made once.

A connection often brings many messages with one envelope, or with envelopes of which all is decided once their last
recipient was asked about. Of such a message only the content is to be judged, and nothing has to be waited for. What is
found here to be in its way goes the long way (``Reception.judge``), which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
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
from momentum_trio.reception.relay import relay
from momentum_trio.reception.trace import received_begun
from momentum_trio.reception.transaction import Transaction
from momentum_trio.reception.unbound import bound

STEADY: Final = frozenset[Callable[..., Decision]](
    (
        authenticated,
        bound,
        null_reverse_path,
        sender,
        recipients_per_message,
        recipient,
        relay,
        blackhole,
        headers,
        date,
        loop,
    )
)
"""Checks that say of a message what they said of another with its envelope, from the same client under the same rules;
those of content, of another with such a header section."""


class Form(msgspec.Struct, frozen=True, gc=False):
    """Of all messages with one envelope. transaction: as it was accepted; undated: the same of content without a date.
    Both are read, and never changed. received: the Received field up to the id, empty where there is none. checks: of
    content.
    """

    transaction: Transaction
    undated: Transaction
    received: str
    checks: tuple[Callable[[Transaction, Scan], Decision], ...]

    def seen(self, content: bytes) -> Scan | None:
        """What the header section of *content* holds; None where a check has something against it."""
        end = section_end(content)
        seen = scan(content if end < 0 else content[:end])
        for check in self.checks:
            if check(self.transaction, seen) is not ACCEPTED:
                return None
        return seen


def form_of(transaction: Transaction, checks: Checks, opening: str) -> Form | None:
    """The form of messages with the envelope of *transaction*, which was accepted; None where each is judged by itself.

    checks: those that are asked. opening: of Received, the client's part.
    """
    rules = transaction.rules
    if rules.rows or rules.line_limit is not None or not STEADY.issuperset(checks.all):
        return None
    dated, undated = replace(transaction, is_undated=False), replace(transaction, is_undated=True)
    received = received_begun(transaction, opening) if rules.options.trace_headers else ""
    return Form(dated, undated, received, checks.content)
