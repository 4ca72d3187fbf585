r"""The head of a request, looked at octet by octet before anybody parses it.

What two servers could understand in two ways is refused, whatever RFC 9112 lets a server overlook: lines end with CRLF,
no field is folded, nothing stands between a name and its colon, the length of the body is said once and in one way.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from momentum_trio.protocol.http.refusal import RemoteProtocolError, refusal
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.http.target import parse

HEAD_OCTETS_MAX: Final = 16 * 1024
LINE_OCTETS_MAX: Final = 8 * 1024
"""Of the request line, and of a field's (RFC 9112 section 3 wants 8000)."""
FIELDS_MAX: Final = 100
CONTENT_OCTETS_MAX: Final = 2**40
"""Of a declared length: more is no length."""

END: Final = b"\r\n\r\n"
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
_HEAD = re.compile(
    rb"(" + _TOKEN + rb") ([\x21-\x7e]++) HTTP/1\.([01])\r\n((?:" + _TOKEN + rb":" + _VALUE + rb"\r\n)*)\r\n"
)
_STRAY = re.compile(rb"(?<!\r)\n|\r[^\n]|\0")
_VERSION = re.compile(rb"[^ ]+ [^ ]+ HTTP/(?!1\.[01])[0-9]\.[0-9]\r\n")
_LENGTH = re.compile(r"[0-9]{1,15}")

_FRAMING = frozenset(("content-length", "host", "transfer-encoding"))
"""Fields that frame a message or say for whom it is: said twice they can be read in two ways."""
_ALONE = frozenset(("authorization", "content-type", "expect", "origin", "sec-websocket-key", "sec-websocket-version"))
"""Fields that have one value (RFC 9110 section 5.3)."""


class Fault(NamedTuple):
    """What is wrong with octets: what a client is told of them."""

    status: int
    message: str
    why: str

    @property
    def refusal(self) -> Response:
        """The answer, after which nothing can be understood any more."""
        return refusal(self.status, self.message, self.why, closes=True)


_STRAYS: Final = {
    b"\n"[0]: Fault(400, "Bare LF", "A line of the head ends with LF alone: lines end with CRLF."),
    b"\r"[0]: Fault(400, "Bare CR", "There is a CR in the head that no LF follows."),
    0: Fault(400, "NUL octet", "There is a NUL octet in the head."),
}
_LINE_TOO_LONG = Fault(414, "URI too long", f"The request line has more than {LINE_OCTETS_MAX} octets.")
_TOO_LARGE = Fault(431, "Header too large", f"The head of the request has more than {HEAD_OCTETS_MAX} octets.")
TOO_LARGE: Final = Fault(413, "Content too large", "The request is larger than is taken here.")
"""What is wrong with a body, by what it declares to be."""
_TOO_MANY = Fault(431, "Too many fields", f"The request has more than {FIELDS_MAX} header fields.")
_FIELD_TOO_LONG = Fault(431, "Field too large", f"A header field has more than {LINE_OCTETS_MAX} octets.")
_FOLDED = Fault(400, "Folded field", "A header field goes on in a second line (obs-fold).")
_VERSION_UNKNOWN = Fault(505, "HTTP version not supported", "This is a server of HTTP/1.1.")
_LINE = Fault(400, "Bad request line", "The first line is not METHOD SP TARGET SP HTTP/1.1.")
_FIELD = Fault(400, "Bad header field", "A line of the head is not NAME: VALUE, in the octets that HTTP allows.")


def whole(held: bytes | bytearray, scanned: int = 0) -> int:
    """How many octets of *held* are the head at their beginning; 0: it is not whole yet.

    scanned: so many octets of *held* are known from before. Raises RemoteProtocolError as soon as what is there cannot
    begin a head, however the octets came.
    """
    end = held.find(END, max(0, scanned - len(END)), HEAD_OCTETS_MAX)
    if end >= 0:
        return end + len(END)
    if (fault := _begun_badly(held, scanned)) is not None:
        raise RemoteProtocolError(fault.refusal)
    return 0


def _begun_badly(held: bytes | bytearray, scanned: int = 0) -> Fault | None:
    """What is wrong with the beginning of a head, be it whole or not."""
    line_end = held.find(b"\r\n", 0, LINE_OCTETS_MAX + 2)
    is_long = line_end < 0 and len(held) >= LINE_OCTETS_MAX + 2
    until = LINE_OCTETS_MAX + 2 if is_long else HEAD_OCTETS_MAX
    if (stray := _STRAY.search(held, max(0, scanned - 1), until)) is not None:
        return _STRAYS[stray[0][0]]
    if is_long:
        return _LINE_TOO_LONG
    return _TOO_LARGE if len(held) >= HEAD_OCTETS_MAX and held.find(END, 0, HEAD_OCTETS_MAX) < 0 else None


def request_of(head: bytes) -> Request:
    """The request that *head* begins. Raises RemoteProtocolError."""
    found = _HEAD.fullmatch(head)
    if found is None or found.end(3) > LINE_OCTETS_MAX:
        raise RemoteProtocolError(_fault(head).refusal)
    method, target, version = found[1].decode(), found[2].decode(), f"1.{found[3].decode()}"
    fields = _fields(found[4].decode("latin-1"))
    if version == "1.1" and "host" not in fields:
        raise RemoteProtocolError(refusal(400, "No Host", "A request of HTTP/1.1 says its Host.", closes=True))
    parsed = parse(target, method)
    return Request(method, target, parsed.path, parsed.query, fields, version, _body_octets(fields, version))


def _fields(lines: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    split = lines.split("\r\n")
    if len(split) > FIELDS_MAX + 1:
        raise RemoteProtocolError(_TOO_MANY.refusal)
    for line in split[:-1]:
        if len(line) > LINE_OCTETS_MAX:
            raise RemoteProtocolError(_FIELD_TOO_LONG.refusal)
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if name in fields:
            _refuse_second(name)
            value = f"{fields[name]}, {value}"
        fields[name] = value
    return fields


def _refuse_second(name: str) -> None:
    if name in _FRAMING or name in _ALONE:
        why = f"The field {name} is said twice."
        raise RemoteProtocolError(refusal(400, "Field said twice", why, field=name, closes=True))


def _body_octets(fields: dict[str, str], version: str) -> int | None:
    """How long the body is; None: its chunks will say."""
    length, coding = fields.get("content-length"), fields.get("transfer-encoding")
    if coding is not None:
        if length is not None:
            why = "Content-Length and Transfer-Encoding are said both."
            raise RemoteProtocolError(refusal(400, "Two lengths", why, closes=True))
        if version == "1.0":
            why = "HTTP/1.0 has no Transfer-Encoding."
            raise RemoteProtocolError(refusal(400, "Bad transfer coding", why, closes=True))
        if coding.lower() != "chunked":
            why = "The one transfer coding there is here is chunked."
            raise RemoteProtocolError(refusal(501, "Bad transfer coding", why, closes=True))
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise RemoteProtocolError(refusal(400, "Bad length", "Content-Length is no number of octets.", closes=True))
    if int(length) > CONTENT_OCTETS_MAX:
        raise RemoteProtocolError(TOO_LARGE.refusal)
    return int(length)


def _fault(head: bytes) -> Fault:
    """What is wrong with *head*, which is whole, and no head of HTTP/1.1."""
    if (begun := _begun_badly(head)) is not None:
        return begun
    line, _, rest = head.partition(b"\r\n")
    if not _HEAD.fullmatch(line + b"\r\n\r\n"):
        return _VERSION_UNKNOWN if _VERSION.fullmatch(line + b"\r\n") else _LINE
    return _FOLDED if any(field[:1] in (b" ", b"\t") for field in rest.split(b"\r\n")) else _FIELD
