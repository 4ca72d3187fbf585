"""The module mail_loop: from when on mail is taken to go in a circle, and what it is told."""

from __future__ import annotations

from momentum_trio.config.binding import Nested
from momentum_trio.config.chain import Chain
from momentum_trio.config.enabled import first_enabled
from momentum_trio.config.kind import BOOLEAN, integer_between
from momentum_trio.config.option import Option, Options
from momentum_trio.config.reply_code import REPLY_CODE
from momentum_trio.config.scope import scopes

MAIL_LOOP = scopes("mail_loop")
RECEIVED_MAX = 20
CODE = 554


class MailLoopOptions(Options):
    """What one mail_loop scope says; the first that is enabled holds for all mail, and without one the defaults do."""

    enabled = Option("enabled", BOOLEAN, True, MAIL_LOOP, "Whether what is said here holds, rather than the defaults.")
    received_max = Option(
        "max_received_headers",
        integer_between(1, 1000),
        RECEIVED_MAX,
        MAIL_LOOP,
        "Received fields that a message may have; one with more is refused.",
    )
    code = Option(
        "code",
        REPLY_CODE,
        CODE,
        MAIL_LOOP,
        "The code of that refusal; 250: none, and mail_loop_header_count in the connection context says how many.",
    )


def mail_loop_chain(root: Nested) -> Chain:
    """Who answers for them in a configuration. root: its file level."""
    return first_enabled(root, "mail_loop", MailLoopOptions.resolve) or Chain(())
