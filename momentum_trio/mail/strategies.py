"""Strategies for notifications, and what the standard library's email package reads of one.

For tests, fuzzing and simulation only: this file imports hypothesis.
"""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.notice import Action, Fate, Notice, Returned, plain, returnable, status_of, typed_address

_SECOND_MAX: Final = 4_000_000_000

texts = st.text(st.sampled_from('ab5 .:;<>@()"\\\r\n\t\0=-_\u00e4\u5b57\U0001f600') | st.characters(), max_size=60)
addresses = st.sampled_from(["bob@example.net", '"a b"@c', "b\u00fcb@x", "a@[192.0.2.1]", "", "a>b@c\r\nX: y"]) | texts
reasons = (
    st.sampled_from(["550 5.1.1 no", "450 x", "554 5.4.7 [internal] expired", "", "4.7.5 [internal] SSL", "250 ok"])
    | texts
    | st.text(max_size=5000)
)
seconds = st.integers(0, _SECOND_MAX).map(float)
fates = st.builds(Fate, addresses, texts, reasons, texts | st.ip_addresses().map(str), seconds, st.integers(1, 100))
headers = st.lists(
    st.sampled_from([b"Subject: x\r\n", b"X: \xc3\xa4\r\n", b"A: " + b"x" * 1000 + b"\r\n", b"B: a\nb\r\n"]), min_size=1
).map(b"".join)
bodies = st.binary(max_size=200) | st.lists(
    st.sampled_from([b"hello\r\n", b"--0=_report\r\n", b"--0=_report--\r\n", b"\xff\r\n", b".\r\n", b"\n", b"x" * 999])
).map(b"".join)


def notices() -> st.SearchStrategy[Notice]:
    """Notifications about anything; what they return is what ``returnable`` lets them."""
    return st.builds(
        notice_about,
        st.sampled_from(Action),
        addresses,
        texts,
        st.lists(fates, min_size=1, max_size=4).map(tuple),
        st.sampled_from(Returned),
        headers,
        bodies,
        seconds,
    )


def notice_about(
    action: Action,
    sender: str,
    envelope_id: str,
    fates: tuple[Fate, ...],
    returned: Returned,
    header: bytes,
    body: bytes,
    at: float,
) -> Notice:
    """A notification that returns *header*, and *body* if asked and possible, as a Reporter would make it."""
    content = header + b"\r\n" + body
    if returned is Returned.ALL and not returnable(content, len(header)):
        returned = Returned.HEADERS
    original = {Returned.NOTHING: b"", Returned.HEADERS: header, Returned.ALL: content}[returned]
    return Notice(
        action=action,
        host="mail.example",
        author="mailer-daemon@mail.example",
        sender=sender,
        message_id="1@mail.example",
        secret="0",
        at=at,
        arrived_at=at,
        envelope_id=envelope_id,
        fates=fates,
        retry_until=at,
        returned=returned,
        original=original,
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader finds in a notification. original: the octets of the part that returns the message, or None."""

    recipients: tuple[tuple[str, ...], ...]
    envelope_id: str
    names: frozenset[str]
    kinds: tuple[str, ...]
    original: bytes | None


_NAMES: Final = frozenset(
    ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type")
)
_FIELDS: Final = ("Original-Recipient", "Final-Recipient", "Action", "Status", "Diagnostic-Code", "Will-Retry-Until")


def read_back(octets: bytes) -> Seen:
    """What the email package finds. Raises when it finds no notification."""
    message = message_from_bytes(octets)
    assert not message.defects
    payload = message.get_payload()
    assert isinstance(payload, list)
    parts = [part for part in payload if isinstance(part, Message)]
    groups = parts[1].get_payload()
    assert isinstance(groups, list)
    of_message, *of_recipients = [group for group in groups if isinstance(group, Message)]
    assert of_message["Reporting-MTA"] == "dns; mail.example"
    return Seen(
        tuple(tuple(_field(each, name) for name in _FIELDS) for each in of_recipients),
        _field(of_message, "Original-Envelope-Id"),
        frozenset(message.keys()) - {"Content-Transfer-Encoding"},
        tuple(part.get_content_type() for part in parts),
        _returned(octets, message, parts[2]) if len(parts) > 2 else None,
    )


def expected(notice: Notice) -> Seen:
    """What ``read_back`` finds of *notice*."""
    until = "Will-Retry-Until" if notice.action is Action.DELAYED else ""
    kinds: tuple[str, ...] = ("text/plain", "message/delivery-status")
    if notice.returned is not Returned.NOTHING:
        kinds += ("message/rfc822" if notice.returned is Returned.ALL else "text/rfc822-headers",)
    return Seen(
        tuple(
            (
                plain(fate.original_recipient).strip(),
                typed_address(fate.forward_path).strip(),
                notice.action.value,
                status_of(fate.reason, notice.action),
                plain(fate.reason).strip(),
                until,
            )
            for fate in notice.fates
        ),
        plain(notice.envelope_id).strip(),
        _NAMES,
        kinds,
        None if notice.returned is Returned.NOTHING else notice.original,
    )


def _field(message: Message, name: str) -> str:
    """A field of a delivery status; of the diagnostic what stands behind its type, of a date that it is one."""
    text = str(message.get(name, ""))
    if name == "Diagnostic-Code":
        return text.partition(";")[2].strip()
    return name if name == "Will-Retry-Until" and text else text.strip()


def _returned(octets: bytes, message: Message, part: Message) -> bytes:
    """The octets of the last *part*: the email package takes a message/rfc822 apart, so they are cut out."""
    if part.get_content_type() == "text/rfc822-headers":
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        return payload
    mark = f"--{message.get_boundary()}".encode()
    last = octets[: octets.rindex(b"\r\n" + mark + b"--")]
    return last[last.index(b"\r\n\r\n", last.rindex(mark + b"\r\n")) + 4 :]


results_values = st.lists(
    st.sampled_from(
        ["mx.example", "other.example", "(", ")", "\\", '"', ";", " ", "\r\n\t", "/1", "é", "spf=pass", "."]
    ),
    max_size=8,
).map("".join)
"""Values of Authentication-Results fields, good and bad."""
