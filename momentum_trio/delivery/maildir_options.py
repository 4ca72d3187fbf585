"""Options of delivery into Maildirs: ours."""

from __future__ import annotations

from momentum_trio.config.kind import quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.value import Value


def _template(value: Value) -> str:
    text = word_of(value, expected := "a path in which %d is the domain, %l the local-part and %% a percent sign")
    rest = text.replace("%%", "").replace("%d", "").replace("%l", "")
    if "%" in rest or "\0" in rest:
        raise ValueError(f"expected {expected}")
    return text


MAILDIR_TEMPLATE = Kind("path", _template, quoted)


class MaildirOptions(Options):
    """Where the mailboxes are."""

    path = Option(
        "Maildir_Path",
        MAILDIR_TEMPLATE,
        "",
        OUTBOUND,
        "The Maildir of a forward-path: %d its domain, %l its local-part, both made safe.",
        ours=True,
    )
