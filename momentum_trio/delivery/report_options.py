"""Options about what senders are told of their mail (read along the outbound chain of the mail they are told of)."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, SECONDS, one_of, quoted, word_of
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
    generate_delays = Option(
        "Generate_Delay_DSN", BOOLEAN, False, OUTBOUND, "Tell the sender of a message that still waits."
    )
    delay_interval = Option(
        "Delay_DSN_Retry_Interval",
        SECONDS,
        3600.0,
        OUTBOUND,
        "Age at which a waiting message is told of first; the pause until it is again doubles each time.",
    )
    delay_interval_max = Option(
        "Delay_DSN_Max_Retry_Interval", SECONDS, 43200.0, OUTBOUND, "The longest such pause; 0: any."
    )


def notice_age_seconds(options: ReportOptions, notices: int) -> float:
    """How old a waiting message must be to be told of when *notices* were sent already; infinite: never.

    The pauses are 1, 2, 4 ... intervals, each at most ``Delay_DSN_Max_Retry_Interval``.
    """
    if not options.generate_delays or not options.delay_interval:
        return float("inf")
    longest = options.delay_interval_max or float("inf")
    doublings = 0
    age = 0.0
    while doublings <= notices and (pause := options.delay_interval * 2.0**doublings) < longest:
        age += pause
        doublings += 1
    return age if doublings > notices else age + (notices + 1 - doublings) * longest
