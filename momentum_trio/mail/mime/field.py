"""Header fields written from values: folded (RFC 5322 section 2.2.3), encoded where they have to be (RFC 2047).

What comes in holds no line ends and no controls: ``is_line`` says so, and whoever has text of others asks it first.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

LINE_CHARACTERS: Final = 76  # RFC 2047 section 2
WORD_CHARACTERS_MAX: Final = 900  # a longer word cannot stand in a line of 998 octets: it is encoded
ENCODED_WORD_OCTETS: Final = 45  # of text in one encoded word: 60 characters of base64

_NOT_IN_LINE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}", re.ASCII)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_WORD = re.compile(r"[ \t]*[^ \t]+")
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MAILBOX = re.compile(
    rf"\s*+(?:(?P<phrase>(?:{_QUOTED}|[^\"<>,()\\])*)<(?P<path>(?:{_QUOTED}|[^\"<>,()\\\s])+)>"
    rf"|(?P<bare>(?:{_QUOTED}|[^\"<>,()\\\s])+))\s*(?:(?P<more>,)|\Z)"
)
_IN_QUOTES = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")


class Mailbox(NamedTuple):
    """Somebody's address and what he is called. address: of ASCII, as ``mail.path`` has it; name: may be empty."""

    address: str
    name: str = ""


def is_line(text: str) -> bool:
    """Whether *text* may stand in a field: no line end in it, and no other control than the tabulator."""
    return _NOT_IN_LINE.search(text) is None


def is_field_name(name: str) -> bool:
    """Whether a field may have that name (RFC 5322 section 2.2)."""
    return _FIELD_NAME.fullmatch(name) is not None


def mailboxes(text: str) -> list[Mailbox]:
    """The mailboxes in ``Ann <a@b.example>, c@d.example``, their addresses as written; ValueError: they are no list."""
    found, at = [], 0
    while (match := _MAILBOX.match(text, at)) is not None:
        if match["bare"]:
            found.append(Mailbox(match["bare"]))
        else:
            found.append(Mailbox(match["path"], _plain(match["phrase"])))
        at = match.end()
        if not match["more"]:
            return found
    raise ValueError("expected 'address' or 'Name <address>', with commas between them")


def _plain(phrase: str) -> str:
    """What a phrase says, without its quotes."""
    return _IN_QUOTES.sub(lambda quoted: _ESCAPE.sub(r"\1", quoted[1]), phrase).strip()


def unstructured(name: str, text: str) -> str:
    """The field *name* that says *text*, with its last CRLF. Unfolded and decoded it is *text* without its ends."""
    text = text.strip(" \t")
    words = _WORD.findall(f" {text}" if text else "")
    if text.isascii() and max(map(len, words), default=0) <= WORD_CHARACTERS_MAX:
        return f"{_folded(name + ':', words)}\r\n"
    return f"{_folded(name + ':', (f' {word}' for word in encoded_words(text)))}\r\n"


def of_mailboxes(name: str, some: Iterable[Mailbox]) -> str:
    """The field *name* that lists *some*, with its last CRLF."""
    return f"{_folded(name + ':', _listed(list(some)))}\r\n"


def _listed(some: list[Mailbox]) -> Iterator[str]:
    for place, (address, called) in enumerate(some, 1):
        pieces = [*_phrase(called), f"<{address}>"] if called else [address]
        if place < len(some):
            pieces[-1] += ","
        yield from (f" {piece}" for piece in pieces)


def _phrase(name: str) -> list[str]:
    """A display name in pieces between which a line may be folded (RFC 5322 section 3.2.5)."""
    if not name.isascii() or len(name) > WORD_CHARACTERS_MAX // 2:
        return list(encoded_words(name))
    if _ATOMS.fullmatch(name):
        return name.split(" ")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def encoded_words(text: str) -> Iterator[str]:
    """*text* in encoded words, none of which cuts a character (RFC 2047 section 5 (3))."""
    piece = b""
    for character in text:
        octets = character.encode()
        if len(piece) + len(octets) > ENCODED_WORD_OCTETS:
            yield _encoded(piece)
            piece = b""
        piece += octets
    yield _encoded(piece)


def _encoded(octets: bytes) -> str:
    return f"=?utf-8?B?{b64encode(octets).decode()}?="


def _folded(line: str, words: Iterable[str]) -> str:
    """*line*, then *words*, each with the blanks before it: lines as long as LINE_CHARACTERS where words allow it."""
    lines, length, is_first = [line], len(line), True
    for word in words:
        if length + len(word) > LINE_CHARACTERS and (not is_first or len(line) + len(word) > 2 * LINE_CHARACTERS):
            lines.append("\r\n")
            length = 0
        lines.append(word)
        length += len(word)
        is_first = False
    return "".join(lines)
