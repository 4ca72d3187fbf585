"""Content for transports that carry 7-bit lines alone (RFC 6152 section 3): leaves that hold more are encoded.

A message is a tree of parts (RFC 2046): its leaves are encoded as quoted-printable or base64, what stands around them
is left as it is but for Content-Transfer-Encoding. What a reader decodes is the same before and after.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from dataclasses import dataclass

LINE_OCTETS_MAX = 998  # RFC 5321 section 4.5.3.1.6, without CRLF
NESTING_MAX = 50

_QUOTED_PRINTABLE_OCTETS_MAX = 1024 * 1024  # a larger leaf is encoded as base64, which takes a quarter of the time
_READABLE_SHARE = 6  # one octet in so many above 127: then quoted-printable is no longer than base64
_ENCODED_LINE_OCTETS = 76  # RFC 2045 section 6.7
_BOUNDARY_OCTETS_MAX = 200  # RFC 2046 section 5.1.1 allows 70

_FIELD = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*")
_SECTION = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*")
_COMMENT = re.compile(rb"\([^()]*\)")
_TYPE = re.compile(rb"[^\s;/()]+/[^\s;/()]+")
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')
_ENCODED_BLANK = re.compile(rb"=(?:20|09)(?=\n|\Z)")

_HIGH = bytes(range(128, 256))
_STRIP = bytes(octet & 0x7F if octet < 0x80 or 0x20 <= octet & 0x7F < 0x7F else ord("?") for octet in range(256))
_PLAIN = (b"7bit", b"8bit", b"binary")


@dataclass(frozen=True, slots=True)
class Unconvertible:
    """Content that cannot be sent as 7-bit lines. why: what follows «the server does not take it, and»."""

    why: str


class _Refused(Exception):
    """Found somewhere in the tree; ``seven_bit`` makes a value of it."""


def seven_bit(octets: bytes) -> bytes | Unconvertible:
    """*octets*, whole content with CRLF line ends, so that its bodies have 7-bit lines of at most LINE_OCTETS_MAX.

    Header sections stay as they are but for the fields of MIME. Where octets above 127 stand in one, in a signed part
    or in another that may not be encoded, there is no such form.
    """
    try:
        return _entity(octets, (), 0, "text/plain", is_message=True)
    except _Refused as refused:
        return Unconvertible(str(refused))


def stripped(octets: bytes) -> bytes | Unconvertible:
    """*octets* without the high bit of each octet, wherever it stands: what is not ASCII becomes unreadable.

    An octet that would become a control character becomes a question mark: a line end must not come about.
    """
    octets = octets.translate(_STRIP)
    return octets if _is_carried(octets) else Unconvertible("it has lone line ends or lines too long for it")


def _is_carried(body: bytes) -> bool:
    """Whether *body* is 7bit in the sense of RFC 2045 section 2.7."""
    if not body.isascii() or b"\0" in body or _has_lone_line_ends(body):
        return False
    return max(map(len, body.split(b"\r\n"))) <= LINE_OCTETS_MAX


def _has_lone_line_ends(octets: bytes) -> bool:
    return not octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")


def _entity(octets: bytes, enclosing: tuple[bytes, ...], depth: int, default: str, *, is_message: bool) -> bytes:
    """A message or a part: header section, empty line, body.

    enclosing: the delimiters of the multiparts around it. default: its type when it does not say.
    """
    if depth > NESTING_MAX:
        raise _Refused(f"its parts are nested more than {NESTING_MAX} deep")
    section, body = _halves(octets)
    if not section.isascii() or _has_lone_line_ends(section):
        raise _Refused("it has octets in a header section that cannot be encoded")
    if not _SECTION.fullmatch(section) and not _is_carried(octets):
        raise _Refused("it has a part that does not begin with a header section")
    if body is None:
        return octets
    fields = [match[0] for match in _FIELD.finditer(section)]
    kind, boundary = _type_of(_value(fields, b"content-type"), default)
    was = _COMMENT.sub(b"", _value(fields, b"content-transfer-encoding")).strip().lower() or b"7bit"
    is_carried = _is_carried(body)
    if is_carried and (was not in (b"8bit", b"binary") or kind.startswith(("multipart/", "message/"))):
        return octets
    if was not in _PLAIN:
        raise _Refused(f"it has a part that is labelled {was.decode()} and is not")
    encoding = b"7bit"
    if not is_carried:
        body, encoding = _body(body, kind, boundary, enclosing, depth)
    fields = _relabelled(fields, encoding)
    if is_message:
        fields = _with_mime(fields)
    return b"".join([*fields, b"\r\n", body])


def _halves(octets: bytes) -> tuple[bytes, bytes | None]:
    """Header section and body; None when there is no empty line."""
    if octets.startswith(b"\r\n"):
        return b"", octets[2:]
    end = octets.find(b"\r\n\r\n")
    return (octets, None) if end < 0 else (octets[: end + 2], octets[end + 4 :])


def _value(fields: list[bytes], name: bytes) -> bytes:
    """The value of the one field *name*, unfolded; empty when there is none."""
    found = [field for field in fields if field.partition(b":")[0].rstrip(b" \t").lower() == name]
    if len(found) > 1:
        raise _Refused(f"it has more than one {name.decode()}")
    return found[0].partition(b":")[2].replace(b"\r\n", b"").strip() if found else b""


def _type_of(value: bytes, default: str) -> tuple[str, bytes]:
    """Type and boundary that a Content-Type has; the boundary is empty when there is none."""
    found = _TYPE.match(value)
    if not found:
        return default, b""
    for parameter in _PARAMETER.finditer(value, found.end()):
        if parameter[1].lower() == b"boundary":
            text = parameter[3] if parameter[2] is None else re.sub(rb"\\(.)", rb"\1", parameter[2])
            return found[0].decode().lower(), text.rstrip(b" \t")
    return found[0].decode().lower(), b""


def _body(body: bytes, kind: str, boundary: bytes, enclosing: tuple[bytes, ...], depth: int) -> tuple[bytes, bytes]:
    """*body*, which is not 7bit, converted, and the encoding that it has then."""
    if kind == "multipart/signed":
        raise _Refused("it has a signed part that is not 7bit")
    if kind.startswith("multipart/"):
        return _parts(body, kind, boundary, enclosing, depth), b"7bit"
    if kind == "message/rfc822":
        return _entity(body, enclosing, depth + 1, "text/plain", is_message=True), b"7bit"
    if kind.startswith("message/") and not kind.startswith("message/global"):
        raise _Refused(f"it has a part of type {kind} that is not 7bit")
    return _leaf(body, kind, enclosing)


def _parts(body: bytes, kind: str, boundary: bytes, enclosing: tuple[bytes, ...], depth: int) -> bytes:
    """The body of a multipart. What stands before and after its parts means nothing, and goes when it is not 7bit."""
    if not 0 < len(boundary) <= _BOUNDARY_OCTETS_MAX:
        raise _Refused("it has a multipart without a boundary")
    delimiter = re.compile(rb"(?:\A|\r\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)")
    marks = []
    for mark in delimiter.finditer(body):
        marks.append(mark)
        if mark[1]:
            break
    if not marks or marks[0][1]:
        raise _Refused("it has a multipart without parts")
    default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
    inner = (*enclosing, b"--" + boundary)
    made = [_unless_unfit(body[: marks[0].start()])]
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        made.append(mark[0])
        rest = body[mark.end() : following.start() if following else len(body)]
        if mark[1]:
            made.append(_unless_unfit(rest))
        elif rest:
            made += [b"\r\n", _entity(rest[2:], inner, depth + 1, default, is_message=False)]
    return b"".join(made)


def _unless_unfit(octets: bytes) -> bytes:
    return octets if _is_carried(octets) else b""


def _leaf(body: bytes, kind: str, enclosing: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """*body* encoded, and how: text that is mostly ASCII stays readable."""
    is_text = kind.startswith("text/") and not _has_lone_line_ends(body)
    if is_text and len(body) <= _QUOTED_PRINTABLE_OCTETS_MAX:
        high_octets = len(body) - len(body.translate(None, _HIGH))
        if high_octets * _READABLE_SHARE <= len(body):
            quoted = _quoted_printable(body)
            # A long line that is broken may come to look like a delimiter, which base64 cannot.
            if not any(_begins_a_line(delimiter, quoted) for delimiter in enclosing):
                return quoted, b"quoted-printable"
    return _base64(body), b"base64"


def _begins_a_line(delimiter: bytes, body: bytes) -> bool:
    return body.startswith(delimiter) or b"\n" + delimiter in body


def _quoted_printable(text: bytes) -> bytes:
    quoted = b2a_qp(text.replace(b"\r\n", b"\n"), istext=True)
    return _ENCODED_BLANK.sub(_in_room, quoted).replace(b"\n", b"\r\n")


def _in_room(blank: re.Match[bytes]) -> bytes:
    """A blank at the end of a line, for which b2a_qp takes three octets where it had kept room for one."""
    begin = blank.string.rfind(b"\n", 0, blank.start()) + 1
    return blank[0] if blank.end() - begin <= _ENCODED_LINE_OCTETS else b"=\n" + blank[0]


def _base64(body: bytes) -> bytes:
    text = b2a_base64(body, newline=False)
    lines = [text[at : at + _ENCODED_LINE_OCTETS] for at in range(0, len(text), _ENCODED_LINE_OCTETS)]
    return b"\r\n".join([*lines, b""])


def _relabelled(fields: list[bytes], encoding: bytes) -> list[bytes]:
    """*fields* with Content-Transfer-Encoding as it is now, where it stood, or at their end."""
    field = b"Content-Transfer-Encoding: " + encoding + b"\r\n"
    names = [one.partition(b":")[0].rstrip(b" \t").lower() for one in fields]
    if b"content-transfer-encoding" in names:
        place = names.index(b"content-transfer-encoding")
        return [*fields[:place], field, *fields[place + 1 :]]
    return fields if encoding == b"7bit" else [*fields, field]


def _with_mime(fields: list[bytes]) -> list[bytes]:
    """*fields* of a message with what makes them MIME; text that said no charset says so (RFC 1428 section 3)."""
    names = {field.partition(b":")[0].rstrip(b" \t").lower() for field in fields}
    added = [] if b"mime-version" in names else [b"MIME-Version: 1.0\r\n"]
    if b"content-type" not in names:
        added.append(b"Content-Type: text/plain; charset=unknown-8bit\r\n")
    return [*fields, *added]
