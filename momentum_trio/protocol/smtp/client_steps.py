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

from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage


class Step(Enum):
    """What a reply leads to."""

    HELLO = auto()  # say EHLO, HELO or LHLO
    HELLO_SIMPLY = auto()  # EHLO is not known there: say HELO
    GREETED = auto()  # what is to come before the first transaction, or the one that waits
    SECURE = auto()  # the handshake of TLS
    STAY_CLEAR = auto()  # there will be none
    RESPOND = auto()  # to a challenge of AUTH
    AUTHENTICATED = auto()
    NOT_AUTHENTICATED = auto()
    TOLD = auto()  # who handed the message in, and greets that one
    UNTOLD = auto()  # it does not want to know who handed the message in
    GO_ON = auto()
    SENDER_TAKEN = auto()
    SENDER_REFUSED = auto()  # with it every forward-path
    RECIPIENT_TAKEN = auto()
    RECIPIENT_DECIDED = auto()
    CONTENT = auto()  # the server waits for it
    DECIDED = auto()  # the reply is the verdict of every forward-path that has none
    END = auto()  # the reply is the reason why nothing can be done here
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """Something a reply is awaited to.

    words: what reasons of ours call it. stage: of the wait for the reply. unanswered, unsent: the reasons when no reply
    came, and when it could not be said.
    """

    words: str
    stage: Stage
    steps: Mapping[int, Step]
    unanswered: Reply
    unsent: Reply


def _question(
    words: str, stage: Stage, steps: Mapping[int, Step], enhanced: str = "4.4.2", silence: str = ""
) -> Question:
    def reply(text: str) -> Reply:
        return Reply(451, enhanced, (f"[internal] {text}",))

    return Question(words, stage, steps, reply(silence or f"no {words} response"), reply(f"send {words} failed"))


_DECIDED: Final = {2: Step.DECIDED, 4: Step.DECIDED, 5: Step.DECIDED}
_RECIPIENT_DECIDED: Final = {2: Step.RECIPIENT_DECIDED, 4: Step.RECIPIENT_DECIDED, 5: Step.RECIPIENT_DECIDED}


class Asked(Enum):
    """Every question. The first asks itself: by the connection."""

    def __init__(self, question: Question) -> None:
        self.stage, self.steps = question.stage, question.steps  # of every reply: Enum.value takes its time

    BANNER = _question(  # section 3.1
        "banner",
        Stage.READING_BANNER,
        {2: Step.HELLO, 4: Step.END, 5: Step.END},
        silence="no banner",
    )
    EHLO = _question(  # section 3.2
        "HELO/EHLO",
        Stage.DURING_EHLO,
        {2: Step.GREETED, 4: Step.END, 5: Step.HELLO_SIMPLY},
    )
    HELO = _question("HELO/EHLO", Stage.DURING_EHLO, {2: Step.GREETED, 4: Step.END, 5: Step.END})
    LHLO = _question("LHLO", Stage.DURING_EHLO, {2: Step.GREETED, 4: Step.END, 5: Step.END})  # RFC 2033 section 4.1
    STARTTLS = _question(  # RFC 3207 section 4
        "STARTTLS",
        Stage.DURING_STARTTLS,
        {2: Step.SECURE, 4: Step.STAY_CLEAR, 5: Step.STAY_CLEAR},
        enhanced="4.7.5",
        silence="no tls go-ahead",
    )
    AUTH = _question(  # RFC 4954 section 4
        "AUTH",
        Stage.AFTER_EHLO,
        {2: Step.AUTHENTICATED, 3: Step.RESPOND, 4: Step.NOT_AUTHENTICATED, 5: Step.NOT_AUTHENTICATED},
    )
    XCLIENT = _question(
        "XCLIENT",
        Stage.DURING_XCLIENT,
        {2: Step.TOLD, 4: Step.UNTOLD, 5: Step.UNTOLD},
    )
    RSET = _question("RSET", Stage.DURING_RSET, {2: Step.GO_ON})
    MAIL = _question(
        "MAIL FROM",
        Stage.DURING_MAIL,
        {2: Step.SENDER_TAKEN, 4: Step.SENDER_REFUSED, 5: Step.SENDER_REFUSED},
    )
    RCPT = _question(
        "RCPT TO",
        Stage.DURING_RCPT,
        {2: Step.RECIPIENT_TAKEN, 4: Step.RECIPIENT_DECIDED, 5: Step.RECIPIENT_DECIDED},
    )
    DATA = _question("DATA", Stage.DURING_DATA, {3: Step.CONTENT, 4: Step.DECIDED, 5: Step.DECIDED})
    CONTENT = _question("BODY", Stage.READING_CONFIRMATION, _DECIDED)
    CONTENT_OF_ONE = _question("BODY", Stage.READING_CONFIRMATION, _RECIPIENT_DECIDED)  # RFC 2033 section 4.2
    QUIT = _question(
        "QUIT",
        Stage.IDLE,
        {2: Step.CLOSE, 4: Step.CLOSE, 5: Step.CLOSE},
    )


class State(Enum):
    """What the shell may do."""

    HELLO = auto()  # wait
    SECURING = auto()  # shake hands, say that it is secured
    READY = auto()  # begin a transaction, quit
    COMMANDS = auto()  # wait
    SENDING = auto()  # send content, end it
    CONFIRMING = auto()  # wait
    QUITTING = auto()  # wait
    CLOSED = auto()


GROUP_COMMANDS_MAX: Final = 100
"""Most commands without a reply where the server offers PIPELINING: some 10 KB, so that neither side waits for the
other to read (RFC 2920 section 3.1)."""
