"""Delivery status notifications as octets: a multipart/report (RFC 6522) with a text for people, a message/delivery-
status for programs (RFC 3464), and the message it is about or its header section (RFC 3461 section 6).

Everything that comes from outside (addresses, replies) stands on one line of printable ASCII, at most FIELD_OCTETS_MAX
of it, whatever it held: nobody writes a header field or a part of ours. Addresses that are not ASCII stand in the
7-bit form of RFC 6533 section 3. Every line of the result ends with CRLF and has at most 998 octets; only the returned
message may hold octets above 127.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from typing import Final

from momentum_trio.mail.date import date_text

FIELD_OCTETS_MAX: Final = 900
LISTED_MAX: Final = 50
"""Recipients named in the text for people; the part for programs names all."""

WIDTH: Final = 72  # of the text for people
_INDENT: Final = "      "

INTERNAL: Final = "[internal]"  # in a reason: the words are this host's own (spec/logs.md section 9)

_NOT_PLAIN = re.compile(r"[^ -~]")
_NOT_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")  # RFC 6533 section 3
_NOT_QUOTED_PRINTABLE = re.compile(rb"[^\t -<>-~]|[\t ]\Z")
_QUOTED_LINE_OCTETS_MAX = 76  # RFC 2045 section 6.7 (5)
_CODES = re.compile(r"(?:([245])[0-9]{2}(?![0-9])[ -]?)?(?:([245])(\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.]))?")


class Action(Enum):
    """What a notification says of its recipients (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


class Returned(Enum):
    """What the original in a notification is."""

    NOTHING = "nothing"
    HEADERS = "headers"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient.

    original_recipient: of ORCPT, decoded, or empty. reason: the last reply, or ours with ``[internal]`` in it.
    remote: name or address of the host that said it; empty when nobody did. at: of the last attempt, Unix seconds.
    """

    forward_path: str
    original_recipient: str
    reason: str
    remote: str
    at: float
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Notice:
    """All that a notification is made from. Times are Unix seconds.

    host: what this host calls itself. author: mailbox of the From field. sender: whom it goes to.
    message_id: without brackets. secret: letters and digits nobody can guess, for the boundary.
    retry_until: of DELAYED. original: the content that is returned, or its header section; see ``returnable``.
    """

    action: Action
    host: str
    author: str
    sender: str
    message_id: str
    secret: str
    at: float
    arrived_at: float
    envelope_id: str
    fates: tuple[Fate, ...]
    retry_until: float = 0.0
    returned: Returned = Returned.NOTHING
    original: bytes = b""


@dataclass(frozen=True, slots=True)
class _Words:
    status: str  # class of the code where the reason has none
    subject: str
    before: str
    after: str


_WORDS: Final = {
    Action.FAILED: _Words(
        "5",
        "Your message could not be delivered",
        "Your message could not be delivered to:",
        "It has been given up: nothing more will be tried.",
    ),
    Action.DELAYED: _Words(
        "4",
        "Your message is delayed",
        "Your message has not been delivered yet to:",
        "You need not send it again. It will be tried until {until}; you will be told if it fails.",
    ),
    Action.DELIVERED: _Words(
        "2",
        "Your message was delivered",
        "Your message was delivered to:",
        "You asked to be told.",
    ),
    Action.RELAYED: _Words(
        "2",
        "Your message was handed on",
        "Your message was handed to the next host on its way to:",
        "That host promises no reports of its own: you may hear no more of it.",
    ),
}


def render(notice: Notice) -> bytes:
    """The whole message."""
    boundary = _boundary(notice)
    mark = f"--{boundary}\r\n"
    octets = "".join(
        (
            _header(notice, boundary),
            mark,
            "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
            _text(notice),
            "\r\n",
            mark,
            "Content-Type: message/delivery-status\r\n\r\n",
            _status(notice),
            "\r\n",
            mark if notice.returned is not Returned.NOTHING else "",
        )
    ).encode("ascii")
    return b"".join((octets, *_original(notice), f"--{boundary}--\r\n".encode("ascii")))


def returnable(content: bytes, header_octets: int) -> bool:
    """Whether *content*, with a header section of *header_octets*, can be returned whole, as message/rfc822.

    Its lines must have the length and the ends that any host takes, and its header section must be ASCII: otherwise
    only that section is returned, encoded.
    """
    return content[:header_octets].isascii() and _has_lines(content)


def _has_lines(octets: bytes) -> bool:
    """Whether *octets* are lines of at most 998 octets, with CRLF between them and no CR, LF or NUL inside."""
    lines = octets.split(b"\r\n")
    ends = len(lines) - 1
    return (
        octets.count(b"\n") == octets.count(b"\r") == ends and b"\0" not in octets and len(max(lines, key=len)) <= 998
    )


def status_of(reason: str, action: Action) -> str:
    """The status code of a *reason* (RFC 3464 section 2.3.4): its enhanced code, or the class of its basic code.

    An enhanced code that contradicts the basic one is none. Without either the *action* tells the class.
    """
    match = _CODES.match(reason)
    assert match is not None  # it may be empty
    basic, enhanced, rest = match.groups()
    if enhanced and basic in (None, enhanced):
        return f"{enhanced}{rest}"
    return f"{basic or _WORDS[action].status}.0.0"


def plain(text: str, octets_max: int = FIELD_OCTETS_MAX) -> str:
    """*text* as it may stand in a line of ours."""
    return _NOT_PLAIN.sub("?", text[:octets_max])


def typed_address(path: str) -> str:
    """*path* as a field of a delivery status has it: ``rfc822;bob@example.com`` (RFC 3464 section 2.3.2)."""
    if path.isascii():
        return f"rfc822;{plain(path)}"
    escaped = _NOT_QCHAR.sub(lambda match: f"\\x{{{ord(match[0]):X}}}", path)
    return f"utf-8;{plain(escaped)}"


def _header(notice: Notice, boundary: str) -> str:
    # A sender that is not ASCII has no place in an ASCII field: the envelope knows him.
    to = f"<{plain(notice.sender)}>" if notice.sender.isascii() else "undisclosed-recipients:;"
    eight_bit = "" if notice.returned is not Returned.ALL or notice.original.isascii() else "8bit"
    return (
        f"From: Mail Delivery System <{plain(notice.author)}>\r\n"
        f"To: {to}\r\n"
        f"Subject: {_WORDS[notice.action].subject}\r\n"
        f"Date: {date_text(int(notice.at))}\r\n"
        f"Message-ID: <{plain(notice.message_id)}>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
        f'\tboundary="{boundary}"\r\n' + (f"Content-Transfer-Encoding: {eight_bit}\r\n" if eight_bit else "") + "\r\n"
    )


def _text(notice: Notice) -> str:
    words = _WORDS[notice.action]
    until = date_text(int(notice.retry_until))
    lines = [f"This is the mail system at {plain(notice.host)}.", "", words.before, ""]
    for fate in notice.fates[:LISTED_MAX]:
        lines += _told(fate)
    if (unnamed := len(notice.fates) - LISTED_MAX) > 0:
        lines += [f"and {unnamed} more, whom the report below names.", ""]
    lines += textwrap.wrap(words.after.format(until=until), WIDTH)
    lines += ["", f"The message came in on {date_text(int(notice.arrived_at))}."]
    if notice.returned is not Returned.NOTHING:
        what = "Your message" if notice.returned is Returned.ALL else "Its header section"
        lines.append(f"{what} is the last part of this one.")
    return "".join(f"{line}\r\n" for line in lines)


def _told(fate: Fate) -> Iterator[str]:
    """What people read of one recipient."""
    yield f"  <{plain(fate.forward_path)}>"
    said = plain(fate.reason)
    if fate.remote:
        said = f"{plain(fate.remote)} said: {said}"
    if fate.attempts > 1:
        said = f"{said} (attempt {fate.attempts})"
    yield from textwrap.wrap(said, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_long_words=False)
    yield ""


def _status(notice: Notice) -> str:
    fields = [f"Reporting-MTA: dns; {plain(notice.host)}"]
    if notice.envelope_id:
        fields.append(f"Original-Envelope-Id: {plain(notice.envelope_id)}")
    fields += [f"Arrival-Date: {date_text(int(notice.arrived_at))}", ""]
    for fate in notice.fates:
        fields += _fields_of(fate, notice)
    return "".join(f"{line}\r\n" for line in fields[:-1])


def _fields_of(fate: Fate, notice: Notice) -> Iterator[str]:
    """The fields about one recipient, and the empty line behind them (RFC 3464 section 2.3)."""
    if fate.original_recipient:
        yield f"Original-Recipient: {plain(fate.original_recipient)}"
    yield f"Final-Recipient: {typed_address(fate.forward_path)}"
    yield f"Action: {notice.action.value}"
    yield f"Status: {status_of(fate.reason, notice.action)}"
    if fate.remote:
        yield f"Remote-MTA: dns; {_mta(fate.remote)}"
    if fate.reason:
        yield f"Diagnostic-Code: {'X-Momentum-Trio' if INTERNAL in fate.reason else 'smtp'}; {plain(fate.reason)}"
    yield f"Last-Attempt-Date: {date_text(int(fate.at))}"
    if notice.action is Action.DELAYED:
        yield f"Will-Retry-Until: {date_text(int(notice.retry_until))}"
    yield ""


def _mta(remote: str) -> str:
    """A host as an MTA name: an address in brackets (RFC 3464 section 2.3.5)."""
    try:
        return f"[{ip_address(remote)}]"
    except ValueError:
        return plain(remote)


def _original(notice: Notice) -> Iterator[bytes]:
    """The part that returns the message, and the line end behind it."""
    octets = notice.original
    if notice.returned is Returned.ALL:
        encoding = b"" if octets.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
        yield from (b"Content-Type: message/rfc822\r\n", encoding, b"\r\n", octets, b"\r\n")
    elif notice.returned is Returned.HEADERS:
        yield b"Content-Type: text/rfc822-headers\r\n"
        if octets.isascii() and _has_lines(octets):
            yield from (b"\r\n", octets, b"\r\n")
        else:
            yield from (b"Content-Transfer-Encoding: quoted-printable\r\n\r\n", quoted_printable(octets), b"\r\n")


def quoted_printable(octets: bytes) -> bytes:
    """*octets*, lines that end with CRLF, in quoted-printable (RFC 2045 section 6.7)."""
    return b"\r\n".join(b"=\r\n".join(_encoded(line)) for line in octets.split(b"\r\n"))


def _encoded(line: bytes) -> Iterator[bytes]:
    """*line* in pieces between which a soft line break stands; none of them cuts an escape."""
    rest = _NOT_QUOTED_PRINTABLE.sub(lambda match: b"=%02X" % match[0][0], line)
    while len(rest) > _QUOTED_LINE_OCTETS_MAX:
        escape = rest.rfind(b"=", _QUOTED_LINE_OCTETS_MAX - 3, _QUOTED_LINE_OCTETS_MAX - 1)
        cut = escape if escape >= 0 else _QUOTED_LINE_OCTETS_MAX - 1
        yield rest[:cut]
        rest = rest[cut:]
    yield rest


def _boundary(notice: Notice) -> str:
    """A boundary that no line of the original begins with (RFC 2046 section 5.1.1)."""
    boundary, count = f"{notice.secret}=_report", 0
    while f"--{boundary}".encode("ascii") in notice.original:
        boundary, count = f"{notice.secret}=_report{count}", count + 1
    return boundary
