"""The content of a mail: made from its name alone, so that whatever arrives can be told by it and compared with it."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from .scenario import Mail

LINE_OCTETS = 72  # of a line of the body, its CRLF included
CONTENTS_KEPT = 64  # a mail is looked at several times: sent, seen in a mailbox, judged

_TRACE_FIELD = re.compile(rb"(?:Return-Path|Received|Delivered-To):[^\n]*\n(?:[ \t][^\n]*\n)*", re.I)
_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*<([^\n>]*)@sim>", re.I | re.M)
_RECEIVED_ID = re.compile(rb"^Received:[^\n]*\n(?:[ \t][^\n]*\n)*?[ \t]+id (\S+);", re.M)
_HEADER_END = re.compile(rb"\r?\n\r?\n")


def content_of(mail: Mail) -> bytes:
    """The content as the client has it, before dots are stuffed: CRLF, ``mail.octets`` long or a little more."""
    return _content(mail.name, mail.reverse_path, mail.octets)


def name_in(octets: bytes) -> str | None:
    """The name of the mail that *octets* (as they arrived, with trace header fields, CRLF or LF) say they are."""
    end = _HEADER_END.search(octets)
    found = _MESSAGE_ID.search(octets, 0, end.start() if end is not None else len(octets))
    return found[1].decode("utf-8", "replace") if found is not None else None


def unchanged(mail: Mail, octets: bytes) -> bool:
    """Whether *octets* are the content of *mail* once line ends are made equal and leading trace fields taken off."""
    return without_trace(octets) == content_of(mail).replace(b"\r\n", b"\n")


def without_trace(octets: bytes) -> bytes:
    """*octets* with LF, without the trace header fields before the content's own header."""
    octets = octets.replace(b"\r\n", b"\n")
    return octets[_trace_end(octets) :]


def trace_of(octets: bytes) -> bytes:
    """Those trace header fields, with LF."""
    octets = octets.replace(b"\r\n", b"\n")
    return octets[: _trace_end(octets)]


def batches_of(octets: bytes) -> list[bytes]:
    """The ids that nodes gave it, the last node's first. None from a node that says none."""
    return _RECEIVED_ID.findall(octets.replace(b"\r\n", b"\n"))


def _trace_end(octets: bytes) -> int:
    start = 0
    while (field := _TRACE_FIELD.match(octets, start)) is not None:
        start = field.end()
    return start


@lru_cache(maxsize=CONTENTS_KEPT)
def _content(name: str, reverse_path: str, octets: int) -> bytes:
    header = (
        f"Subject: {name}\r\nMessage-ID: <{name}@sim>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
        f"From: <{reverse_path or 'postmaster@client.example'}>\r\n\r\n"
    ).encode()
    first = header + b".a dot begins this line\r\n..two begin this one\r\n.\r\n"
    mark = hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
    count = max(0, octets - len(first) + LINE_OCTETS - 1) // LINE_OCTETS
    return first + b"".join([_line(number, mark) for number in range(count)])


def _line(number: int, mark: str) -> bytes:
    """One line of the body, unlike every other line of every other mail; each seventh begins with a dot."""
    return f"{'.' if number % 7 == 3 else ''}{number:06d} {mark} ".ljust(LINE_OCTETS - 2, "=").encode() + b"\r\n"
