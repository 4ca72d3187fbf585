"""How envelopes and content are judged that do not come in SMTP: as those that do, by the same options."""

from __future__ import annotations

from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms
from momentum_trio.reception.rules import Rules

EXTENSIONS = ("8BITMIME", "SIZE", "DSN", "SMTPUTF8", "CHUNKING", "BINARYMIME")
"""Whose parameters are known. There is no EHLO in which less could be offered."""


def injection_terms(options: SessionOptions, rules: Rules) -> Terms:
    """The terms of ``reception.injection`` along the chain that *options* and *rules* are of."""
    mail = rules.options
    return Terms(
        host=rules.hostname,
        greeting=Reply(220, "", ("",)),
        extensions=EXTENSIONS,
        message_octets_max=options.message_octets_max,
        pedantic_addresses=options.pedantic_addresses,
        trailing_whitespace=options.whitespace_in_envelope,
        unqualified_reverse_path=bool(mail.domain_for_unqualified_senders),
        unqualified_forward_path=bool(mail.domain_for_unqualified_recipients),
        lone_line_ends_in_headers=LoneLineEnds(options.lone_lf_in_headers),
        lone_line_ends_in_body=LoneLineEnds(options.lone_lf_in_body),
    )
