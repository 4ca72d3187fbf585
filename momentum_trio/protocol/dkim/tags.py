"""Tag lists (RFC 6376 section 3.2): of signatures, of key records, and of DMARC records."""

from __future__ import annotations

import re

TAGS_MAX = 64
TEXT_CHARACTERS_MAX = 16_384

BLANKS = re.compile(r"[ \t\r\n]+")
_SPEC = re.compile(r"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=([^;]*)")


def tag_list(text: str) -> dict[str, str]:
    """The tags of *text* in their order, values without the blanks around them. Raises ValueError."""
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError("a tag list that is too long")
    specs = text.split(";")
    if not specs[-1].strip():
        specs.pop()
    if len(specs) > TAGS_MAX:
        raise ValueError(f"more than {TAGS_MAX} tags")
    tags: dict[str, str] = {}
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None:
            raise ValueError(f"'{BLANKS.sub(' ', spec).strip()[:20]}' is no tag")
        if match[1] in tags:
            raise ValueError(f"{match[1]}= stands twice")
        tags[match[1]] = match[2].strip(" \t\r\n")
    return tags


def words(value: str) -> tuple[str, ...]:
    """Those of a *value* that are separated by colons."""
    return tuple(word.strip(" \t\r\n") for word in value.split(":"))
