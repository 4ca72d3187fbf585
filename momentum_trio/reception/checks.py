"""Every check, in the order in which it is asked. The first that does not accept decides.

The rows of policy, those of users among them, go on where a step of this table has accepted (policy/table.py): they may
wait, and where there is none nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

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
from momentum_trio.reception.rules import Rules
from momentum_trio.reception.transaction import Recipient, Transaction
from momentum_trio.reception.unbound import bound

Check = TypeVar("Check", bound=Callable[..., Decision])


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks by the step at which they are asked."""

    mail: tuple[Callable[[Transaction], Decision], ...]
    recipient: tuple[Callable[[Transaction, Recipient], Decision], ...]
    content: tuple[Callable[[Transaction, Scan], Decision], ...]

    def under(self, rules: Rules) -> Checks:
        """Those that may say anything but yes under *rules*."""
        return Checks(_heard(self.mail, rules), _heard(self.recipient, rules), _heard(self.content, rules))


def _heard(checks: tuple[Check, ...], rules: Rules) -> tuple[Check, ...]:
    return tuple(check for check in checks if check not in ALWAYS_YES or not ALWAYS_YES[check](rules))


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

ALWAYS_YES: Final[Mapping[Callable[..., Decision], Callable[[Rules], Any]]] = {
    authenticated: lambda rules: not rules.options.enable_authentication,
    receptions_per_connection: lambda rules: rules.options.receptions_per_connection_max <= 0,
    bound: lambda rules: rules.has_default_binding,
    null_reverse_path: lambda rules: rules.options.allow_null_envelope_sender,
    recipients_per_connection: lambda rules: rules.options.recipients_per_connection_max <= 0,
    relay: lambda rules: rules.client_may_relay and rules.relay_right,
    blackhole: lambda rules: rules.blackhole is None,
    headers: lambda rules: rules.options.missing_headers == "allow",
    date: lambda rules: rules.options.date_header != "pedantic",
}
"""Under which rules a check accepts whatever it is asked, so that nobody need ask it."""
