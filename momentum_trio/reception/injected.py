"""A message that comes whole with its envelope, as values: what ``injection`` takes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from momentum_trio.spool.entry import Entry

Octets = bytes | memoryview
Sender = tuple[str, str, tuple[tuple[str, str], ...], float]
"""All of an envelope but its recipients, as it came."""


class Addressee(msgspec.Struct, frozen=True, gc=False):
    """One recipient. path: without brackets. parameters: of RCPT, as SMTP writes them (``NOTIFY=NEVER``)."""

    path: str
    parameters: str = ""


class Injected(msgspec.Struct, frozen=True, gc=False):
    """One message with its envelope.

    reverse_path: without brackets; empty: the null one. recipients: one at least. content: RFC 5322 octets, nothing
    stuffed, as octets or in an entry of the spool, which stays its owner's to discard. parameters: of MAIL, as SMTP
    writes them (``BODY=8BITMIME RET=HDRS``). context: pairs of the message context. key: of idempotency; empty: none.
    not_before: Unix seconds, until when it is not sent; 0: at once.
    """

    reverse_path: str
    recipients: tuple[Addressee, ...]
    content: Octets | Entry
    parameters: str = ""
    context: tuple[tuple[str, str], ...] = ()
    key: str = ""
    not_before: float = 0.0

    @property
    def sender(self) -> Sender:
        """Whose it is."""
        return self.reverse_path, self.parameters, self.context, self.not_before

    @property
    def envelope(self) -> Iterator[str]:
        """All but content and key. Counts stand before what there are several of, so that no other envelope is this."""
        yield from (self.reverse_path, self.parameters, str(self.not_before))
        yield from (str(len(self.recipients)), str(len(self.context)))
        for recipient in self.recipients:
            yield from (recipient.path, recipient.parameters)
        for pair in self.context:
            yield from pair
