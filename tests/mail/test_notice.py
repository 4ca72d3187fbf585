"""Notifications as the standard library's email package reads them (RFC 3464, RFC 6522, RFC 3461 section 6)."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.notice import (
    FIELD_OCTETS_MAX,
    LISTED_MAX,
    Action,
    Fate,
    Notice,
    Returned,
    quoted_printable,
    render,
    returnable,
    status_of,
    typed_address,
)
from momentum_trio.mail.strategies import expected, notices, read_back

BOB = Fate("bob@example.net", "", "550 5.1.1 user unknown", "mx.example.net", 1_700_000_100.0)
FAILED = Notice(
    action=Action.FAILED,
    host="mail.example",
    author="mailer-daemon@mail.example",
    sender="ann@client.example",
    message_id="00.00.1@mail.example",
    secret="0123456789abcdef",
    at=1_700_000_200.0,
    arrived_at=1_700_000_000.0,
    envelope_id="",
    fates=(BOB,),
)
HEADER = b"From: ann@client.example\r\nSubject: hello\r\n"
CONTENT = HEADER + b"\r\nhello\r\n"


def parts(notice: Notice) -> tuple[Message, list[Message]]:
    message = message_from_bytes(render(notice))
    payload = message.get_payload()
    assert isinstance(payload, list)
    return message, payload  # type: ignore[return-value]


def status_fields(notice: Notice) -> list[dict[str, str]]:
    """The groups of fields of the part for programs."""
    return [dict(block.items()) for block in parts(notice)[1][1].get_payload()]  # type: ignore[union-attr]


def test_the_whole_of_one() -> None:
    notice = replace(FAILED, envelope_id="QQ 314", returned=Returned.HEADERS, original=HEADER)
    assert render(notice).decode() == WHOLE


WHOLE = """\
From: Mail Delivery System <mailer-daemon@mail.example>
To: <ann@client.example>
Subject: Your message could not be delivered
Date: Tue, 14 Nov 2023 22:16:40 +0000
Message-ID: <00.00.1@mail.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="0123456789abcdef=_report"

--0123456789abcdef=_report
Content-Type: text/plain; charset=us-ascii

This is the mail system at mail.example.

Your message could not be delivered to:

  <bob@example.net>
      mx.example.net said: 550 5.1.1 user unknown

It has been given up: nothing more will be tried.

The message came in on Tue, 14 Nov 2023 22:13:20 +0000.
Its header section is the last part of this one.

--0123456789abcdef=_report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example
Original-Envelope-Id: QQ 314
Arrival-Date: Tue, 14 Nov 2023 22:13:20 +0000

Final-Recipient: rfc822;bob@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 5.1.1 user unknown
Last-Attempt-Date: Tue, 14 Nov 2023 22:15:00 +0000

--0123456789abcdef=_report
Content-Type: text/rfc822-headers

From: ann@client.example
Subject: hello

--0123456789abcdef=_report--
""".replace("\n", "\r\n")


def test_its_own_header_section() -> None:
    message, (text, status) = parts(FAILED)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"  # RFC 3834 section 5
    assert message["To"] == "<ann@client.example>"
    assert parsedate_to_datetime(message["Date"]).timestamp() == FAILED.at
    assert [text.get_content_type(), status.get_content_type()] == ["text/plain", "message/delivery-status"]
    assert not message.defects


@pytest.mark.parametrize(
    ("action", "changes", "fields"),
    [
        # RFC 3464 section 2.3: what each kind says of its recipient
        (Action.FAILED, {}, {"Action": "failed", "Status": "5.1.1"}),
        (
            Action.DELAYED,
            {"reason": "450 4.2.2 full"},
            {"Action": "delayed", "Status": "4.2.2", "Will-Retry-Until": "Wed, 15 Nov 2023 22:13:20 +0000"},
        ),
        (Action.DELIVERED, {"reason": "250 2.0.0 ok"}, {"Action": "delivered", "Status": "2.0.0"}),
        (Action.RELAYED, {"reason": ""}, {"Action": "relayed", "Status": "2.0.0", "Diagnostic-Code": None}),
        # section 2.3.1, RFC 3461 section 6.3
        (
            Action.FAILED,
            {"original_recipient": "rfc822;Bob@list.example"},
            {"Original-Recipient": "rfc822;Bob@list.example", "Final-Recipient": "rfc822;bob@example.net"},
        ),
        # section 2.3.5: an address for a name
        (Action.FAILED, {"remote": "192.0.2.1"}, {"Remote-MTA": "dns; [192.0.2.1]"}),
        (Action.FAILED, {"remote": "2001:db8::1"}, {"Remote-MTA": "dns; [2001:db8::1]"}),
        (Action.FAILED, {"remote": ""}, {"Remote-MTA": None}),
        # section 2.3.6: smtp is for what an SMTP server said
        (
            Action.FAILED,
            {"reason": "554 5.4.7 [internal] exceeded max time without delivery", "remote": ""},
            {
                "Status": "5.4.7",
                "Diagnostic-Code": "X-Momentum-Trio; 554 5.4.7 [internal] exceeded max time without delivery",
            },
        ),
        # nobody writes fields but us
        (
            Action.FAILED,
            {"reason": "550 no\r\nX-Evil: 1", "remote": "a\nb"},
            {"Diagnostic-Code": "smtp; 550 no??X-Evil: 1", "Remote-MTA": "dns; a?b", "X-Evil": None},
        ),
    ],
)
def test_fields_of_a_recipient(action: Action, changes: dict[str, str], fields: dict[str, str | None]) -> None:
    fate = replace(BOB, **changes)  # type: ignore[arg-type]
    notice = replace(FAILED, action=action, fates=(fate,), retry_until=1_700_086_400.0)
    _, found = status_fields(notice)
    assert {name: found.get(name) for name in fields} == fields


def test_several_recipients_in_one() -> None:
    fates = tuple(replace(BOB, forward_path=f"{n}@example.net") for n in range(LISTED_MAX + 2))
    notice = replace(FAILED, fates=fates)
    _, *of_recipients = status_fields(notice)
    assert [fields["Final-Recipient"] for fields in of_recipients] == [f"rfc822;{fate.forward_path}" for fate in fates]
    text = str(parts(notice)[1][0].get_payload())
    assert text.count("@example.net>") == LISTED_MAX
    assert "and 2 more, whom the report below names." in text


@pytest.mark.parametrize(
    ("reason", "action", "status"),
    [
        ("550 5.1.1 user unknown", Action.FAILED, "5.1.1"),
        ("550-5.1.1 user unknown", Action.FAILED, "5.1.1"),
        ("552 5.2.2", Action.FAILED, "5.2.2"),
        ("550 user unknown", Action.FAILED, "5.0.0"),
        ("550", Action.FAILED, "5.0.0"),
        ("451 4.4.1 [internal] No valid hosts", Action.DELAYED, "4.4.1"),
        ("4.7.5 [internal] SSL cert must be signed by a valid CA", Action.DELAYED, "4.7.5"),
        ("550 4.1.1 which?", Action.FAILED, "5.0.0"),  # RFC 2034 section 4: the classes agree
        ("550 5.1.1111 no code", Action.FAILED, "5.0.0"),
        ("550 5.1.1.1 an address", Action.FAILED, "5.0.0"),
        ("5501 5.1.1", Action.FAILED, "5.0.0"),
        ("354 go on", Action.FAILED, "5.0.0"),
        ("", Action.DELAYED, "4.0.0"),
        ("", Action.RELAYED, "2.0.0"),
        ("no reply at all", Action.FAILED, "5.0.0"),
    ],
)
def test_status(reason: str, action: Action, status: str) -> None:
    assert status_of(reason, action) == status


@pytest.mark.parametrize(
    ("path", "typed"),
    [
        ("bob@example.net", "rfc822;bob@example.net"),
        ('"b b"@example.net', 'rfc822;"b b"@example.net'),
        # RFC 6533 section 3: the 7-bit form
        ("b\u00fcb@example.net", r"utf-8;b\x{FC}b@example.net"),
        ("a+b\\\u5b57@x", r"utf-8;a\x{2B}b\x{5C}\x{5B57}@x"),
    ],
)
def test_addresses(path: str, typed: str) -> None:
    assert typed_address(path) == typed


def test_a_sender_who_is_not_ascii_is_not_in_the_fields() -> None:
    message, _ = parts(replace(FAILED, sender="\u00e4nn@client.example"))
    assert message["To"] == "undisclosed-recipients:;"


# The original


def test_the_whole_message_comes_back() -> None:
    _, returned = _original(replace(FAILED, returned=Returned.ALL, original=CONTENT))
    assert returned.get_content_type() == "message/rfc822"
    assert returned["Content-Transfer-Encoding"] is None
    inner = returned.get_payload(0)
    assert isinstance(inner, Message)
    assert (inner["Subject"], inner.get_payload()) == ("hello", "hello\r\n")


def test_eight_bit_content_says_so_on_both_levels() -> None:
    message, returned = _original(replace(FAILED, returned=Returned.ALL, original=HEADER + b"\r\n\xc3\xa4\r\n"))
    assert message["Content-Transfer-Encoding"] == returned["Content-Transfer-Encoding"] == "8bit"
    assert render(replace(FAILED, returned=Returned.ALL, original=HEADER + b"\r\n\xc3\xa4\r\n")).count(b"\xc3") == 1


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: \xc3\xa4\r\n",
        b"Subject: " + b"x" * 2000 + b"\r\n",
        b"Subject: a = b \r\n",
        b"Subject: \xff" + b"\xfe=" * 60 + b" \r\n\t\r\n",
        b"Subject: x\r\nX: a\nb\rc\r\n",
    ],
)
def test_a_header_section_that_no_line_can_hold_is_encoded(header: bytes) -> None:
    octets = render(replace(FAILED, returned=Returned.HEADERS, original=header))
    assert octets.isascii()
    _, returned = _original(replace(FAILED, returned=Returned.HEADERS, original=header))
    assert returned.get_payload(decode=True) == header


def _original(notice: Notice) -> tuple[Message, Message]:
    message, (*_, returned) = parts(notice)
    return message, returned


@pytest.mark.parametrize(
    ("content", "may_be_whole"),
    [
        (CONTENT, True),
        (HEADER + b"\r\n\xff\r\n", True),
        (HEADER + b"\r\n" + b"x" * 998 + b"\r\n", True),
        (HEADER + b"\r\n" + b"x" * 999 + b"\r\n", False),
        (HEADER + b"\r\na\nb\r\n", False),
        (HEADER + b"\r\na\rb\r\n", False),
        (HEADER + b"\r\na\0b\r\n", False),
        (HEADER + b"\r\na", True),  # the line end behind it is ours
        (b"Subject: \xff\r\n\r\na\r\n", False),
    ],
)
def test_what_can_be_returned_whole(content: bytes, may_be_whole: bool) -> None:
    assert returnable(content, content.index(b"\r\n\r\n") + 2) is may_be_whole


def test_content_cannot_end_its_part() -> None:
    forged = CONTENT + b"--0123456789abcdef=_report--\r\n--0123456789abcdef=_report0\r\n"
    message, returned = _original(replace(FAILED, returned=Returned.ALL, original=forged))
    assert message.get_boundary() == "0123456789abcdef=_report1"
    inner = returned.get_payload(0)
    assert isinstance(inner, Message)
    assert inner.get_payload() == "hello\r\n--0123456789abcdef=_report--\r\n--0123456789abcdef=_report0\r\n"


@given(st.binary(max_size=300) | st.text(" =\t\r\nab\u00e4", max_size=300).map(str.encode))
def test_quoted_printable(octets: bytes) -> None:
    encoded = quoted_printable(octets)
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert not any(line.endswith((b" ", b"\t")) for line in encoded.split(b"\r\n"))
    decoded = message_from_bytes(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded)
    assert decoded.get_payload(decode=True) == octets


@given(notices())
def test_whatever_it_is_about_it_can_be_read_back(notice: Notice) -> None:
    octets = render(notice)
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    assert octets.isascii() or notice.returned is Returned.ALL
    assert read_back(octets) == expected(notice)


def test_a_field_is_bounded() -> None:
    notice = replace(FAILED, fates=(replace(BOB, reason="550 " + "x" * 5000, remote="y" * 5000),))
    _, fields = status_fields(notice)
    assert len(fields["Diagnostic-Code"]) == FIELD_OCTETS_MAX + len("smtp; ")
