"""The conntrol module: a pause before the greeting, and what becomes of clients that talk in it."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, STRING, integer_between, quoted
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value
from momentum_trio.mail.reply import Reply

CONNTROL = scopes("conntrol")
PAUSE_SECONDS_MAX = 60


def _line(value: Value, expected: str) -> str:
    text = STRING.parse(value)
    for ending in ("\r\n", "\n"):
        text = text.removesuffix(ending)
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"expected {expected}, one line of printable ASCII")
    return text


def _banner(value: Value) -> str:
    text = _line(value, expected := "220- and a text")
    if text and not text.startswith("220-"):
        raise ValueError(f"expected {expected}: our own greeting follows it")
    return text


def _farewell(value: Value) -> Reply | None:
    text = _line(value, expected := "a reply: a code from 400 to 599 and a text")
    if not text:
        return None
    code, blank, words = text.partition(" ")
    if not (len(code) == 3 and code.isdecimal() and code[0] in "45" and blank and words):
        raise ValueError(f"expected {expected}")
    return Reply.of(text)


class ConntrolOptions(Options):
    """What one conntrol scope says; the first of the file that is enabled holds for all ESMTP listeners."""

    enabled = Option("enabled", BOOLEAN, True, CONNTROL, "Whether any of this is done.")
    banner = Option(
        "banner", Kind("string", _banner, quoted), "", CONNTROL, "A line in front of the greeting: 220-TEXT."
    )
    pause_seconds = Option(
        "pause_time",
        integer_between(0, PAUSE_SECONDS_MAX, "time-seconds", "seconds"),
        0,
        CONNTROL,
        "Seconds before the greeting. Who talks meanwhile has early_talker = yes in his connection context.",
    )
    farewell = Option(
        "disconnect_ratware",
        Kind[Reply | None]("string", _farewell, lambda reply: quoted("" if reply is None else str(reply))),
        None,
        CONNTROL,
        "The reply said to who talks before the greeting, and the end. Without it he is greeted.",
    )
