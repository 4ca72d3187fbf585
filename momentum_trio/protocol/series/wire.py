"""How ``cidr_server`` is asked: a line, answered by any number of lines and an empty one (docs/protocols/series.md).

A line that begins with ``? `` says what was wrong with the question, or with a file; others are what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from momentum_trio.protocol.series.question import LINE_OCTETS_MAX

COMPLAINT = "? "
ANSWER_LINE_OCTETS_MAX = 8192


class Lines:
    """Lines that come in pieces; CRLF and LF end one. octets_max: of each."""

    def __init__(self, octets_max: int) -> None:
        self._octets_max = octets_max
        self._held = bytearray()
        self._searched = 0

    def receive(self, octets: bytes) -> None:
        """Take what came."""
        self._held += octets

    def next(self) -> str | None:
        """The next one; None: it has not come whole yet. Raises ValueError: it is too long."""
        end = self._held.find(b"\n", self._searched)
        if max(end, len(self._held) if end < 0 else 0) > self._octets_max:
            raise ValueError(f"a line of more than {self._octets_max} octets")
        if end < 0:
            self._searched = len(self._held)
            return None
        line = self._held[:end].removesuffix(b"\r").decode("ascii", "replace")
        del self._held[: end + 1]
        self._searched = 0
        return line


def questions() -> Lines:
    """Those that somebody asks."""
    return Lines(LINE_OCTETS_MAX)


def answers() -> Lines:
    """Those of answers."""
    return Lines(ANSWER_LINE_OCTETS_MAX)


def answer_octets(lines: Iterable[str], complaints: Iterable[str]) -> bytes:
    """An answer, whole."""
    said = [COMPLAINT + _visible(each) for each in complaints]
    return "".join(f"{line}\n" for line in (*said, *lines, "")).encode("ascii", "replace")


def _visible(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)[: ANSWER_LINE_OCTETS_MAX // 2]
