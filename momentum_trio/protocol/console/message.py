"""What is said over the WebSocket ``/api/v1/console``: one JSON object a text message, each way (docs/events.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from momentum_trio.protocol.console.frame import Form, Line

WORD_MAX = 64
Id = Annotated[str, Meta(max_length=WORD_MAX, description="Said again in the answer.")]


class Command(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="command"):
    """Run this, and answer in *form*."""

    line: Line
    form: Form = "text"
    id: Id = ""


class Complete(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="complete"):
    """What could the word at the end of *line* become?"""

    line: Line
    id: Id = ""


class Banner(Struct, frozen=True, tag_field="type", tag="banner"):
    """The first message: who answers, whom he takes the client for, and after how long a silence he hangs up."""

    product: str
    version: str
    node: str
    user: str
    idle_seconds: float


class Answer(Struct, frozen=True, tag_field="type", tag="answer", omit_defaults=True):
    """To a command. text: in the form *text*; data: in the other. confidential: the line is not to be remembered."""

    id: str
    failed: bool
    confidential: bool
    text: str = ""
    data: Raw = Raw(b"")


class Completions(Struct, frozen=True, tag_field="type", tag="completions"):
    """words: that the one which begins at character *start* of the line could become."""

    id: str
    start: int
    words: Sequence[str]


class Problem(Struct, frozen=True, tag_field="type", tag="error"):
    """What the client said was no message."""

    message: str


Said = Command | Complete
Answered = Banner | Answer | Completions | Problem
_SAID = msgspec.json.Decoder(Said)


def parse(text: str | bytes) -> Said:
    """What a client said. Raises ValueError that says what is wrong, and where."""
    try:
        said: Said = _SAID.decode(text)
    except UnicodeError:
        raise ValueError("expected UTF-8") from None
    except msgspec.MsgspecError as wrong:
        raise ValueError(str(wrong)) from None
    return said


def written(answer: Answered) -> str:
    """*answer* as a message."""
    return msgspec.json.encode(answer).decode()
