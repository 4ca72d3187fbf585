"""The text of one file, and places in it."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right

from momentum_trio.config.error import ConfigError, ConfigErrors
from momentum_trio.config.value import Position

FILE_OCTETS_MAX = 64 * 1024 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE = re.compile(r"\n")


class Source:
    """One file's text, never changed. A byte order mark is not part of it; line ends are as they stand in the file."""

    __slots__ = ("_starts", "has_mark", "name", "text")

    def __init__(self, name: str, text: str, *, has_mark: bool = False) -> None:
        self.name, self.text, self.has_mark = name, text, has_mark
        self._starts = array("Q", [0])
        self._starts.extend(match.end() for match in _LINE.finditer(text))

    @classmethod
    def decode(cls, name: str, octets: bytes) -> Source:
        """The text of *octets*, UTF-8. Raises ConfigErrors: too large, not UTF-8, a NUL in it."""
        if len(octets) > FILE_OCTETS_MAX:
            problem = f"the file is larger than {FILE_OCTETS_MAX} octets"
            raise ConfigErrors([ConfigError(Position(name, 1, 1), "", problem)])
        has_mark = octets.startswith(_BYTE_ORDER_MARK)
        octets = octets.removeprefix(_BYTE_ORDER_MARK)
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError as error:
            source = cls(name, octets.decode("utf-8", "replace"))
            at = source.at(len(octets[: error.start].decode("utf-8")))
            problem = f"not UTF-8: octet 0x{octets[error.start]:02x}"
            raise ConfigErrors([ConfigError(at, "", problem)], {name: source.text}) from None
        source = cls(name, text, has_mark=has_mark)
        if (nul := text.find("\0")) >= 0:
            raise ConfigErrors([ConfigError(source.at(nul), "", "a NUL in the text")], {name: text})
        return source

    @property
    def octets(self) -> bytes:
        """The file as it was read."""
        return (_BYTE_ORDER_MARK if self.has_mark else b"") + self.text.encode("utf-8")

    def at(self, offset: int) -> Position:
        """The place *offset* characters into the text; the end of the text is the last place there is."""
        line = bisect_right(self._starts, offset)
        return Position(self.name, line, offset - self._starts[line - 1] + 1)

    def offset(self, at: Position) -> int:
        """The inverse of ``at``."""
        return self._starts[at.line - 1] + at.column - 1

    def indentation(self, offset: int) -> int:
        """The number of blanks before the first word of the line in which *offset* lies."""
        return len(self.indent(offset))

    def indent(self, offset: int) -> str:
        """The blanks themselves."""
        start = self._starts[bisect_right(self._starts, offset) - 1]
        line = self.text[start : start + 200].split("\n", 1)[0]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def line_end(self, offset: int) -> int:
        """Where the line of *offset* ends, before its line end."""
        line = bisect_right(self._starts, offset)
        return self._starts[line] - 1 if line < len(self._starts) else len(self.text)

    def is_first_on_line(self, offset: int) -> bool:
        """Whether only blanks stand before *offset* on its line."""
        start = self._starts[bisect_right(self._starts, offset) - 1]
        return not self.text[start:offset].strip(" \t")
