"""The header section of a message seen from outside (RFC 5322 section 2.2): found and scanned as octets, never parsed.

One pass of one expression tells all that reception asks: is it a header section at all, how often was the message
received, has it a Date and a Message-ID, where do Return-Path fields stand. Values stay unread.
"""

from __future__ import annotations

import re

import msgspec

HEADER_OCTETS_MAX = 256 * 1024  # a header section longer than this is refused: it has to be held in memory

# A line begins a field (printable octets but the colon, then a colon), or continues one (blank first), or is wrong.
# Fields nobody asks about fail both alternatives and cost one step each.
_LINE = re.compile(
    rb"\n(?:(return-path|received|date|message-id)[ \t]*:|(?![ \t]|[!-9;-~]++[ \t]*+:)([^\n]))",
    re.IGNORECASE,
)
_FIELD_NAME = re.compile(rb"[!-9;-~]++[ \t]*+:")
_FIELD_END = re.compile(rb"\n(?![ \t])")


class Scan(msgspec.Struct, frozen=True, gc=False):
    """What a header section holds.

    section_octets: its length.
    begins_with_field: the first line is a field; otherwise there is no header section here at all, and no fields.
    well_formed: every line begins or continues a field.
    return_paths: spans (begin, end) of Return-Path fields, end after their last CRLF.
    """

    section_octets: int
    begins_with_field: bool
    well_formed: bool
    received_count: int
    has_date: bool
    has_message_id: bool
    return_paths: tuple[tuple[int, int], ...]

    def without_return_paths(self, octets: bytes) -> bytes:
        """*octets*, which begin with the scanned section, without the Return-Path fields."""
        kept, begin = [], 0
        for first, end in self.return_paths:
            kept.append(octets[begin:first])
            begin = end
        kept.append(octets[begin:])
        return b"".join(kept)


def section_end(octets: bytes, begin: int = 0) -> int:
    """Where the header section ends: the offset of the empty line, or -1 while none has been seen.

    begin: how far an earlier call has looked. A message that begins with the empty line has a section of no octets.
    """
    if begin < 2 and octets[:2] == b"\r\n":
        return 0
    found = octets.find(b"\r\n\r\n", max(0, begin - 3))
    return found + 2 if found >= 0 else -1


def begins_with_field(octets: bytes) -> bool:
    """Whether what *octets* begin is a header section at all."""
    return _FIELD_NAME.match(octets) is not None


def scan(section: bytes) -> Scan:
    """Look through a header *section*: whole lines ended by CRLF, without the empty line."""
    if not begins_with_field(section):
        return Scan(len(section), False, False, 0, False, False, ())
    received_count, well_formed, has_date, has_message_id = 0, True, False, False
    has_return_path = False
    octets = b"\n" + section  # so that every line follows a line end
    for name, _ in _LINE.findall(octets):
        length = len(name)  # the four names differ in length
        if length == 8:
            received_count += 1
        elif length == 4:
            has_date = True
        elif length == 10:
            has_message_id = True
        elif length:
            has_return_path = True
        else:
            well_formed = False
    return_paths = _return_paths(octets) if has_return_path else ()
    return Scan(len(section), True, well_formed, received_count, has_date, has_message_id, return_paths)


def _return_paths(octets: bytes) -> tuple[tuple[int, int], ...]:
    """Where they stand in the section that follows the first of *octets*."""
    starts = [match for match in _LINE.finditer(octets) if match[1] is not None and len(match[1]) == 11]
    ends = [_FIELD_END.search(octets, match.end()) for match in starts]
    whole = len(octets) - 1
    return tuple([(at.start(), end.start() if end else whole) for at, end in zip(starts, ends, strict=True)])
