"""Options about what senders are told of their mail (read along the outbound chain of the mail they are told of)."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, one_of, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.value import Value
from momentum_trio.mail.path import mailbox


def _mailbox(value: Value) -> str:
    text = word_of(value, expected := "a mailbox such as postmaster@example.com")
    try:
        return mailbox(text) if text else ""
    except ValueError as wrong:
        raise ValueError(f"expected {expected}: {wrong}") from None


MAILBOX: Kind[str] = Kind("string", _mailbox, quoted)


class ReportOptions(Options):
    """Whether reports are made, whom they go to, what they hold."""

    generate_bounces = Option(
        "Generate_Bounces", BOOLEAN, True, OUTBOUND, "Tell the sender when a message has failed after it was taken."
    )
    failures_notify = Option(
        "MDN_Failures_Notify",
        MAILBOX,
        "",
        OUTBOUND,
        "Mailbox that is told when a message with the null reverse-path has failed; without it nobody is.",
    )
    inline_original = Option(
        "Bounces_Inline_Original",
        one_of("none", "headers", "all"),
        "headers",
        OUTBOUND,
        "What of the failed message a report returns, where the sender did not ask (RET); none: never anything.",
    )
    mailer_daemon = Option(
        "MailerDaemon", MAILBOX, "", OUTBOUND, "Mailbox in From of reports; without it mailer-daemon@HOSTNAME."
    )
