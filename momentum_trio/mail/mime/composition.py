"""Whole messages made of texts: their parts, encodings and lines (RFC 2045, RFC 2046 section 5.1.4)."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

BOUNDARY_DIGITS: Final = 32
LINE_OCTETS_MAX: Final = 998  # RFC 5321 section 4.5.3.1.6, without CRLF

_NOT_SEVEN_BIT = re.compile(r"[^\t\n -~]")


def with_lf(text: str) -> str:
    """*text*, whose line ends may be any, with LF alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def with_crlf(text: str) -> str:
    """*text*, whose line ends may be any, with CRLF."""
    return with_lf(text).replace("\n", "\r\n")


def composed(fields: Iterable[str], text: str | None, html: str | None) -> bytes:
    """The message that begins with *fields*, whole ones, and says *text*, or *html*, or either as its reader likes.

    Each line ends with CRLF and has at most 998 octets of ASCII, if those of *fields* do. The same gives the same.
    """
    assert text is not None or html is not None
    parts = [_part(kind, said) for kind, said in (("plain", text), ("html", html)) if said is not None]
    head = "".join((*fields, "MIME-Version: 1.0\r\n"))
    body = parts[0] if len(parts) == 1 else "".join(_alternative(parts))
    return f"{head}{body}".encode("ascii")


def _alternative(parts: Sequence[str]) -> Iterator[str]:
    boundary = f"=_{sha256(''.join(parts).encode()).hexdigest()[:BOUNDARY_DIGITS]}"  # nothing holds its own digest
    yield f'Content-Type: multipart/alternative;\r\n\tboundary="{boundary}"\r\n\r\n'
    for part in parts:
        yield f"--{boundary}\r\n{part}\r\n"
    yield f"--{boundary}--\r\n"


def _part(kind: str, text: str) -> str:
    """One part, its fields too, which ends with CRLF."""
    text = with_lf(text)
    if not text.endswith("\n"):
        text += "\n"
    if _NOT_SEVEN_BIT.search(text) is None and max(map(len, text.split("\n"))) <= LINE_OCTETS_MAX:
        encoding, lines = "7bit", text
    else:
        encoding, lines = "quoted-printable", b2a_qp(text.encode(), istext=True).decode("ascii")
    crlf = lines.replace("\n", "\r\n")
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{crlf}"
