"""``POST /api/v1/messages`` as JSON: whole messages, each with its envelope."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from momentum_trio.mail.mime.composition import with_crlf
from momentum_trio.protocol.injection.flaw import Flaw, judge, read
from momentum_trio.protocol.injection.kinds import Base64, Email, EmailOrNothing, MailParameters, RcptParameters

MESSAGES_MAX: Final = 1_000
RECIPIENTS_MAX: Final = 10_000

Text = Annotated[str, Meta(extra_json_schema={"pattern": "^[!-9;-~]+:"})]


class RawRecipient(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One recipient. parameters: of RCPT, as SMTP writes them: ``NOTIFY=NEVER``."""

    email: Email
    parameters: RcptParameters = ""


class RawMessage(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One message. return_path: empty for the null reverse-path. parameters: of MAIL, as SMTP writes them.

    content: its text, any line ends. content_base64: its octets instead, which stay as they are.
    """

    return_path: EmailOrNothing
    recipients: Annotated[list[RawRecipient | Email], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    content: Text | UnsetType = UNSET
    content_base64: Base64 | UnsetType = UNSET
    parameters: MailParameters = ""

    @property
    def octets(self) -> bytes:
        """The content, as it is taken."""
        if self.content_base64 is not UNSET:
            return self.content_base64
        assert self.content is not UNSET
        return with_crlf(self.content).encode()

    @property
    def to(self) -> list[RawRecipient]:
        """Its recipients, each whole."""
        return [each if isinstance(each, RawRecipient) else RawRecipient(each) for each in self.recipients]


ONE_CONTENT: Final = Meta(extra_json_schema={"oneOf": [{"required": ["content"]}, {"required": ["content_base64"]}]})


class RawMessages(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One request: the messages, which fare each by itself."""

    messages: Annotated[list[Annotated[RawMessage, ONE_CONTENT]], Meta(min_length=1, max_length=MESSAGES_MAX)]


def parse(octets: bytes) -> RawMessages:
    """The request in *octets* of JSON. Envelopes are judged where the mail is taken. Raises Flaws."""
    request = read(octets, RawMessages)
    judge(_flaws(request))
    return request


def _flaws(request: RawMessages) -> Iterator[Flaw]:
    for place, message in enumerate(request.messages):
        if (message.content is UNSET) is (message.content_base64 is UNSET):
            yield Flaw(f"messages[{place}].content", "there is either content or content_base64")
