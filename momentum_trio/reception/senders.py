"""What one connection remembers of its senders, so that not every message of theirs is judged from the start.

senders.hold_under(terms)                          # what was known under others is forgotten
judged = senders.judged(message)                   # None: it has to be judged by itself, beginning with ...
mail = senders.mail(message)
senders.taken()                                    # ... and the checks have accepted that
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.command import mail_of, rcpt_of
from momentum_trio.protocol.smtp.content import is_faultless
from momentum_trio.protocol.smtp.event import Mail
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.reception.client import Identity
from momentum_trio.reception.door import Judged, Reception
from momentum_trio.reception.form import Form
from momentum_trio.reception.injected import Addressee, Injected, Sender
from momentum_trio.reception.rules import Rules
from momentum_trio.reception.transaction import Recipient

FORMS_MAX, RECIPIENTS_MAX = 4, 50
"""Senders whose form is remembered, and recipients of each, until one more comes."""


class Known(NamedTuple):
    """A sender whose messages have a form. taken: recipients whom the checks take, by what was given."""

    form: Form
    taken: dict[Addressee, Recipient]


class Senders:
    """Those of *reception*: what MAIL of the last one is, and the forms of those that were taken twice in a row."""

    __slots__ = ("_held_under", "_known", "_last", "_mail_of_last", "_reception", "_terms", "_was_taken")

    def __init__(self, reception: Reception, terms: Terms) -> None:
        self._reception, self._terms = reception, terms
        self._held_under: tuple[Rules, Terms, Identity | None, str] | None = None
        self._known: dict[Sender, Known] = {}
        self._last: Sender | None = None
        self._mail_of_last: Mail | Reply = replies.MAIL_SYNTAX
        self._was_taken = False  # the last one

    def hold_under(self, terms: Terms) -> None:
        """Forget what was known under other *terms* or rules, or of a client who is somebody else now."""
        reception = self._reception
        under = (reception.rules, terms, reception.client.identity, reception.opening)
        if self._held_under != under:
            self._held_under, self._terms, self._last = under, terms, None
            self._known.clear()

    def mail(self, message: Injected) -> Mail | Reply:
        """What MAIL of *message* would be, or be answered for what it is; mostly it is that of the message before."""
        last, sender = self._last, message.sender
        if last != sender:
            self._last, self._was_taken = sender, False
            if last is None or last[:2] != sender[:2]:  # not by its context alone
                self._mail_of_last = mail_of(message.reverse_path, message.parameters, self._terms)
        return self._mail_of_last

    def taken(self) -> None:
        """What ``mail`` gave last was accepted: the second time in a row its sender's form is kept, if he has one."""
        again, self._was_taken = self._was_taken, True
        if not again or (form := self._reception.form()) is None:
            return
        assert self._last is not None
        if len(self._known) >= FORMS_MAX:
            self._known.clear()
        self._known[self._last] = Known(form, {})

    def judged(self, message: Injected) -> Judged | None:
        """A *message* that is to be kept, by the form of its sender; None, and nothing has happened: he has none, or
        something is in its way."""
        content = message.content
        if message.key or not isinstance(content, bytes):
            return None
        known = self._known.get(message.sender)
        if known is None or not is_faultless(content, self._terms):
            return None
        recipients = self._recipients(known, message.recipients)
        return None if recipients is None else self._reception.judge_by(known.form, recipients, content)

    def _recipients(self, known: Known, addressees: Sequence[Addressee]) -> list[Recipient] | None:
        """Those of a message; None where there are too many of them, or something is against one."""
        if len(addressees) > known.form.recipients_max:
            return None
        recipients = list[Recipient]()
        for addressee in addressees:
            recipient = known.taken.get(addressee) or self._would_be(known, addressee)
            if recipient is None:
                return None
            recipients.append(recipient)
        return recipients

    def _would_be(self, known: Known, addressee: Addressee) -> Recipient | None:
        """A recipient not asked about before."""
        rcpt = rcpt_of(addressee.path, addressee.parameters, self._terms, smtputf8=known.form.transaction.smtputf8)
        if isinstance(rcpt, Reply):
            return None
        recipient = self._reception.would_take(known.form, rcpt.forward_path, rcpt.line, rcpt.wish)
        if recipient is not None:
            if len(known.taken) >= RECIPIENTS_MAX:
                known.taken.clear()
            known.taken[addressee] = recipient
        return recipient
