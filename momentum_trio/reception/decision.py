"""What reception decides about a step of a mail transaction: a value, never an exception.

Momentum's policy phases answer continue or done; ours answer one of three, and a deferral is not a kind of refusal: the
client keeps custody after both, but only after a deferral is it expected to come again (RFC 5321 section 4.2.1).
"""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Accepted:
    """The step may go on. The words said to the client are those of the protocol that asked."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Permanently no (5yz). module: the check that decided, as the rejectlog names it. rule: why, for the operator."""

    reply: Reply
    module: str
    rule: str = ""

    def __post_init__(self) -> None:
        assert 500 <= self.reply.code <= 599, self.reply


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now (4yz). module: the check that decided, as the rejectlog names it. rule: why, for the operator."""

    reply: Reply
    module: str
    rule: str = ""

    def __post_init__(self) -> None:
        assert 400 <= self.reply.code <= 499, self.reply


Decision = Accepted | Refused | Deferred

ACCEPTED = Accepted()
