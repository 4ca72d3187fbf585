"""Why messages wait: the same few texts again and again, each kept once."""

from __future__ import annotations

import re
from array import array

REASONS_MAX = 0xFFFF
"""Different reasons in memory; of one too many only its codes are kept, or nothing. The log has it whole."""

_CODES = re.compile(r"[2-5][0-9][0-9](?: [245]\.[0-9]{1,3}\.[0-9]{1,3})?", re.ASCII)


class Reasons:
    """Texts by number, counted; 0 is the empty one."""

    __slots__ = ("_counts", "_free", "_numbers", "_texts")

    def __init__(self) -> None:
        self._texts = [""]
        self._counts = array("I", [0])
        self._numbers: dict[str, int] = {}
        self._free: list[int] = []

    def note(self, text: str) -> int:
        """One more message waits for the reason *text*; its number."""
        if not text:
            return 0
        number = self._numbers.get(text)
        if number is None:
            if len(self._numbers) >= REASONS_MAX:
                codes = _CODES.match(text)
                return self.note(codes[0]) if codes is not None and codes[0] != text else 0
            number = self._new(text)
        self._counts[number] += 1
        return number

    def _new(self, text: str) -> int:
        if self._free:
            number = self._free.pop()
            self._texts[number] = text
        else:
            number = len(self._texts)
            self._texts.append(text)
            self._counts.append(0)
        self._numbers[text] = number
        return number

    def drop(self, number: int) -> None:
        """One message less."""
        if not number:
            return
        self._counts[number] -= 1
        if not self._counts[number]:
            del self._numbers[self._texts[number]]
            self._texts[number] = ""
            self._free.append(number)

    def text(self, number: int) -> str:
        """What it stands for."""
        return self._texts[number]
