"""``POST /api/v1/transmissions``: what may be asked (spec/listeners.md section 4), as values, and whether it can be.

The names are those of the manual. Unknown ones are refused: nobody learns from his recipients that he misspelt one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from momentum_trio.mail.mime.field import is_field_name, is_line
from momentum_trio.mail.path import mailbox
from momentum_trio.mail.schedule import SCHEDULE_SECONDS_MAX
from momentum_trio.protocol.injection.flaw import FLAWS_MAX, Flaw, Flaws, depth_of, read

RECIPIENTS_MAX: Final = 10_000
HEADERS_MAX: Final = 100
LINE_CHARACTERS_MAX: Final = 2_000  # of a name, a subject, the text of a field
CAMPAIGN_OCTETS_MAX: Final = 64
METADATA_OCTETS_MAX: Final = 200
TAGS_MAX: Final = 10
DATA_DEPTH_MAX: Final = 32

OURS: Final = frozenset(
    ("from", "to", "subject", "reply-to", "bcc", "return-path", "received", "mime-version")
)  # fields that are made of something else, or by somebody else
OURS_BEGIN: Final = "content-"

Line = Annotated[str, Meta(max_length=LINE_CHARACTERS_MAX)]
Data = dict[str, Any]


class Address(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where a message goes. header_to: what To says instead of the address, for copies."""

    email: Line
    name: Line = ""
    header_to: Line = ""


class Recipient(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Somebody who gets a message of his own. return_path: instead of the transmission's."""

    address: Address | Line
    substitution_data: Data = {}
    metadata: Data = {}
    tags: list[Annotated[str, Meta(max_length=255)]] = []
    return_path: Line | None = None

    @property
    def to(self) -> Address:
        """His address, whole."""
        return self.address if isinstance(self.address, Address) else Address(self.address)


class RecipientList(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A stored recipient list: this host stores none."""

    list_id: str


class Sender(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whom From names."""

    email: Line
    name: Line = ""


class Content(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"sender": "from"}):
    """What is said. Texts may hold ``{{expressions}}``, but for email_rfc822, a whole message, which goes as it is.

    sender: ``from`` of the request.
    """

    sender: Sender | Line | None = None
    subject: Line | None = None
    text: str | None = None
    html: str | None = None
    reply_to: Line | None = None
    headers: dict[str, Line] = {}
    email_rfc822: str | None = None
    template_id: str | None = None
    use_draft_template: bool = False


class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How it is sent. start_time: not before then; with its offset from UTC."""

    start_time: Annotated[datetime, Meta(tz=True)] | None = None
    open_tracking: bool = False
    click_tracking: bool = False


class Transmission(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One request: a message for each recipient. Data of a recipient go before those of all."""

    recipients: Annotated[list[Recipient], Meta(min_length=1, max_length=RECIPIENTS_MAX)] | RecipientList
    content: Content
    return_path: Line | None = None
    substitution_data: Data = {}
    options: Options = Options()
    campaign_id: str = ""
    metadata: Data = {}

    @property
    def to(self) -> list[Recipient]:
        """Its recipients."""
        assert isinstance(self.recipients, list)
        return self.recipients

    @property
    def warnings(self) -> tuple[str, ...]:
        """What it asks for that is not done."""
        asked = ("open_tracking", "click_tracking")
        return tuple(f"options.{name}: this host tracks nothing" for name in asked if getattr(self.options, name))


def parse(octets: bytes, now: float) -> Transmission:
    """The request in *octets* of JSON, at *now*, Unix seconds. Raises Flaws."""
    transmission = read(octets, Transmission)
    flaws = []
    for flaw in _flaws(transmission, now):
        flaws.append(flaw)
        if len(flaws) == FLAWS_MAX:
            break
    if flaws:
        raise Flaws(*flaws)
    return transmission


def starts_at(transmission: Transmission, now: float) -> float:
    """The Unix second before which nothing is sent, or 0."""
    start = transmission.options.start_time
    return start.timestamp() if start is not None and start.timestamp() > now else 0.0


def _flaws(transmission: Transmission, now: float) -> Iterator[Flaw]:
    yield from _of_content(transmission.content)
    yield from _of_extras(transmission, now)
    if isinstance(transmission.recipients, RecipientList):
        yield Flaw("recipients.list_id", "stored recipient lists are not built here: write them in the request")
        return
    for place, recipient in enumerate(transmission.recipients):
        yield from _of_recipient(recipient, f"recipients[{place}]", transmission)


def _of_extras(transmission: Transmission, now: float) -> Iterator[Flaw]:
    if len(transmission.campaign_id.encode()) > CAMPAIGN_OCTETS_MAX:
        yield Flaw("campaign_id", f"it has at most {CAMPAIGN_OCTETS_MAX} octets")
    if not transmission.campaign_id.isprintable():
        yield Flaw("campaign_id", "a line end or a control stands in it")
    yield from _of_data(transmission.substitution_data, "substitution_data")
    yield from _of_metadata(transmission.metadata, "metadata")
    start = transmission.options.start_time
    if start is not None and start.timestamp() > now + SCHEDULE_SECONDS_MAX:
        yield Flaw("options.start_time", f"it is more than {SCHEDULE_SECONDS_MAX} seconds ahead")


def _of_content(content: Content) -> Iterator[Flaw]:
    if content.template_id is not None:
        yield Flaw("content.template_id", "stored templates are not built here: write the content in the request")
        return
    inline = ("sender", "subject", "text", "html", "reply_to")
    given = [name for name in inline if getattr(content, name) is not None]
    if content.email_rfc822 is not None:
        if given or content.headers:
            yield Flaw("content.email_rfc822", "it is a whole message: nothing else stands beside it")
        return
    for name in ("sender", "subject"):
        if name not in given:
            yield Flaw(f"content.{'from' if name == 'sender' else name}", "it is missing")
    if "text" not in given and "html" not in given:
        yield Flaw("content", "it has neither text nor html")
    yield from _of_headers(content.headers)


def _of_headers(headers: Mapping[str, str]) -> Iterator[Flaw]:
    if len(headers) > HEADERS_MAX:
        yield Flaw("content.headers", f"there are at most {HEADERS_MAX}")
    seen = set[str]()
    for name in headers:
        shown = f"content.headers.{name[:70]}"
        if not is_field_name(name):
            yield Flaw(shown, "a field cannot have that name")
        elif name.lower() in OURS or name.lower().startswith(OURS_BEGIN):
            yield Flaw(shown, "this field is made of the other parts of the request")
        elif name.lower() in seen:
            yield Flaw(shown, "this field is there twice")
        seen.add(name.lower())


def _of_recipient(recipient: Recipient, at: str, transmission: Transmission) -> Iterator[Flaw]:
    to = recipient.to
    is_whole = isinstance(recipient.address, Address)
    yield from _of_address(to.email, f"{at}.address.email" if is_whole else f"{at}.address")
    if to.header_to:
        yield from _of_address(to.header_to, f"{at}.address.header_to")
        if transmission.content.email_rfc822 is not None:
            yield Flaw(f"{at}.address.header_to", "it has no effect on email_rfc822")
    if not is_line(to.name):
        yield Flaw(f"{at}.address.name", "a line end or a control stands in it")
    if recipient.return_path is None and transmission.return_path is None:
        yield Flaw("return_path", "it is missing, and a recipient has none of his own")
    yield from _of_data(recipient.substitution_data, f"{at}.substitution_data")
    yield from _of_metadata(recipient.metadata, f"{at}.metadata")
    if len(recipient.tags) > TAGS_MAX:
        yield Flaw(f"{at}.tags", f"there are at most {TAGS_MAX}")


def _of_address(text: str, at: str) -> Iterator[Flaw]:
    try:
        if not mailbox(text, pedantic=False, international=True).isascii():
            yield Flaw(at, "an address beyond ASCII goes by /api/v1/messages alone, with SMTPUTF8")
    except ValueError as wrong:
        yield Flaw(at, str(wrong))


def _of_data(data: Data, at: str) -> Iterator[Flaw]:
    if depth_of(data, DATA_DEPTH_MAX) > DATA_DEPTH_MAX:
        yield Flaw(at, f"it is nested more than {DATA_DEPTH_MAX} deep")


def _of_metadata(metadata: Data, at: str) -> Iterator[Flaw]:
    yield from _of_data(metadata, at)
    if len(msgspec.json.encode(metadata)) > METADATA_OCTETS_MAX:
        yield Flaw(at, f"it has at most {METADATA_OCTETS_MAX} octets as JSON")
