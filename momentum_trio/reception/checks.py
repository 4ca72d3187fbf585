"""Every check, in the order in which it is asked. The first that does not accept decides.

The rows of policy, those of users among them, go on where a step of this table has accepted (policy/table.py): they may
wait, and where there is none nothing does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from momentum_trio.mail.header import Scan
from momentum_trio.reception.address import null_reverse_path, recipient, sender
from momentum_trio.reception.authentication import authenticated
from momentum_trio.reception.blackhole import blackhole
from momentum_trio.reception.content import date, headers
from momentum_trio.reception.decision import Decision
from momentum_trio.reception.limits import (
    receptions_per_connection,
    recipients_per_connection,
    recipients_per_message,
)
from momentum_trio.reception.loop import loop
from momentum_trio.reception.relay import relay
from momentum_trio.reception.transaction import Recipient, Transaction
from momentum_trio.reception.unbound import bound


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks by the step at which they are asked."""

    mail: tuple[Callable[[Transaction], Decision], ...]
    recipient: tuple[Callable[[Transaction, Recipient], Decision], ...]
    content: tuple[Callable[[Transaction, Scan], Decision], ...]


CHECKS = Checks(
    mail=(
        authenticated,
        receptions_per_connection,
        bound,
        null_reverse_path,
        sender,
    ),
    recipient=(
        recipients_per_message,
        recipients_per_connection,
        recipient,
        relay,
        blackhole,
    ),
    content=(
        headers,
        date,
        loop,
    ),
)
