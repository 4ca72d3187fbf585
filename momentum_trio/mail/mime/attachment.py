"""Files in a message: parts in base64, with a name (RFC 2183) or an id by which HTML shows them (RFC 2392).

No line of theirs begins with a hyphen, so that no boundary is in them.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from itertools import count
from typing import Final
from urllib.parse import quote

LINE_CHARACTERS: Final = 76  # RFC 2045 section 6.8
PIECE_CHARACTERS_MAX: Final = 60  # of a parameter's value in one line

_TOKEN = r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+"  # RFC 2045 section 5.1
_VALUE = rf'(?:{_TOKEN}|"[ !#-\[\]-~]*")'
_REST = rf"{_TOKEN}(?: *; *{_TOKEN}={_VALUE}){{0,5}}"
MEDIA_TYPE: Final = rf"{_TOKEN}/{_REST}"
IMAGE_TYPE: Final = rf"image/{_REST}"
CONTENT_ID: Final = r"[A-Za-z0-9_+-]+(?:[.@][A-Za-z0-9_+-]+)*"

_MEDIA_TYPE = re.compile(MEDIA_TYPE, re.ASCII)
_CONTENT_ID = re.compile(CONTENT_ID, re.ASCII)
_PLAIN = re.compile(rf"[ !#-\[\]-~]{{1,{PIECE_CHARACTERS_MAX}}}", re.ASCII)


def is_media_type(text: str) -> bool:
    """Whether *text* may stand in Content-Type (RFC 2045 section 5.1); at most five parameters."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def is_content_id(text: str) -> bool:
    """Whether ``cid:TEXT`` is a URL, and ``<TEXT>`` the id that it means, without an escape in either."""
    return _CONTENT_ID.fullmatch(text) is not None


def attached(name: str, media_type: str, octets: bytes) -> bytes:
    """The part of a file that is called *name*, a line of any characters, its fields too; it ends with CRLF."""
    return _part(media_type, f"Content-Disposition: attachment{parameter('filename', name)}\r\n", octets)


def shown(content_id: str, media_type: str, octets: bytes) -> bytes:
    """The part of an image that HTML shows where it says ``cid:CONTENT_ID``."""
    return _part(media_type, f"Content-ID: <{content_id}>\r\nContent-Disposition: inline\r\n", octets)


def parameter(name: str, value: str) -> str:
    """A parameter behind others, each on lines of its own: in quotes, or as RFC 2231 sections 3 and 4 have it."""
    if _PLAIN.fullmatch(value):
        return f';\r\n\t{name}="{value}"'
    pieces = list(_pieces(f"utf-8''{quote(value, safe='')}"))
    if len(pieces) == 1:
        return f";\r\n\t{name}*={pieces[0]}"
    return "".join(f";\r\n\t{name}*{number}*={piece}" for number, piece in zip(count(), pieces, strict=False))


def _pieces(escaped: str) -> Iterator[str]:
    """*escaped* in pieces of bounded length, none of which cuts an escaped octet."""
    at = 0
    while at < len(escaped):
        end = at + PIECE_CHARACTERS_MAX
        end -= next((cut for cut in (1, 2) if escaped[end - cut : end - cut + 1] == "%"), 0)
        yield escaped[at:end]
        at = end


def _part(media_type: str, field: str, octets: bytes) -> bytes:
    head = f"Content-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n{field}\r\n".encode("ascii")
    encoded = b64encode(octets)
    lines = (encoded[at : at + LINE_CHARACTERS] for at in range(0, len(encoded), LINE_CHARACTERS))
    return b"%b%b\r\n" % (head, b"\r\n".join(lines))
