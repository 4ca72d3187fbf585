"""A request to inject is refused, with the field that is wrong, or makes messages of what it says, and no more.

So does one to store a template or a list; what is stored is what was said, and can be shown.
"""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Final

import msgspec
from hypothesis import strategies as st
from msgspec import UNSET

from momentum_trio.protocol.injection import raw, stored_list, stored_template
from momentum_trio.protocol.injection.flaw import FLAWS_MAX, Flaws
from momentum_trio.protocol.injection.letter import Letter, Writer
from momentum_trio.protocol.injection.strategies import octets as requests
from momentum_trio.protocol.injection.strategies import stored_octets
from momentum_trio.protocol.injection.transmission import (
    Attachment,
    Content,
    InlineImage,
    Recipient,
    StoredRecipients,
    Transmission,
    check,
    parse,
)

NOW: Final = 1_764_000_000.0
EACH: Final = ("from", "to", "subject", "mime-version", "content-type")


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: requests, good and nearly good."""
    return requests | stored_octets


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    try:
        raw.parse(octets)
    except Flaws as flaws:
        _judge(flaws)
    _store(octets)
    try:
        transmission = parse(octets)
        if transmission.content.template_id is not UNSET or isinstance(transmission.recipients, StoredRecipients):
            return
        check(transmission, NOW)
        writer = Writer(transmission)
    except Flaws as flaws:
        _judge(flaws)
        return
    for recipient in transmission.to:
        try:
            letter = writer.letter(recipient)
        except Flaws as flaws:
            _judge(flaws)
        else:
            _judge_letter(letter, transmission)


def _store(octets: bytes) -> None:
    try:
        template = stored_template.parse_new(octets)
    except Flaws as flaws:
        _judge(flaws)
    else:
        assert msgspec.json.decode(msgspec.json.encode(template.content), type=Content) == template.content
        try:
            stored_template.shown(template.content, {})
        except Flaws as flaws:
            _judge(flaws)
    try:
        recipients = stored_list.parse_new(octets).recipients
    except Flaws as flaws:
        _judge(flaws)
    else:
        assert msgspec.json.decode(msgspec.json.encode(recipients), type=list[Recipient]) == recipients


def _judge(flaws: Flaws) -> None:
    assert 0 < len(flaws.flaws) <= FLAWS_MAX
    assert all(flaw.problem for flaw in flaws.flaws)


def _judge_letter(letter: Letter, transmission: Transmission) -> None:
    content = transmission.content
    if content.email_rfc822 is not UNSET:
        assert letter.octets.count(b"\n") == letter.octets.count(b"\r") == letter.octets.count(b"\r\n")
        return
    assert letter.octets.isascii()
    assert letter.octets.count(b"\n") == letter.octets.count(b"\r") == letter.octets.count(b"\r\n")
    assert max(map(len, letter.octets.split(b"\r\n"))) <= 998
    message = message_from_bytes(letter.octets, policy=default)
    assert isinstance(message, EmailMessage)
    wanted = {*EACH, *(name.lower() for name in content.headers)}
    wanted |= {"reply-to"} if content.reply_to is not UNSET else set()
    is_one = content.text is UNSET or content.html is UNSET
    wanted |= (
        {"content-transfer-encoding"} if is_one and not content.inline_images and not content.attachments else set()
    )
    names = [name.lower() for name in message]
    assert set(names) == wanted
    parts = [part for part in message.walk() if not part.is_multipart()]
    files: list[InlineImage | Attachment] = [*content.inline_images, *content.attachments]
    said, told = parts[: len(parts) - len(files)], parts[len(parts) - len(files) :]
    assert said[-1].get_content_type() == ("text/plain" if content.html is UNSET else "text/html")
    for file, part in zip(files, told, strict=True):
        assert isinstance(part, EmailMessage)
        assert part.get_payload(decode=True) == file.data
        assert part["content-type"].content_type == file.type.partition(";")[0].strip().lower()
        if isinstance(file, Attachment):
            assert part.get_filename() == file.name.strip()  # which is all that this reader tells
        else:
            assert part["content-id"] == f"<{file.name}>"
