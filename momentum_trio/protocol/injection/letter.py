"""A transmission's messages: its templates parsed once, and rendered for one recipient after the other.

One request makes the same octets whenever it comes: Date and Message-ID are reception's to add, and what the request is
repeated with under one Idempotency-Key is known again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from momentum_trio.mail.mime.attachment import attached, shown
from momentum_trio.mail.mime.composition import composed, with_crlf
from momentum_trio.mail.mime.field import Mailbox, is_line, mailboxes, of_mailboxes, unstructured
from momentum_trio.mail.path import mailbox
from momentum_trio.protocol.injection.expression import TemplateError
from momentum_trio.protocol.injection.flaw import Flaw, Flaws
from momentum_trio.protocol.injection.kinds import LINE_CHARACTERS_MAX
from momentum_trio.protocol.injection.template import RENDERED_CHARACTERS_MAX, Template, TooLong
from momentum_trio.protocol.injection.transmission import Content, Recipient, Sender, Transmission

ADDRESS_FIELDS: Final = frozenset(
    ("cc", "sender", "resent-from", "resent-sender", "resent-to", "resent-cc", "disposition-notification-to")
)

Scopes = Sequence[Mapping[str, Any]]


class Letter(NamedTuple):
    """The message of one recipient. reverse_path, forward_path: addresses as given; octets: with CRLF line ends."""

    reverse_path: str
    forward_path: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Writing:
    """One text of the request that may hold expressions. field: where it stands. escaping: it is HTML."""

    field: str
    template: Template
    escaping: bool = False

    @classmethod
    def of(cls, field: str, text: str, *, escaping: bool = False) -> Writing:
        """Raises Flaws."""
        try:
            return cls(field, Template.parse(text), escaping)
        except TemplateError as error:
            raise Flaws(Flaw(field, str(error))) from None

    def written(self, scopes: Scopes) -> str:
        """The text for *scopes*. Raises Flaws."""
        try:
            return self.template.render(scopes, escaping=self.escaping)
        except TooLong:
            problem = f"with this recipient's data it has more than {RENDERED_CHARACTERS_MAX} characters"
            raise Flaws(Flaw(self.field, problem)) from None

    def line(self, scopes: Scopes) -> str:
        """The same as one line of a header section. Raises Flaws."""
        text = self.written(scopes)
        if len(text) > LINE_CHARACTERS_MAX:
            raise Flaws(
                Flaw(self.field, f"with this recipient's data it has more than {LINE_CHARACTERS_MAX} characters")
            )
        if not is_line(text):
            raise Flaws(Flaw(self.field, "a line end or a control stands in it"))
        return text

    def addresses(self, scopes: Scopes) -> list[Mailbox]:
        """The same as mailboxes. Raises Flaws."""
        try:
            return [_canonical(each) for each in mailboxes(self.line(scopes))]
        except Flaws:
            raise
        except ValueError as wrong:
            raise Flaws(Flaw(self.field, str(wrong))) from None


def _canonical(given: Mailbox) -> Mailbox:
    address = mailbox(given.address, pedantic=False, international=True)
    if not address.isascii():
        raise ValueError("an address beyond ASCII goes by /api/v1/messages alone, with SMTPUTF8")
    return Mailbox(address, given.name)


class Wording:
    """What a content says, its templates parsed once. Raises Flaws, for templates that cannot be read.

    The content was checked, and is no whole message. text, html: None: it has none.
    """

    __slots__ = ("_author", "_author_name", "_headers", "_reply_to", "_subject", "html", "text")

    def __init__(self, content: Content) -> None:
        self.text = _writing("content.text", content.text)
        self.html = _writing("content.html", content.html, escaping=True)
        assert content.subject is not UNSET
        self._subject = Writing.of("content.subject", content.subject)
        self._reply_to = _writing("content.reply_to", content.reply_to)
        self._author, self._author_name = _author(content)
        self._headers = [(name, Writing.of(f"content.headers.{name}", text)) for name, text in content.headers.items()]

    def judge(self) -> None:
        """Whether what depends on no data can be sent. Raises Flaws."""
        for writing, read in self._lines():
            if writing.template.is_constant:
                read(())

    def _lines(self) -> Iterator[tuple[Writing, Callable[[Scopes], object]]]:
        """What goes into fields, and who reads it there."""
        yield self._author, self._address
        if self._author_name is not None:
            yield self._author_name, self._author_name.line
        yield self._subject, self._subject.line
        if self._reply_to is not None:
            yield self._reply_to, self._reply_to.addresses
        for name, writing in self._headers:
            yield writing, writing.addresses if name.lower() in ADDRESS_FIELDS else writing.line

    def fields(self, to: Mailbox, scopes: Scopes) -> list[str]:
        """The fields of a letter to *to*, each with its CRLF. Raises Flaws."""
        fields = [
            of_mailboxes("From", [self._from(scopes)]),
            of_mailboxes("To", [to]),
            unstructured("Subject", self._subject.line(scopes)),
        ]
        if self._reply_to is not None:
            fields.append(of_mailboxes("Reply-To", self._reply_to.addresses(scopes)))
        return fields + [_field(name, writing, scopes) for name, writing in self._headers]

    def shown(self, content: Content, scopes: Scopes) -> Content:
        """*content*, of which this is the wording, as somebody with these data reads it. Raises Flaws, as a letter."""
        for _, read in self._lines():
            read(scopes)
        author = self._from(scopes)
        return replace(
            content,
            sender=Sender(author.address, author.name),
            subject=self._subject.line(scopes),
            text=UNSET if self.text is None else self.text.written(scopes),
            html=UNSET if self.html is None else self.html.written(scopes),
            reply_to=UNSET if self._reply_to is None else self._reply_to.line(scopes),
            headers={name: writing.line(scopes) for name, writing in self._headers},
        )

    def _from(self, scopes: Scopes) -> Mailbox:
        found = self._address(scopes)
        name = found.name if self._author_name is None else self._author_name.line(scopes)
        return Mailbox(found.address, name)

    def _address(self, scopes: Scopes) -> Mailbox:
        """Of From."""
        found = self._author.addresses(scopes)
        if len(found) != 1:
            raise Flaws(Flaw(self._author.field, "it is one mailbox"))
        return found[0]


class Writer:
    """Makes the letters of one transmission, which was checked. Raises Flaws, for templates that cannot be read."""

    __slots__ = ("_attachments", "_images", "_whole", "_wording", "transmission")

    def __init__(self, transmission: Transmission) -> None:
        self.transmission = transmission
        content = transmission.content
        self._whole = None if content.email_rfc822 is UNSET else with_crlf(content.email_rfc822).encode()
        self._wording = None if self._whole is not None else Wording(content)
        self._images = [shown(each.name, each.type, each.data) for each in content.inline_images]
        self._attachments = [attached(each.name, each.type, each.data) for each in content.attachments]

    def letter(self, recipient: Recipient) -> Letter:
        """The message for *recipient*. Raises Flaws, with fields of the content: his data do not make one."""
        back = self.transmission.return_path if recipient.return_path is UNSET else recipient.return_path
        octets = self._whole if self._whole is not None else self._octets(recipient)
        return Letter(back, recipient.to.email, octets)

    def _octets(self, recipient: Recipient) -> bytes:
        wording, to = self._wording, recipient.to
        assert wording is not None
        scopes = (recipient.substitution_data, self.transmission.substitution_data)
        text = None if wording.text is None else wording.text.written(scopes)
        html = None if wording.html is None else wording.html.written(scopes)
        fields = wording.fields(_canonical(Mailbox(to.header_to or to.email, to.name)), scopes)
        return composed(fields, text, html, self._images, self._attachments)


def _writing(field: str, text: str | UnsetType, *, escaping: bool = False) -> Writing | None:
    return None if text is UNSET else Writing.of(field, text, escaping=escaping)


def _author(content: Content) -> tuple[Writing, Writing | None]:
    """Address, or address and name, of From; and the name where it stands by itself."""
    if isinstance(content.sender, Sender):
        name = Writing.of("content.from.name", content.sender.name)
        return Writing.of("content.from.email", content.sender.email), name
    assert content.sender is not UNSET
    return Writing.of("content.from", content.sender), None


def _field(name: str, writing: Writing, scopes: Scopes) -> str:
    if name.lower() in ADDRESS_FIELDS:
        return of_mailboxes(name, writing.addresses(scopes))
    return unstructured(name, writing.line(scopes))


def context_of(transmission: Transmission, transmission_id: str, recipient: Recipient) -> tuple[tuple[str, str], ...]:
    """What the message context has of all this: names without blanks, values that policy and logs read."""
    metadata = {**transmission.metadata, **recipient.metadata}
    pairs = (
        ("transmission_id", transmission_id),
        ("campaign_id", transmission.campaign_id),
        ("metadata", json.dumps(metadata) if metadata else ""),  # of ASCII: context is printable
        ("tags", json.dumps(recipient.tags) if recipient.tags else ""),
    )
    return tuple((name, value) for name, value in pairs if value)
