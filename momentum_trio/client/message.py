"""What is injected, and what came of it: values that both forms of the client have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream import batch
from momentum_trio.protocol.ecstream.batch import (
    CONTEXT_MAX,
    CONTEXT_VALUE_OCTETS_MAX,
    KEY_OCTETS_MAX,
    PARAMETERS_OCTETS_MAX,
    PATH_OCTETS_MAX,
    RECIPIENTS_MAX,
    within_bounds,
)

NAME_OCTETS_MAX: Final = 255
_BOUNDS: Final = (
    f"paths have {PATH_OCTETS_MAX} octets at most, parameters {PARAMETERS_OCTETS_MAX}, a key {KEY_OCTETS_MAX}, "
    f"a context {CONTEXT_MAX} pairs of {NAME_OCTETS_MAX} and {CONTEXT_VALUE_OCTETS_MAX} octets"
)


class Recipient(NamedTuple):
    """path: a mailbox, without brackets. parameters: as RCPT has them (``NOTIFY=FAILURE,DELAY``)."""

    path: str
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    reverse_path: a mailbox without brackets, or empty. recipients: one at least, paths alone or with their parameters.
    content: RFC 5322 octets with CRLF line ends; one that several messages share is sent once. parameters: as MAIL has
    them (``BODY=8BITMIME``). context: what policy finds in the message context. key: of idempotency; without one, one
    is made up where the server takes keys, which is enough for what happens on the way, and not if this program dies.

    Raises: ValueError for what the protocol has no room for. What is no mailbox is the server's to refuse.
    """

    reverse_path: str
    recipients: Sequence[str | Recipient]
    content: bytes
    parameters: str = ""
    context: Sequence[tuple[str, str]] = ()
    key: str = ""

    _encoded: batch.Message = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.recipients, str) or not 1 <= len(self.recipients) <= RECIPIENTS_MAX:
            raise ValueError(f"a message has a sequence of 1 to {RECIPIENTS_MAX} recipients")
        recipients = tuple(
            batch.Recipient(each.encode())
            if isinstance(each, str)
            else batch.Recipient(each.path.encode(), each.parameters.encode())
            for each in self.recipients
        )
        context = tuple((name.encode(), value.encode()) for name, value in self.context)
        encoded = batch.Message(
            self.reverse_path.encode(), recipients, 0, self.parameters.encode(), context, self.key.encode()
        )
        if not within_bounds(encoded) or any(len(name) > NAME_OCTETS_MAX for name, _ in context):
            raise ValueError(f"something of a message is too long: {_BOUNDS}")
        object.__setattr__(self, "_encoded", encoded)

    @property
    def encoded(self) -> batch.Message:
        """It as the protocol has it."""
        return self._encoded


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one message.

    id: of the message the server has custody of (RFC 5321 section 6.1); empty: it has none, because all was refused, or
    its policy took the message to drop it. reply: to the message. replies: to each recipient, in their order.
    """

    id: str
    reply: Reply
    replies: tuple[Reply, ...]

    @property
    def taken(self) -> bool:
        """Whether it was taken for every recipient."""
        return not self.refused

    @property
    def refused(self) -> dict[int, Reply]:
        """The recipients it was not taken for, by their place, and what was said of them."""
        return {place: reply for place, reply in enumerate(self.replies) if not reply.positive}
