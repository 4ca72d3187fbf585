"""What a client's conversation makes of each reply, as a table (RFC 5321 sections 4.2.1 and 4.3.2).

A row for what was asked; in it, by the first digit of the reply's code, what happens next. A digit without a step is a
fault of the server's. Three things need no row: 421 ends the conversation from anywhere (section 3.8), a reply nobody
asked for is a fault or an early refusal, and the end of the server's octets ends all but QUIT with a deferral.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from momentum_trio.mail.stage import Stage


class Step(Enum):
    """What a reply leads to."""

    HELLO = auto()  # say EHLO, or HELO
    HELLO_SIMPLY = auto()  # EHLO is not known there: say HELO
    READY = auto()
    GO_ON = auto()
    SENDER_TAKEN = auto()
    SENDER_REFUSED = auto()  # with it every forward-path
    RECIPIENT_TAKEN = auto()
    RECIPIENT_REFUSED = auto()
    CONTENT = auto()  # the server waits for it
    DECIDED = auto()  # the reply is the verdict of every forward-path that has none
    END = auto()  # the reply is the reason why nothing can be done here
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """Something a reply is awaited to. words: what reasons of ours call it. stage: of the wait for the reply."""

    words: str
    stage: Stage
    steps: Mapping[int, Step]


class Asked(Enum):
    """Every question. The first asks itself: by the connection."""

    BANNER = Question(
        "banner",
        Stage.READING_BANNER,
        {2: Step.HELLO, 4: Step.END, 5: Step.END},  # section 3.1
    )
    EHLO = Question(
        "HELO/EHLO",
        Stage.DURING_EHLO,
        {2: Step.READY, 4: Step.END, 5: Step.HELLO_SIMPLY},  # section 3.2
    )
    HELO = Question("HELO/EHLO", Stage.DURING_EHLO, {2: Step.READY, 4: Step.END, 5: Step.END})
    RSET = Question("RSET", Stage.DURING_RSET, {2: Step.GO_ON})
    MAIL = Question(
        "MAIL FROM",
        Stage.DURING_MAIL,
        {2: Step.SENDER_TAKEN, 4: Step.SENDER_REFUSED, 5: Step.SENDER_REFUSED},
    )
    RCPT = Question(
        "RCPT TO",
        Stage.DURING_RCPT,
        {2: Step.RECIPIENT_TAKEN, 4: Step.RECIPIENT_REFUSED, 5: Step.RECIPIENT_REFUSED},
    )
    DATA = Question("DATA", Stage.DURING_DATA, {3: Step.CONTENT, 4: Step.DECIDED, 5: Step.DECIDED})
    CONTENT = Question(
        "BODY",
        Stage.READING_CONFIRMATION,
        {2: Step.DECIDED, 4: Step.DECIDED, 5: Step.DECIDED},
    )
    QUIT = Question(
        "QUIT",
        Stage.IDLE,
        {2: Step.CLOSE, 4: Step.CLOSE, 5: Step.CLOSE},
    )


class State(Enum):
    """What the shell may do."""

    HELLO = auto()  # wait
    READY = auto()  # begin a transaction, quit
    COMMANDS = auto()  # wait
    SENDING = auto()  # send content, end it
    CONFIRMING = auto()  # wait
    QUITTING = auto()  # wait
    CLOSED = auto()


GROUP_COMMANDS_MAX: Final = 100
"""Most commands without a reply where the server offers PIPELINING: some 10 KB, so that neither side waits for the
other to read (RFC 2920 section 3.1)."""
