"""Failures on purpose (Inject_Failures, ours): this host as the server that somebody tests his client with.

rcpt /@slow[.]example$/ 50% delay 5    half of the recipients that the pattern (RE2) is found in wait five seconds
data 10% 451 4.3.0 no room             a tenth of the transactions are deferred
content drop                           the connection ends where the final reply was due
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from momentum_trio.config.kind import show_list, words_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.pattern import Pattern
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value
from momentum_trio.mail.reply import Reply

FAILURES_MAX: Final = 100
DELAY_SECONDS_MAX: Final = 3600

_RULE = re.compile(
    r"(?P<stage>[a-z]+)(?: /(?P<pattern>.*)/(?= ))?(?: (?P<percent>[0-9]{1,3})%)? (?:"
    r"(?P<drop>drop)|delay (?P<delay>[0-9]{1,4})|(?P<reply>[45][0-9]{2} [ -~]{1,400}))"
)
EXPECTED: Final = "STAGE [/PATTERN/] [N%] and one of: 4yz or 5yz TEXT, delay SECONDS, drop"


class Stage(Enum):
    """Where in a session something fails. The pattern is looked for in what stands behind it."""

    CONNECT = "connect"  # instead of the greeting; it has no pattern
    EHLO = "ehlo"  # also HELO: what the client calls himself
    MAIL = "mail"  # the reverse-path
    RCPT = "rcpt"  # the forward-path
    DATA = "data"  # any forward-path that was accepted
    CONTENT = "content"  # the same, where the final reply is due: the message is not taken


@dataclass(frozen=True, slots=True)
class Failure:
    """What fails. percent: of the occasions. reply: said instead of ours; else the client waits *delay_seconds*, or,
    where there are none, the connection ends without a word."""

    text: str
    stage: Stage
    pattern: Pattern | None
    percent: int
    reply: Reply | None
    delay_seconds: int | None

    @classmethod
    def parse(cls, text: str) -> Failure:
        """The failure that *text* says. Raises ValueError."""
        match = _RULE.fullmatch(text)
        if match is None:
            raise ValueError(f"expected {EXPECTED}")
        stage, percent = _stage(match["stage"]), int(match["percent"] or 100)
        if not 1 <= percent <= 100:
            raise ValueError("expected a share from 1% to 100%")
        if stage is Stage.CONNECT and match["pattern"] is not None:
            raise ValueError("connect has no pattern: nothing was said yet")
        pattern = None if match["pattern"] is None else Pattern(match["pattern"], any_case=True)
        reply = Reply.of(match["reply"]) if match["reply"] else None
        return cls(text, stage, pattern, percent, reply, _delay(match["delay"]))

    def concerns(self, *texts: str) -> bool:
        """Whether one of *texts* is what it is about."""
        return self.pattern is None or any(self.pattern.found_in(text) is not None for text in texts)


def _stage(word: str) -> Stage:
    try:
        return Stage(word)
    except ValueError:
        raise ValueError(f"expected a stage: {', '.join(stage.value for stage in Stage)}") from None


def _delay(digits: str | None) -> int | None:
    if digits is None:
        return None
    if not 1 <= int(digits) <= DELAY_SECONDS_MAX:
        raise ValueError(f"expected a delay from 1 to {DELAY_SECONDS_MAX} seconds")
    return int(digits)


def _failures(value: Value) -> tuple[Failure, ...]:
    texts = words_of(value, f"a list of failures, each {EXPECTED}")
    if len(texts) > FAILURES_MAX:
        raise ValueError(f"expected at most {FAILURES_MAX} failures")
    return tuple(Failure.parse(text) for text in texts)


def _show(failures: tuple[Failure, ...]) -> str:
    return show_list(failure.text for failure in failures)


FAILURES: Kind[tuple[Failure, ...]] = Kind("string-list", _failures, _show)


class FailureOptions(Options):
    """What fails on purpose."""

    failures = Option(
        "Inject_Failures",
        FAILURES,
        (),
        scopes("peer"),
        f"Failures on purpose, for tests of the peer's own software: {EXPECTED}. STAGE: connect, ehlo, mail, rcpt, data"
        " or content. The rejectlog names the module inject.",
        ours=True,
    )
