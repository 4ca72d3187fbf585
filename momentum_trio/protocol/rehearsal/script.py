"""Scripts of SMTP sessions: what a client says, and what is expected of the server.

docs/protocols/session-recording.md tells of both formats.

    # who may send where
    < 220
    EHLO client.example
    < 250 SIZE                      some line of the reply begins so
    MAIL FROM:<a@b.example>
    RCPT TO:<c@d.example>
    < 550 5.7.1
    RCPT TO:<postmaster>
    DATA
    < 354
    Subject: hello

    Content as it is sent: a line that begins with a dot has one more, and a dot alone ends it.
    .
    < 250
    + 400                           so many seconds pass
    < 421
    < closed

An empty line and one that begins with ``#`` say nothing. ``> LINE`` says LINE whatever it begins with. Content follows
DATA unless another reply than 354 is expected to it, and is sent if the server asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from momentum_trio.protocol.rehearsal.recording import ClientEntry, Content, Line
from momentum_trio.protocol.rehearsal.shape import Measure
from momentum_trio.protocol.smtp.command import COMMAND_OCTETS_MAX

SCRIPT_OCTETS_MAX = 16 * 1024 * 1024
STEPS_MAX = 16_384
PASSING_SECONDS_MAX = 7 * 86_400
CLOSED = "closed"
CRLF = b"\r\n"


class ScriptError(Exception):
    """A script is none: at its line *number*."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(problem)
        self.number = number


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of the server, in line *number*: a reply, some line of which begins with *text*; or to leave."""

    number: int
    text: str

    def holds(self, replies: tuple[str, ...], *, closed: bool) -> bool:
        """Whether *replies*, each its lines joined by LF, hold it; *closed*: the server has left after them."""
        if self.text == CLOSED:
            return closed
        lines = [line for reply in replies for line in reply.split("\n")]
        return any(f"{line[:3]} {line[4:]}".startswith(self.text) for line in lines)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a client says, or time that passes; None: that it has connected. expected: of what is said to it."""

    said: ClientEntry | None
    at: float
    expected: tuple[Expectation, ...] = ()


def parse(octets: bytes) -> tuple[Step, ...]:
    """The steps of a script, the first that of connecting. Raises ScriptError."""
    if len(octets) > SCRIPT_OCTETS_MAX:
        raise ScriptError(1, f"a script has at most {SCRIPT_OCTETS_MAX} octets")
    return _Reading(octets).steps()


class _Reading:
    """A script being read, line by line."""

    def __init__(self, octets: bytes) -> None:
        self._lines = [line.removesuffix(b"\r") for line in octets.split(b"\n")]
        self._number = 0
        self._at = 0.0
        self._steps = [Step(None, 0.0)]

    def steps(self) -> tuple[Step, ...]:
        while self._number < len(self._lines):
            line = self._lines[self._number]
            self._number += 1
            if line.startswith(b"<"):
                self._expect(line[1:])
            elif line.startswith(b"+"):
                self._pass(line[1:])
            elif line.strip() and not line.startswith(b"#"):
                self._say(line[1:].removeprefix(b" ") if line.startswith(b">") else line)
        return tuple(self._steps)

    def _expect(self, octets: bytes) -> None:
        text = octets.strip().decode("ascii", "replace")
        if not text:
            raise ScriptError(self._number, "expected what a reply begins with after '<'")
        step = self._steps[-1]
        self._steps[-1] = replace(step, expected=(*step.expected, Expectation(self._number, text)))

    def _pass(self, octets: bytes) -> None:
        digits = octets.strip().decode("ascii", "replace")
        if not digits.isascii() or not digits.isdigit() or len(digits) > 9 or int(digits) > PASSING_SECONDS_MAX:
            raise ScriptError(self._number, f"expected seconds, at most {PASSING_SECONDS_MAX}, after '+'")
        self._at += int(digits)
        self._add(Step(None, self._at))

    def _say(self, line: bytes) -> None:
        if len(line) + len(CRLF) > COMMAND_OCTETS_MAX:
            raise ScriptError(self._number, f"a line has at most {COMMAND_OCTETS_MAX - len(CRLF)} octets")
        self._add(Step(Line(self._at, line.decode("latin-1")), self._at))
        if line.strip().upper() == b"DATA" and self._is_content_next():
            self._add(Step(self._content(), self._at))

    def _is_content_next(self) -> bool:
        """Look past what is expected of DATA: whether a content stands there."""
        while self._number < len(self._lines) and self._lines[self._number].startswith(b"<"):
            self._number += 1
            self._expect(self._lines[self._number - 1][1:])
        refused = any(not "354".startswith(e.text[:3]) for e in self._steps[-1].expected)
        return not refused and any(self._lines[self._number :])

    def _content(self) -> Content:
        began = self._number
        try:
            end = self._lines.index(b".", began)
        except ValueError:
            raise ScriptError(began, "the content after DATA has no end: a line with a dot alone") from None
        self._number = end + 1
        octets = b"".join(line + CRLF for line in self._lines[began : end + 1])
        measure = Measure()
        measure.take(octets)
        shape, sha256 = measure.shape(ended=True)
        return Content(self._at, shape, sha256, kept=octets)

    def _add(self, step: Step) -> None:
        if len(self._steps) >= STEPS_MAX:
            raise ScriptError(self._number, f"a script has at most {STEPS_MAX} steps")
        self._steps.append(step)
