"""Delivery status notifications as they arrive (RFC 3464), read by the standard library and not by the product."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from .evidence import Arrived
from .letter import name_in, without_trace

_REPORT = re.compile(rb"^Content-Type:[ \t]*multipart/report\b", re.I | re.M)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_RETURN_PATH = re.compile(rb"\AReturn-Path: <([^\n>]*)>\r?\n")
STATUS = re.compile(r"([245])\.\d{1,3}\.\d{1,3}")


@dataclass(frozen=True, slots=True)
class Reported:
    """What a notification says of one recipient; each word as it stands there, empty where there is none."""

    address: str
    original: str
    action: str
    status: str
    diagnostic: str


@dataclass(frozen=True, slots=True)
class Report:
    """One notification. to: the mailbox it lies in. mail: the name of the mail it is about, from the part returned, or
    else from the envelope id (content that cannot be read is not returned).

    problem: why it is none of RFC 3464; empty when it is one. about_report: what it returns is a notification itself.
    reverse_path: of its envelope; None where that is not written.
    """

    arrived: Arrived
    to: str
    mail: str = ""
    recipients: tuple[Reported, ...] = ()
    reverse_path: str | None = None
    about_report: bool = False
    problem: str = ""


def is_report(octets: bytes) -> bool:
    """Whether *octets*, as they arrived, call themselves a report."""
    octets = without_trace(octets)
    end = _HEADER_END.search(octets)
    return _REPORT.search(octets, 0, end.start() if end is not None else len(octets)) is not None


def read_report(arrived: Arrived) -> Report:
    """What lies in *arrived*, which is a report."""
    found = _RETURN_PATH.match(arrived.octets)
    reverse_path = None if found is None else found[1].decode("utf-8", "replace")
    message = message_from_bytes(without_trace(arrived.octets), policy=policy.default)
    assert isinstance(message, EmailMessage)
    parts = [part for part in message.iter_parts() if isinstance(part, Message)]
    returned = next(
        (part for part in parts if part.get_content_type().startswith(("message/rfc822", "text/rfc822"))), None
    )
    text = b"" if returned is None else _octets(returned)
    mail, about_report = name_in(text) or "", is_report(text)

    if not mail and len(parts) > 1 and (blocks := _messages(parts[1])):
        mail = str(blocks[0].get("Original-Envelope-Id", "")).strip()

    def report(recipients: tuple[Reported, ...] = (), problem: str = "") -> Report:
        return Report(arrived, arrived.forward_path, mail, recipients, reverse_path, about_report, problem)

    if message.get_param("report-type") != "delivery-status":
        return report(problem=f"its report-type is {message.get_param('report-type')!r}")
    if message.defects:
        return report(problem=f"it is no good MIME: {message.defects[0]!r}")
    if len(parts) < 2 or parts[1].get_content_type() != "message/delivery-status":
        return report(problem="its second part is no message/delivery-status")
    blocks = _messages(parts[1])
    if len(blocks) < 2 or not blocks[0].get("Reporting-MTA"):
        return report(problem="its status part has no Reporting-MTA, or names no recipient")
    recipients = tuple(_reported(block) for block in blocks[1:])
    wrong = next((one for one in recipients if not (one.address and one.action and STATUS.fullmatch(one.status))), None)
    return report(recipients, "" if wrong is None else f"it lacks a field, or has a wrong one: {wrong}")


def _reported(block: Message) -> Reported:
    return Reported(
        _after_type(block.get("Final-Recipient", "")),
        _after_type(block.get("Original-Recipient", "")),
        str(block.get("Action", "")).strip().lower(),
        str(block.get("Status", "")).strip().partition(" ")[0],
        _after_type(block.get("Diagnostic-Code", "")),
    )


def _after_type(value: object) -> str:
    """What stands behind ``rfc822;`` or ``smtp;``."""
    return " ".join(str(value).partition(";")[2].split())


def _octets(part: Message) -> bytes:
    """A part that holds a message or its header."""
    if messages := _messages(part):
        return messages[0].as_bytes()
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else str(part.get_payload()).encode("utf-8", "replace")


def _messages(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []
