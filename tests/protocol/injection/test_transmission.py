"""Transmissions: the manual's requests make their messages, and what is wrong is told with its field."""

from __future__ import annotations

from base64 import b64encode
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import msgspec
import pytest

from momentum_trio.mail.schedule import SCHEDULE_SECONDS_MAX
from momentum_trio.protocol.injection.flaw import Flaws, depth_of
from momentum_trio.protocol.injection.letter import Letter, Writer, context_of
from momentum_trio.protocol.injection.transmission import (
    FILES_MAX,
    METADATA_OCTETS_MAX,
    RECIPIENTS_MAX,
    Transmission,
    check,
    parse,
    starts_at,
)

NOW = 1_764_000_000.0
PLAIN: dict[str, Any] = {
    "return_path": "sender@a.example",
    "recipients": [{"address": {"email": "rcpt@b.example"}}],
    "content": {"from": "sender@a.example", "subject": "Sending Email", "text": "Welcome!\r\nBye."},
}

PDF = {"name": "a.pdf", "type": "application/pdf", "data": "JVBERg=="}
IMAGE = {"name": "logo", "type": "image/png", "data": "iVBORw=="}
HTML: dict[str, Any] = PLAIN["content"] | {"html": '<img src="cid:logo">'}


def checked(request: Any) -> Transmission:
    transmission = parse(msgspec.json.encode(request))
    check(transmission, NOW)
    return transmission


def letters(request: Any) -> list[Letter]:
    transmission = checked(request)
    writer = Writer(transmission)
    return [writer.letter(recipient) for recipient in transmission.to]


def message(letter: Letter) -> EmailMessage:
    parsed = message_from_bytes(letter.octets, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_the_least_there_is() -> None:
    assert letters(PLAIN) == [
        Letter(
            "sender@a.example",
            "rcpt@b.example",
            b"From: sender@a.example\r\nTo: rcpt@b.example\r\nSubject: Sending Email\r\n"
            b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: 7bit\r\n\r\nWelcome!\r\nBye.\r\n",
        )
    ]


def test_copies_say_whom_they_are_copies_of() -> None:
    # Chapter 52: header_to stands in To, CC in headers; the blind copy names nobody
    to = {"email": "to@b.example"}
    copies = [{"address": {"email": f"{kind}@b.example", "header_to": "to@b.example"}} for kind in ("cc", "bcc")]
    headers = {"CC": "cc@b.example"}
    request = PLAIN | {"recipients": [{"address": to}, *copies], "content": PLAIN["content"] | {"headers": headers}}
    made = letters(request)
    assert [letter.forward_path for letter in made] == ["to@b.example", "cc@b.example", "bcc@b.example"]
    assert {letter.octets for letter in made} == {made[0].octets}
    assert (message(made[0])["To"], message(made[0])["CC"]) == ("to@b.example", "cc@b.example")


def test_each_has_his_own() -> None:
    request = PLAIN | {
        "substitution_data": {"sender": "Möm", "from": "'x' <a@a.example>"},
        "recipients": [
            {"address": {"email": "1@b.example", "name": "Jörg, jr."}, "substitution_data": {"name": "<Jörg>"}},
            {"address": "2@b.example", "return_path": "bounce-2@a.example"},
        ],
        "content": {
            "from": "{{from}}",
            "subject": "{{sender}} an {{name or 'dich'}}",
            "text": "Hallo {{name}}",
            "html": "<p>{{name}}{{{name}}}",
            "reply_to": "Q <q@a.example>, r@a.example",
            "headers": {"X-Long": "w " * 300, "CC": "Änn <c@d.example>", "Date": "Tue, 25 Nov 2025 16:00:00 +0000"},
        },
    }
    first, second = letters(request)
    seen = message(first)
    assert (seen["Subject"], seen["To"]) == ("Möm an <Jörg>", '"Jörg, jr." <1@b.example>')
    assert (seen["Reply-To"], seen["CC"]) == ("Q <q@a.example>, r@a.example", "Änn <c@d.example>")
    assert seen["X-Long"].split() == ["w"] * 300
    assert seen.get_all("Date") == ["Tue, 25 Nov 2025 16:00:00 +0000"]
    text, html = (part.get_content().replace("\r\n", "\n") for part in seen.iter_parts())
    assert (text, html) == ("Hallo <Jörg>\n", "<p>&lt;Jörg&gt;<Jörg>\n")
    assert (second.reverse_path, message(second)["Subject"]) == ("bounce-2@a.example", "Möm an dich")
    assert max(map(len, first.octets.split(b"\r\n"))) <= 78


def test_a_whole_message_goes_as_it_is() -> None:
    [letter] = letters(PLAIN | {"content": {"email_rfc822": "Subject: {{x}}\n\nä\r\n"}})
    assert letter.octets == "Subject: {{x}}\r\n\r\nä\r\n".encode()


def test_files_go_with_what_is_said() -> None:
    """Attachments beside all of it, images beside the HTML that shows them; long names as RFC 2231 has them."""
    data, name = bytes(range(256)) * 5, "Übersicht " + "é" * 100 + ".csv"
    encoded = b64encode(data).decode()
    attachments = [PDF, {"name": name, "type": "text/csv; charset=utf-8", "data": encoded}]
    images = [IMAGE | {"data": encoded}]
    content = HTML | {"text": "{{x}}", "attachments": attachments, "inline_images": images}
    [letter] = letters(PLAIN | {"content": content})
    mixed = message(letter)
    assert [part.get_content_type() for part in mixed.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
        "text/csv",
    ]
    body, pdf, csv = mixed.iter_parts()
    assert (pdf.get_filename(), pdf.get_content_disposition(), pdf.get_payload(decode=True)) == (
        "a.pdf",
        "attachment",
        b"%PDF",
    )
    assert (csv.get_filename(), csv["content-type"].params["charset"], csv.get_payload(decode=True)) == (
        name,
        "utf-8",
        data,
    )
    related = list(body.iter_parts())[1]
    assert related["content-type"].params["type"] == "text/html"
    html, image = related.iter_parts()
    assert html.get_content().strip() == '<img src="cid:logo">'
    assert (image["content-id"], image.get_content_disposition(), image.get_content()) == ("<logo>", "inline", data)
    assert max(map(len, letter.octets.split(b"\r\n"))) <= 78
    assert letters(PLAIN | {"content": content}) == [letter]


@pytest.mark.parametrize(
    ("content", "kinds"),
    [
        ({"text": "a", "attachments": [PDF]}, ["multipart/mixed", "text/plain", "application/pdf"]),
        ({"html": "a", "inline_images": [IMAGE]}, ["multipart/related", "text/html", "image/png"]),
        ({"html": "a", "inline_images": [], "attachments": []}, ["text/html"]),
    ],
)
def test_only_what_is_there_is_wrapped(content: dict[str, Any], kinds: list[str]) -> None:
    [letter] = letters(PLAIN | {"content": {"from": "a@a.example", "subject": "s"} | content})
    assert [part.get_content_type() for part in message(letter).walk()] == kinds


def changed(place: str, value: Any) -> Any:
    """PLAIN with *value* at ``content.subject``."""
    request = msgspec.json.decode(msgspec.json.encode(PLAIN))
    *outer, last = place.split(".")
    inner = request
    for step in outer:
        inner = inner[int(step) if step.isdigit() else step]
    if value == "DELETED":
        del inner[last]
    else:
        inner[int(last) if last.isdigit() else last] = value
    return request


WHOLE: dict[str, Any] = {"email_rfc822": "a: b"}


@pytest.mark.parametrize(
    ("place", "value", "field", "problem"),
    [
        ("return_path", "DELETED", "return_path", "missing"),
        ("return_path", "nobody", "return_path", "domain"),
        ("recipients.0.return_path", "nobody", "recipients[0].return_path", "domain"),
        ("recipients", [], "recipients", "length >= 1"),
        ("recipients", [{"address": "a@b"}] * (RECIPIENTS_MAX + 1), "recipients", f"length <= {RECIPIENTS_MAX}"),
        ("recipients", {"list_id": "../x"}, "recipients.list_id", "an id has"),
        ("recipients", {"list_id": ""}, "recipients.list_id", "length >= 1"),
        ("recipients", {"list_id": "x\n"}, "recipients.list_id", "an id has"),
        ("recipients", {"list_id": "x", "name": "y"}, "recipients.name", "no such field"),
        ("recipients.0", {}, "recipients[0].address", "missing"),
        ("recipients.0.address.email", 3, "recipients[0].address.email", "got `int`"),
        ("recipients.0.address", "b.example", "recipients[0].address", "domain"),
        ("recipients.0.address.email", "a@b\r\nRCPT TO:<c@d>", "recipients[0].address.email", "labels"),
        ("recipients.0.address.email", "é@b.example", "recipients[0].address.email", "SMTPUTF8"),
        ("recipients.0.address.name", "a\r\nBcc: x@y", "recipients[0].address.name", "line end"),
        ("recipients.0.address.header_to", "x", "recipients[0].address.header_to", "domain"),
        ("recipients.0.tags", ["t"] * 11, "recipients[0].tags", "length <= 10"),
        ("recipients.0.metadata", {"a": "b" * METADATA_OCTETS_MAX}, "recipients[0].metadata", "200 octets"),
        ("content.subject", "a\nBcc: x@y", "content.subject", "line end"),
        ("content.subject", "DELETED", "content.subject", "missing"),
        ("content.text", "DELETED", "content", "neither text nor html"),
        ("content.text", "{{if", "content.text", "at character 5"),
        ("content.from", "a@b, c@d", "content.from", "one mailbox"),
        ("content.from", "nobody", "content.from", "domain"),
        ("content.headers", {"X-A": "a\r\nBcc: x@y"}, "content.headers.X-A", "line end"),
        ("content.headers", {"X A": "a"}, "content.headers.X A", "that name"),
        ("content.headers", {"bCC": "x@y"}, "content.headers.bCC", "other parts"),
        ("content.headers", {"Content-Type": "x"}, "content.headers.Content-Type", "other parts"),
        ("content.headers", {"X-A": "a", "x-a": "b"}, "content.headers.x-a", "twice"),
        ("content.headers", {"CC": "undisclosed"}, "content.headers.CC", "domain"),
        ("content.email_rfc822", "a: b", "content.email_rfc822", "whole message"),
        ("content.template_id", "x", "content.template_id", "nothing of one stands beside it"),
        ("content", {"template_id": ".."}, "content.template_id", "an id has"),
        ("content", {"template_id": "x" * 65}, "content.template_id", "length <= 64"),
        ("content", {"template_id": "x", "headers": {"a": "b"}}, "content.template_id", "nothing of one stands"),
        ("content.use_draft_template", False, "content.use_draft_template", "said of a template_id"),
        ("content.attachments", [PDF | {"name": "a\r\nBcc: x@y"}], "content.attachments[0].name", "line end"),
        ("content.attachments", [PDF | {"name": ""}], "content.attachments[0].name", "length >= 1"),
        ("content.attachments", [PDF | {"type": "pdf"}], "content.attachments[0].type", "no media type"),
        ("content.attachments", [PDF | {"type": "a/b\r\nBcc: x"}], "content.attachments[0].type", "no media type"),
        ("content.attachments", [PDF | {"type": "Message/rfc822"}], "content.attachments[0].type", "no media type"),
        ("content.attachments", [PDF, PDF | {"data": "a"}], "content.attachments[1].data", "base64"),
        ("content.attachments", [PDF] * (FILES_MAX + 1), "content.attachments", f"length <= {FILES_MAX}"),
        ("content.inline_images", [IMAGE], "content.inline_images", "no html"),
        ("content", HTML | {"inline_images": [IMAGE, IMAGE]}, "content.inline_images[1].name", "two of that name"),
        ("content", HTML | {"inline_images": [IMAGE | {"name": "a b"}]}, "content.inline_images[0].name", "cid:"),
        ("content", HTML | {"inline_images": [IMAGE | {"type": "a/b"}]}, "content.inline_images[0].type", "image"),
        ("content", WHOLE | {"attachments": [PDF]}, "content.email_rfc822", "whole message"),
        ("options", {"start_time": "2027-11-24T16:00:01Z"}, "options.start_time", "31536000 seconds"),
        ("options", {"start_time": "2025-11-24T16:00:00"}, "options.start_time", "offset from UTC"),
        ("campaign_id", "é" * 33, "campaign_id", "64 octets"),
        ("substitution_data", {"a": msgspec.json.decode("[" * 32 + "]" * 32)}, "substitution_data", "32 deep"),
    ],
)  # fmt: skip
def test_the_field_that_is_wrong_is_told(place: str, value: Any, field: str, problem: str) -> None:
    with pytest.raises(Flaws) as wrong:
        letters(changed(place, value))
    assert [flaw.field for flaw in wrong.value.flaws] == [field]
    assert problem in wrong.value.flaws[0].problem


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"return_path":"\xff"}', "UTF-8"),
        (b'{"metadata":' + b'{"a":' * 3000, "nested too deeply"),
        (b'{"recipients":NaN}', "malformed"),
    ],
)
def test_what_is_no_request(octets: bytes, problem: str) -> None:
    with pytest.raises(Flaws, match=problem):
        parse(octets)


def test_what_can_just_be_read_is_too_deep() -> None:
    """Where reading it takes all the depth there is, writing it would take more."""
    before, after = msgspec.json.encode(PLAIN)[:-1] + b',"metadata":{"a":', b"}}"
    for depth in range(900, 1000):
        with pytest.raises(Flaws, match="nested"):
            check(parse(before + b"[" * depth + b"]" * depth + after), NOW)


def test_times() -> None:
    for text, at in (("2026-11-24T17:00:00+01:00", NOW + SCHEDULE_SECONDS_MAX), ("2020-01-01T00:00:00Z", 0.0)):
        transmission = checked(PLAIN | {"options": {"start_time": text}})
        assert starts_at(transmission, NOW) == at


def test_what_is_remembered_with_the_message() -> None:
    extras = {"campaign_id": "c", "metadata": {"a": 1, "b": 2}, "options": {"open_tracking": True}}
    own = {"address": "a@b.example", "metadata": {"b": 3}, "tags": ["t"]}
    transmission = checked(PLAIN | extras | {"recipients": [own]})
    assert dict(context_of(transmission, "17", transmission.to[0])) == {
        "transmission_id": "17",
        "campaign_id": "c",
        "metadata": '{"a": 1, "b": 3}',
        "tags": '["t"]',
    }
    assert transmission.warnings == ("options.open_tracking: this host tracks nothing",)


@pytest.mark.parametrize(("value", "depth"), [(1, 0), ([], 1), ({"a": [1]}, 2), ([[], [[[[]]]]], 4)])
def test_depth(value: Any, depth: int) -> None:
    assert depth_of(value, 3) == depth
