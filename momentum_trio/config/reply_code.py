"""Codes by which mail is refused, where an option says which."""

from __future__ import annotations

from typing import Final

from momentum_trio.config.kind import word_of
from momentum_trio.config.option import Kind
from momentum_trio.config.value import Value

ACCEPTS: Final = 250
"""The code that refuses nothing."""


def _reply_code(value: Value) -> int:
    text = word_of(value, expected := "250 to accept, or a code from 400 to 459 or 500 to 559, but not 421")
    code = int(text) if text.isascii() and text.isdigit() and len(text) == 3 else 0
    if code != ACCEPTS and (code == 421 or not (400 <= code <= 459 or 500 <= code <= 559)):
        raise ValueError(f"expected {expected}")
    return code


REPLY_CODE: Final[Kind[int]] = Kind("integer", _reply_code, str)
