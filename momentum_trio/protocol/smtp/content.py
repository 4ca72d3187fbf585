"""Content of one message: its end, its dots, its line ends (RFC 5321 sections 4.1.1.4 and 4.5.2).

Only CRLF "." CRLF ends content, where the first CRLF may be the one that ended DATA. A CR or LF alone is no line end:
it cannot end content, cannot stand beside the dot that does, and makes the whole message one that is refused unless the
terms say otherwise (SMTP smuggling: CVE-2023-51764, CVE-2023-51765, CVE-2023-51766, CVE-2024-27305). Everything here is
done by searches and counts over whole buffers, never by line.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder
from typing import Final

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart, Event
from momentum_trio.protocol.smtp.line_ends import (
    LONE,
    SEAM_OCTETS,
    STUFFED_NOTHING,
    hides_a_dot,
    mended,
    section_octets,
)
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms

CONTENT_PART_OCTETS: Final = 64 * 1024
"""Content up to this size comes whole; a larger one in parts of this size."""

TERMINATOR: Final = b"\r\n.\r\n"
STUFFED: Final = b"\r\n."
WHOLE_ALONE: Final = (None, "\r\n")
"""What is noted of octets in which there are no line ends, or none but CRLF."""


def is_faultless(text: bytes, terms: Terms) -> bool:
    """Whether *text*, all of a content, is one part and taken as it is, whatever else the terms say."""
    if len(text) > min(CONTENT_PART_OCTETS, terms.message_octets_max or CONTENT_PART_OCTETS) or 0 in text:
        return False
    return has_whole_line_ends(text)


def has_whole_line_ends(text: bytes) -> bool:
    """Whether every CR and every LF is of a CRLF."""
    looking = IncrementalNewlineDecoder(None, translate=False)  # it notes which line ends there are, in one quick pass
    looking.decode(text.decode("latin-1"), final=True)
    return looking.newlines in WHOLE_ALONE


def stuffed(content: bytes) -> bytes:
    """*content* as a client sends it, terminator included (RFC 5321 section 4.5.2). It must end in CRLF or be empty."""
    assert not content or content.endswith(b"\r\n")
    return (b"\r\n" + content).replace(STUFFED, b"\r\n..")[2:] + b".\r\n"


class Gathering:
    """Content as it comes, whatever brought it: judged, and given out in parts. ContentPart and ContentEnd come out.

    How the octets were cut does not show in the events. At most CONTENT_PART_OCTETS and what was received since
    ``next_event`` last returned None is held.

    binary: it was declared BODY=BINARYMIME: in its body, CR, LF and NUL stand where they like (RFC 3030 section 3).
    """

    __slots__ = (
        "_before",
        "_binary",
        "_end",
        "_fault",
        "_header",
        "_is_mended",
        "_kept",
        "_parts",
        "_passed",
        "_terms",
    )

    def __init__(self, terms: Terms, *, binary: bool = False) -> None:
        self._terms = terms
        self._binary = binary
        self._kept = bytearray()  # unstuffed, not yet a part
        self._parts: list[ContentPart] = []  # in reverse order
        self._end: ContentEnd | None = None
        self._fault: Reply | None = None
        self._passed = 0  # octets in parts
        self._header = b"\r\n"  # last octets of the header section so far; empty once it has ended
        self._before = b"\r\n"  # last octets of the parts, as they came
        self._is_mended = False  # some line end was: then all that follows is looked at

    @property
    def ended(self) -> bool:
        """Whether the terminator was found."""
        return self._end is not None

    @property
    def drained(self) -> bool:
        """Whether ``next_event`` has nothing to give."""
        return not self._parts and self._end is None

    def next_event(self) -> Event | None:
        """The next event, or None when more octets are needed. ContentEnd is the last."""
        return self._parts.pop() if self._parts else self._end

    def _keep(self, text: bytes) -> None:
        """Add to the content, and make parts of it while there is more than one."""
        kept = self._kept
        kept += text
        if len(kept) <= CONTENT_PART_OCTETS:
            return
        whole = bytes(kept)
        parts: list[ContentPart] = []
        at = 0
        while self._fault is None and len(whole) - at > CONTENT_PART_OCTETS:
            end = at + CONTENT_PART_OCTETS
            if whole[end - 1] == 13:  # never between CR and LF
                end -= 1
            part = self._judged(whole[at:end])
            if self._fault is None:
                parts.append(ContentPart(part))
                self._pass(part, whole[end - SEAM_OCTETS : end], end - at)
                at = end
        parts.reverse()
        self._parts[:0] = parts
        if self._fault is None:
            del kept[:at]
        else:
            kept.clear()

    def _finish(self, text: bytes) -> None:
        if self._fault is None and (self._kept or len(text) > CONTENT_PART_OCTETS):
            self._keep(text)
            text = bytes(self._kept)
        if self._fault is None:
            text = self._judged(text, last=True)
        fault = self._fault
        self._end = ContentEnd(b"" if fault else text, fault)

    def _spoil(self, fault: Reply) -> None:
        """The content that has ended has a *fault*, if it has none yet."""
        assert self._end is not None
        self._end = ContentEnd(b"", self._end.fault or fault)

    def _judged(self, text: bytes, *, last: bool = False) -> bytes:
        """*text*, the next of the content, as it is to be taken; or a fault is noted."""
        terms = self._terms
        if terms.message_octets_max and self._passed + len(text) > terms.message_octets_max:
            self._fault = replies.MESSAGE_TOO_LARGE
        elif 0 in text and not (terms.nul_in_content or self._binary_from(text.index(0), text)):
            self._fault = replies.NUL_IN_CONTENT
        elif self._is_mended or not has_whole_line_ends(text):
            at = self._header_octets(text)
            behind = b"\r\n" if last else b""
            head = self._line_ends(self._before, text[:at], behind, is_header=True)
            before = (self._before + text[:at])[-SEAM_OCTETS:]
            return head + self._line_ends(before, text[at:], behind, is_header=False)
        return text

    def _line_ends(self, before: bytes, text: bytes, behind: bytes, *, is_header: bool) -> bytes:
        """*text*, all in the header section or all in the body, with its lone line ends as the terms want them."""
        terms = self._terms
        wanted = terms.lone_line_ends_in_headers if is_header else terms.lone_line_ends_in_body
        tolerated = not is_header and (self._binary or wanted is LoneLineEnds.IGNORE)
        if tolerated or not (self._is_mended or LONE.search(text)):
            return text
        self._is_mended = True
        if wanted is LoneLineEnds.FIX and not hides_a_dot(before, text, behind):
            return mended(text)
        if wanted is LoneLineEnds.FIX or LONE.search(text):
            self._fault = self._fault or (replies.LONE_IN_HEADERS if is_header else replies.LONE_IN_BODY)
        return text

    def _binary_from(self, at: int, text: bytes) -> bool:
        """Whether *text* may hold anything from the octet *at* on."""
        return self._binary and at >= self._header_octets(text)

    def _header_octets(self, text: bytes) -> int:
        """How many octets of *text*, the next of the content, belong to the header section."""
        if not self._header:
            return 0
        if self._terms.lone_line_ends_in_headers is LoneLineEnds.FIX:
            return section_octets(self._header, text)
        at = (self._header + text).find(b"\r\n\r\n")
        return len(text) if at < 0 else at + 4 - len(self._header)

    def _pass(self, part: bytes, last_octets: bytes, octets: int) -> None:
        """Count *part* as gone, and note whether the header section went with it. It was of *octets* that ended in
        *last_octets* when it came."""
        self._passed += octets
        self._before = last_octets
        if self._header:
            seam = self._header + part
            self._header = b"" if b"\r\n\r\n" in seam else seam[-2:]


class Content(Gathering):
    """Octets after DATA in."""

    __slots__ = ("_held", "_is_ambiguous", "_skip")

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self._held = (
            b"\r\n"  # the CRLF that ended DATA, then each time a beginning of a terminator or of a stuffed line
        )
        self._skip = 2  # how many of the next octets are DATA's
        self._is_ambiguous = False  # a stuffed line would have been an end, had its own end been CRLF

    def receive(self, octets: bytes) -> bytes:
        """Take what the client sent, cut anywhere. Returns what stands behind the terminator, if that was found: then
        this is not to be called again."""
        assert self._end is None
        window = self._held + octets
        dotted = window.find(STUFFED)  # a terminator begins like a stuffed line: mostly this is the only search
        at = window.find(TERMINATOR, dotted) if dotted >= 0 else -1
        end = at + 2 if at >= 0 else len(window) - _beginning(window)
        text = window[:end]
        self._held = window[end:]
        if 0 <= dotted < end - 2:
            text = text.replace(STUFFED, b"\r\n")
            self._is_ambiguous |= self._terms.mends and STUFFED_NOTHING.search(window, dotted, end) is not None
        if self._skip and text:
            text = text[self._skip :]
            self._skip = 0
        if at >= 0:
            self._held = b""
            self._finish(text)
            if self._is_ambiguous:
                self._spoil(replies.LONE_IN_BODY)
            return window[at + len(TERMINATOR) :]
        if self._fault is None:
            self._keep(text)
        return b""


def _beginning(window: bytes) -> int:
    """How many of the last octets of *window* may turn out to begin a terminator or a stuffed line."""
    if window.endswith(b"\r"):
        return 4 if window.endswith(b"\r\n.\r") else 1
    if window.endswith(b"\n"):
        return 2 if window.endswith(b"\r\n") else 0
    return 3 if window.endswith(STUFFED) else 0


class Plain(Gathering):
    """Content that comes without dots put in, and whose end is known by whoever brings it."""

    __slots__ = ()

    def receive(self, octets: bytes) -> None:
        """Take some of it, cut anywhere."""
        assert self._end is None
        if self._fault is None:
            self._keep(octets)

    def end(self, octets: bytes = b"") -> None:
        """Take the last of it."""
        assert self._end is None
        self._finish(octets)
