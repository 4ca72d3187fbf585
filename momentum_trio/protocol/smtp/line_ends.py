"""CR without LF and LF without CR in content: where they are, and what becomes of them where they are to be mended.

Only CRLF ends a line of content. A host that takes something else for it can be made to see a message, or its end,
where others see none (SMTP smuggling). So what is mended here has no line of a single dot that some host would have
seen and another not: such content is an attack, or is broken beyond repair.
"""

from __future__ import annotations

import re
from typing import Final

LONE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_EMPTY_LINE = re.compile(rb"(?>\r\n|[\r\n])(?>\r\n|[\r\n])")
_HIDDEN_DOT = re.compile(rb"(?:\r(?!\n)|(?<!\r)\n)\.(?=[\r\n])|\n\.(?:\r(?!\n)|\n)")

STUFFED_NOTHING: Final = re.compile(rb"\r\n\.(?:\r(?!\n)|\n)")
"""The same line as DATA brings it: the dot would be taken for one that was put in front of a line, and go."""

SEAM_OCTETS: Final = 3
"""What ``hides_a_dot`` has to know of what stands before: a line end and a dot."""


def mended(octets: bytes) -> bytes:
    """*octets* with CRLF for each lone one. What is given must not begin or end between CR and LF."""
    return LONE.sub(b"\r\n", octets)


def hides_a_dot(before: bytes, octets: bytes, behind: bytes) -> bool:
    """Whether a line of *octets* would be a single dot once they are mended, and is none now.

    before: the last SEAM_OCTETS of what stands before them; CRLF where nothing does. behind: what comes next.
    """
    return _HIDDEN_DOT.search(before + octets + behind) is not None


def section_octets(before: bytes, octets: bytes) -> int:
    """How many of *octets* belong to a header section that is to be mended: its end may be of lone ones too.

    before: the last two of what stands before them, mended; CRLF where nothing does.
    """
    found = _EMPTY_LINE.search(before + octets)
    return len(octets) if found is None else found.end() - len(before)
