"""``POST /api/v1/transmissions``: what may be asked (spec/listeners.md section 4), as values, and whether it can be.

The names are those of the manual. Unknown ones are refused: nobody learns from his recipients that he misspelt one.
What a request takes from what is stored is put in its place, and then judged as if it had stood in the request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import asdict, replace

from momentum_trio.mail.mime.attachment import CONTENT_ID, IMAGE_TYPE, MEDIA_TYPE, is_content_id, is_media_type
from momentum_trio.mail.mime.field import is_field_name, is_line
from momentum_trio.mail.path import mailbox
from momentum_trio.mail.schedule import SCHEDULE_SECONDS_MAX
from momentum_trio.protocol.injection.flaw import Flaw, depth_of, judge, read
from momentum_trio.protocol.injection.kinds import LINE, LINE_CHARACTERS_MAX, Base64, Email, EmailOrNothing, Line
from momentum_trio.protocol.injection.stored_name import NO_ID, Id, is_id

RECIPIENTS_MAX: Final = 10_000
HEADERS_MAX: Final = 100
CAMPAIGN_OCTETS_MAX: Final = 64
METADATA_OCTETS_MAX: Final = 200
TAGS_MAX: Final = 10
DATA_DEPTH_MAX: Final = 32
FILES_MAX: Final = 100
FILE_NAME_CHARACTERS_MAX: Final = 255
MEDIA_TYPE_CHARACTERS_MAX: Final = 255

OURS: Final = frozenset(
    ("from", "to", "subject", "reply-to", "bcc", "return-path", "received", "mime-version")
)  # fields that are made of something else, or by somebody else
OURS_BEGIN: Final = "content-"

_OF_NO_FILE: Final = ("multipart/", "message/")  # RFC 2046 sections 5.1 and 5.2.1: neither may be in base64

Data = dict[str, Any]
Author = Annotated[str, Meta(max_length=LINE_CHARACTERS_MAX, extra_json_schema={"format": "email"})]
TYPED: Final = f"^(?!multipart/|message/){MEDIA_TYPE}$"
MediaType = Annotated[str, Meta(max_length=MEDIA_TYPE_CHARACTERS_MAX, extra_json_schema={"pattern": TYPED})]
ImageType = Annotated[str, Meta(max_length=MEDIA_TYPE_CHARACTERS_MAX, extra_json_schema={"pattern": f"^{IMAGE_TYPE}$"})]
ContentId = Annotated[str, Meta(max_length=FILE_NAME_CHARACTERS_MAX, extra_json_schema={"pattern": f"^{CONTENT_ID}$"})]
FileName = Annotated[str, Meta(min_length=1, max_length=FILE_NAME_CHARACTERS_MAX, extra_json_schema=LINE)]
Headers = Annotated[
    dict[str, Line], Meta(max_length=HEADERS_MAX, extra_json_schema={"propertyNames": {"pattern": "^[!-9;-~]{1,70}$"}})
]

# What OpenAPI says of content: which of its members stand together.
WHOLE: Final = {"required": ["email_rfc822"], "maxProperties": 1}
BOTH: Final = {"required": ["from", "email_rfc822"]}
INLINE: Final = {"required": ["from", "subject"], "anyOf": [{"required": ["text"]}, {"required": ["html"]}]}
WITH_IMAGES: Final = {"inline_images": ["html"]}
TOGETHER: Final = {"oneOf": [INLINE, WHOLE], "not": BOTH, "dependentRequired": WITH_IMAGES}
BY_ID: Final = {"required": ["template_id"], "propertyNames": {"enum": ["template_id", "use_draft_template"]}}
OR_BY_ID: Final = {
    "oneOf": [INLINE, WHOLE, BY_ID],
    "not": BOTH,
    "dependentRequired": WITH_IMAGES | {"use_draft_template": ["template_id"]},
}


class Address(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Where a message goes. header_to: what To says instead of the address, for copies."""

    email: Email
    name: Line = ""
    header_to: EmailOrNothing = ""


class Recipient(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Somebody who gets a message of his own. return_path: instead of the transmission's."""

    address: Address | Email
    substitution_data: Data = {}
    metadata: Data = {}
    tags: Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=TAGS_MAX)] = []
    return_path: EmailOrNothing | UnsetType = UNSET

    @property
    def to(self) -> Address:
        """His address, whole."""
        return self.address if isinstance(self.address, Address) else Address(self.address)


class StoredRecipients(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Those of a stored recipient list."""

    list_id: Id


Recipients = Annotated[list[Recipient], Meta(min_length=1, max_length=RECIPIENTS_MAX)]


class Sender(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Whom From names."""

    email: Author
    name: Line = ""


class Attachment(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A file that goes with the message. type: its media type. data: its octets in base64. They are no templates."""

    name: FileName
    type: MediaType
    data: Base64


class InlineImage(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An image that the HTML shows where it says ``cid:NAME``. type: ``image/png``. data: its octets in base64."""

    name: ContentId
    type: ImageType
    data: Base64


class Content(msgspec.Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True, rename={"sender": "from"}):
    """What is said. Texts may hold ``{{expressions}}``, but for email_rfc822, a whole message, which goes as it is.

    sender: ``from`` of the request.
    """

    sender: Sender | Author | UnsetType = UNSET
    subject: Line | UnsetType = UNSET
    text: str | UnsetType = UNSET
    html: str | UnsetType = UNSET
    reply_to: Author | UnsetType = UNSET
    headers: Headers = {}
    attachments: Annotated[list[Attachment], Meta(max_length=FILES_MAX)] = []
    inline_images: Annotated[list[InlineImage], Meta(max_length=FILES_MAX)] = []
    email_rfc822: str | UnsetType = UNSET


class TransmissionContent(Content, frozen=True):
    """The same, or that of a stored template, by itself. use_draft_template: of its draft; else what is published."""

    template_id: Id | UnsetType = UNSET
    use_draft_template: bool | UnsetType = UNSET


class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How it is sent. start_time: not before then; with its offset from UTC."""

    start_time: Annotated[str, Meta(max_length=40, extra_json_schema={"format": "date-time"})] | None = None
    open_tracking: bool = False
    click_tracking: bool = False


class Transmission(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One request: a message for each recipient. Data of a recipient go before those of all."""

    return_path: EmailOrNothing
    recipients: Recipients | StoredRecipients
    content: Annotated[TransmissionContent, Meta(extra_json_schema=OR_BY_ID)]
    substitution_data: Data = {}
    options: Options = Options()
    campaign_id: Annotated[str, Meta(max_length=CAMPAIGN_OCTETS_MAX)] = ""
    metadata: Data = {}

    @property
    def to(self) -> list[Recipient]:
        """Its recipients. What is stored was put in its place."""
        assert isinstance(self.recipients, list)
        return self.recipients

    @property
    def warnings(self) -> tuple[str, ...]:
        """What it asks for that is not done."""
        asked = ("open_tracking", "click_tracking")
        return tuple(f"options.{name}: this host tracks nothing" for name in asked if getattr(self.options, name))


def parse(octets: bytes) -> Transmission:
    """The request in *octets* of JSON, which is to be made whole and then checked. Raises Flaws."""
    transmission = read(octets, Transmission)
    judge(_of_references(transmission))
    return transmission


def whole(transmission: Transmission, content: Content | None, recipients: list[Recipient] | None) -> Transmission:
    """The same with what was stored in its place: *content*, *recipients*; None: it stands in the request."""
    return replace(
        transmission,
        content=transmission.content if content is None else TransmissionContent(**asdict(content)),
        recipients=transmission.recipients if recipients is None else recipients,
    )


def check(transmission: Transmission, now: float) -> None:
    """Whether it can be, whole, at *now*, Unix seconds. Raises Flaws."""
    judge(_flaws(transmission, now))


def starts_at(transmission: Transmission, now: float) -> float:
    """The Unix second before which nothing is sent, or 0."""
    text = transmission.options.start_time
    return 0.0 if text is None or (start := second_of(text)) <= now else start


def second_of(text: str) -> float:
    """The Unix second that *text* tells, in the form of RFC 3339. Raises ValueError."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("its offset from UTC is missing: it ends with Z, or +01:00")
    return at.timestamp()


def _flaws(transmission: Transmission, now: float) -> Iterator[Flaw]:
    yield from of_content(transmission.content)
    yield from _of_reverse_path(transmission.return_path, "return_path")
    yield from _of_extras(transmission, now)
    yield from of_recipients(transmission.to, as_it_is=transmission.content.email_rfc822 is not UNSET)


def _of_references(transmission: Transmission) -> Iterator[Flaw]:
    content, recipients = transmission.content, transmission.recipients
    if isinstance(recipients, StoredRecipients) and not is_id(recipients.list_id):
        yield Flaw("recipients.list_id", NO_ID)
    if content.template_id is UNSET:
        if content.use_draft_template is not UNSET:
            yield Flaw("content.use_draft_template", "it is said of a template_id")
    elif not is_id(content.template_id):
        yield Flaw("content.template_id", NO_ID)
    elif content != TransmissionContent(template_id=content.template_id, use_draft_template=content.use_draft_template):
        yield Flaw("content.template_id", "it is a whole content: nothing of one stands beside it")


def _of_extras(transmission: Transmission, now: float) -> Iterator[Flaw]:
    if len(transmission.campaign_id.encode()) > CAMPAIGN_OCTETS_MAX:
        yield Flaw("campaign_id", f"it has at most {CAMPAIGN_OCTETS_MAX} octets")
    if not transmission.campaign_id.isprintable():
        yield Flaw("campaign_id", "a line end or a control stands in it")
    yield from of_data(transmission.substitution_data, "substitution_data")
    yield from of_metadata(transmission.metadata, "metadata")
    if transmission.options.start_time is not None:
        yield from _of_time(transmission.options.start_time, now)


def _of_time(text: str, now: float) -> Iterator[Flaw]:
    try:
        if second_of(text) > now + SCHEDULE_SECONDS_MAX:
            yield Flaw("options.start_time", f"it is more than {SCHEDULE_SECONDS_MAX} seconds ahead")
    except (ValueError, OverflowError) as wrong:
        yield Flaw("options.start_time", str(wrong))


def of_content(content: Content) -> Iterator[Flaw]:
    """What is wrong with *content*, but for its templates."""
    inline = ("sender", "subject", "text", "html", "reply_to")
    given = [name for name in inline if getattr(content, name) is not UNSET]
    if content.email_rfc822 is not UNSET:
        if given or content.headers or content.attachments or content.inline_images:
            yield Flaw("content.email_rfc822", "it is a whole message: nothing else stands beside it")
        return
    for name in ("sender", "subject"):
        if name not in given:
            yield Flaw(f"content.{'from' if name == 'sender' else name}", "it is missing")
    if "text" not in given and "html" not in given:
        yield Flaw("content", "it has neither text nor html")
    yield from _of_headers(content.headers)
    yield from _of_attachments(content.attachments)
    yield from _of_images(content.inline_images)
    if content.inline_images and "html" not in given:
        yield Flaw("content.inline_images", "there is no html that could show them")


def _of_attachments(attachments: Sequence[Attachment]) -> Iterator[Flaw]:
    for place, attachment in enumerate(attachments):
        at = f"content.attachments[{place}]"
        if not is_line(attachment.name):
            yield Flaw(f"{at}.name", "a line end or a control stands in it")
        if not is_media_type(attachment.type) or attachment.type.lower().startswith(_OF_NO_FILE):
            yield Flaw(f"{at}.type", "it is no media type of a file: application/pdf, text/csv; charset=utf-8")


def _of_images(images: Sequence[InlineImage]) -> Iterator[Flaw]:
    seen = set[str]()
    for place, image in enumerate(images):
        at = f"content.inline_images[{place}]"
        if not is_content_id(image.name):
            yield Flaw(f"{at}.name", "it cannot stand behind cid: as it is: letters, digits and _ + - . @ between them")
        elif image.name in seen:
            yield Flaw(f"{at}.name", "there are two of that name")
        if not is_media_type(image.type) or not image.type.lower().startswith("image/"):
            yield Flaw(f"{at}.type", "it is no media type of an image: image/png")
        seen.add(image.name)


def _of_headers(headers: Mapping[str, str]) -> Iterator[Flaw]:
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


def of_recipients(recipients: Sequence[Recipient], *, as_it_is: bool) -> Iterator[Flaw]:
    """What is wrong with *recipients*. as_it_is: of a message that is whole."""
    for place, recipient in enumerate(recipients):
        yield from _of_recipient(recipient, f"recipients[{place}]", as_it_is=as_it_is)


def _of_recipient(recipient: Recipient, at: str, *, as_it_is: bool) -> Iterator[Flaw]:
    to = recipient.to
    is_whole = isinstance(recipient.address, Address)
    yield from _of_address(to.email, f"{at}.address.email" if is_whole else f"{at}.address")
    if to.header_to:
        yield from _of_address(to.header_to, f"{at}.address.header_to")
        if as_it_is:
            yield Flaw(f"{at}.address.header_to", "it has no effect on email_rfc822")
    if not is_line(to.name):
        yield Flaw(f"{at}.address.name", "a line end or a control stands in it")
    if recipient.return_path is not UNSET:
        yield from _of_reverse_path(recipient.return_path, f"{at}.return_path")
    yield from of_data(recipient.substitution_data, f"{at}.substitution_data")
    yield from of_metadata(recipient.metadata, f"{at}.metadata")


def _of_reverse_path(text: str, at: str) -> Iterator[Flaw]:
    if text:
        yield from _of_address(text, at)


def _of_address(text: str, at: str) -> Iterator[Flaw]:
    try:
        if not mailbox(text, pedantic=False, international=True).isascii():
            yield Flaw(at, "an address beyond ASCII goes by /api/v1/messages alone, with SMTPUTF8")
    except ValueError as wrong:
        yield Flaw(at, str(wrong))


def of_data(data: Data, at: str) -> Iterator[Flaw]:
    """What is wrong with *data*, which templates are rendered with."""
    if depth_of(data, DATA_DEPTH_MAX) > DATA_DEPTH_MAX:
        yield Flaw(at, f"it is nested more than {DATA_DEPTH_MAX} deep")


def of_metadata(metadata: Data, at: str, octets_max: int = METADATA_OCTETS_MAX) -> Iterator[Flaw]:
    """What is wrong with *metadata*, which are kept and shown."""
    too_deep = list(of_data(metadata, at))
    yield from too_deep
    if not too_deep and len(msgspec.json.encode(metadata)) > octets_max:
        yield Flaw(at, f"it has at most {octets_max} octets as JSON")
