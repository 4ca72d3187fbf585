"""SMTP replies as values (RFC 5321 section 4.2, enhanced codes RFC 2034 and RFC 3463)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply, of one or several lines.

    code: three digits, 200 to 599 (RFC 5321 section 4.2.1).
    enhanced: the enhanced status code put before each line's text, ``5.7.1``, or empty (RFC 2034 section 4).
    lines: the text, one element a line, without CR or LF; at least one element.
    """

    code: int
    enhanced: str
    lines: tuple[str, ...]
    _octets: bytes = field(default=b"", init=False, repr=False, compare=False)  # once they were asked for

    @classmethod
    def of(cls, text: str) -> Reply:
        """The reply an operator or a table writes on one line: ``550 5.7.1 relaying denied``."""
        code, _, rest = text.partition(" ")
        head, _, tail = rest.partition(" ")
        classes = head.split(".")
        enhanced = len(classes) == 3 and classes[0] == code[0] and all(c.isdigit() for c in classes)
        return cls(int(code), head if enhanced else "", (tail if enhanced else rest,))

    @property
    def positive(self) -> bool:
        """Whether the client's command was taken (2yz and 3yz)."""
        return self.code < 400

    @property
    def text(self) -> str:
        """What the log keeps: the lines in one, after the enhanced code."""
        text = " ".join(self.lines)
        return f"{self.enhanced} {text}" if self.enhanced else text

    def octets(self) -> bytes:
        """The reply as sent, CRLF included (RFC 5321 section 4.2.1)."""
        if not self._octets:
            object.__setattr__(self, "_octets", self._written())
        return self._octets

    def _written(self) -> bytes:
        lines = self.lines
        prefix = f"{self.enhanced} " if self.enhanced else ""
        if len(lines) == 1:
            return f"{self.code} {prefix}{lines[0]}\r\n".encode("ascii", "replace")
        last = len(lines) - 1
        return "".join(
            f"{self.code}{' ' if n == last else '-'}{prefix}{line}\r\n" for n, line in enumerate(lines)
        ).encode("ascii", "replace")

    def __str__(self) -> str:
        return f"{self.code} {self.text}"
