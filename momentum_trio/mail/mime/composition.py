"""Whole messages made of texts: their parts, encodings and lines (RFC 2045, RFC 2046 section 5.1.4)."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Iterable, Sequence
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


def composed(
    fields: Iterable[str],
    text: str | None,
    html: str | None,
    images: Sequence[bytes] = (),
    attachments: Sequence[bytes] = (),
) -> bytes:
    """The message that begins with *fields*, whole ones, and says *text*, or *html*, or either as its reader likes.

    images, which *html* shows, and attachments: parts as ``attachment`` makes them. Each line ends with CRLF and has at
    most 998 octets of ASCII, if those of *fields* and of the parts do. The same gives the same.
    """
    assert text is not None or html is not None
    assert html is not None or not images
    said = [_part(kind, words).encode() for kind, words in (("plain", text), ("html", html)) if words is not None]
    digest = sha256(b"".join(said)).hexdigest()[:BOUNDARY_DIGITS]  # nothing holds its own digest
    if images:
        said[-1] = _multipart('related;\r\n\ttype="text/html"', f"=r{digest}", (said[-1], *images))
    body = said[0] if len(said) == 1 else _multipart("alternative", f"=_{digest}", said)
    if attachments:
        body = _multipart("mixed", f"=m{digest}", (body, *attachments))
    return b"".join(("".join((*fields, "MIME-Version: 1.0\r\n")).encode("ascii"), body))


def _multipart(kind: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    """*parts* as one (RFC 2046 section 5.1), which ends with CRLF."""
    delimiter = f"--{boundary}\r\n".encode()
    head = f'Content-Type: multipart/{kind};\r\n\tboundary="{boundary}"\r\n\r\n'.encode()
    return b"".join((head, *(b"%b%b\r\n" % (delimiter, part) for part in parts), f"--{boundary}--\r\n".encode()))


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
