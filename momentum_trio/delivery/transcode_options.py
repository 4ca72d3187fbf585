"""Options for servers whose replies are not taken at their word (the response_transcode module)."""

from __future__ import annotations

import re
from typing import Final

from momentum_trio.config.kind import quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.pattern import Pattern
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.value import Value

_REPLACEMENT: Final = re.compile(r"(?:[45][0-9]{2}(?![0-9])|\$[0-9]).*")


def _pattern(value: Value) -> Pattern | None:
    text = word_of(value, "a pattern")
    return Pattern(text) if text else None


def _replacement(value: Value) -> str:
    text = word_of(value, expected := "a reply that begins with 4yz, 5yz or $0 ... $9")
    if text and not (text.isprintable() and _REPLACEMENT.fullmatch(text)):
        raise ValueError(f"expected {expected}")
    return text


PATTERN: Kind[Pattern | None] = Kind("regex", _pattern, lambda held: quoted("" if held is None else held.text))
REPLACEMENT = Kind("string", _replacement, quoted)


class TranscodeOptions(Options):
    """What replies become before anything is made of them."""

    pattern = Option(
        "Response_Transcode_Pattern",
        PATTERN,
        None,
        OUTBOUND,
        "Replies from 400 to 599 in which it is found become Response_Transcode_Replace.",
    )
    replacement = Option(
        "Response_Transcode_Replace",
        REPLACEMENT,
        "",
        OUTBOUND,
        "The reply instead; $0 is what the pattern matched, $1 ... what its groups did.",
    )
