"""From options to the terms of an SMTP conversation."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from momentum_trio import __version__
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_security import AUTH, STARTTLS, Security
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.claims import XCLIENT_OFFER
from momentum_trio.protocol.smtp.terms import Injection, LoneLineEnds, Terms
from momentum_trio.reception.reception_options import ReceptionOptions, forward_paths_max
from momentum_trio.reception.rules import Rules

CHUNKING, BINARYMIME, LIMITS, SIZE = "CHUNKING", "BINARYMIME", "LIMITS", "SIZE"
LIMIT_MAX = 999_999
"""What a limit can be told to be at most: it has six digits (RFC 9422 section 4)."""

# What SMTP_Extensions may list and is offered wherever it is; STARTTLS and AUTH depend on more (esmtp_security).
OFFERED_IF_LISTED = ("ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8", CHUNKING, BINARYMIME)

# The same of what a trusted peer may say about the client (protocol/smtp/claims.py), with the lines of EHLO.
TRUSTED = {
    "XCLIENT": XCLIENT_OFFER,
    "XREMOTEIP": "XREMOTEIP",
    "XSETCONTEXT": "XSETCONTEXT",
    "XDUMPCONTEXT": "XDUMPCONTEXT",
}

ALWAYS_OFFERED = ("PIPELINING", "8BITMIME")
_KNOWN = frozenset((*ALWAYS_OFFERED, SIZE, LIMITS, STARTTLS, *OFFERED_IF_LISTED, *TRUSTED))

DATE = "DATE"


INJECTION = {"reject": Injection.REJECT, "ignore": Injection.IGNORE, "allow": Injection.IGNORE}


def terms_of(
    options: SessionOptions,
    limits: SessionOptions,
    rules: Rules,
    security: Security,
    peer_text: str,
    date: str,
    trusted: tuple[str, ...] = (),
    opening: str = "",
) -> Terms:
    """The terms that *options* (of what he is told), *limits*, *rules* and *security* make for one client.

    peer_text: his address. date: the time in the greeting. trusted: what ``for_trusted`` gives him. opening: a line in
    front of the greeting, ``220-TEXT``.
    """
    mail, host = rules.options, options.banner_hostname or rules.hostname
    banner = options.static_banner or f"220 {host} ESMTP momentum-trio {__version__} {date}"
    return Terms(
        host=host,
        greeting=Reply(220, "", (opening[4:], banner[4:])) if opening else Reply.of(banner),
        extensions=(*extensions(options, mail), *trusted, *security.extensions),
        message_octets_max=limits.message_octets_max,
        require_ehlo=limits.require_ehlo,
        pedantic_addresses=limits.pedantic_addresses,
        trailing_whitespace=limits.trailing_whitespace,
        whitespace_in_envelope=limits.whitespace_in_envelope,
        bad_commands_max=limits.bad_commands_max,
        peer_text=peer_text,
        unqualified_reverse_path=bool(mail.domain_for_unqualified_senders),
        unqualified_forward_path=bool(mail.domain_for_unqualified_recipients),
        in_tls=security.in_tls,
        starttls_injection=INJECTION[options.starttls_injection_policy],
        mechanisms_in_tls=security.mechanisms_in_tls,
        lone_line_ends_in_headers=LoneLineEnds(limits.lone_lf_in_headers),
        lone_line_ends_in_body=LoneLineEnds(limits.lone_lf_in_body),
    )


def extensions(options: SessionOptions, mail: ReceptionOptions) -> tuple[str, ...]:
    """The EHLO lines after the first (spec/listeners.md section 2.1): SIZE only with a limit, or when it is listed.

    BINARYMIME is nothing without CHUNKING (RFC 3030 section 3).
    """
    listed = {word.upper() for word in options.smtp_extensions}
    if CHUNKING not in listed:
        listed.discard(BINARYMIME)
    size: tuple[str, ...] = (SIZE,) if SIZE in listed else ()
    if options.message_octets_max:
        size = (f"{SIZE} {options.message_octets_max}",)
    limits = (_limits(mail),) if LIMITS in listed else ()
    return (*ALWAYS_OFFERED, *size, *(word for word in OFFERED_IF_LISTED if word in listed), *limits)


def for_trusted(options: SessionOptions) -> tuple[str, ...]:
    """The EHLO lines of what only a trusted peer may do: *options* are those of the peer that we see ourselves."""
    listed = {word.upper() for word in options.smtp_extensions}
    return tuple(line for word, line in TRUSTED.items() if word in listed)


def strangers(listed: Iterable[str]) -> Iterator[str]:
    """What SMTP_Extensions lists that is no extension, each with what is meant perhaps."""
    for word in listed:
        if word.upper() not in _KNOWN and not word.upper().startswith(AUTH):
            near = difflib.get_close_matches(word.upper(), sorted(_KNOWN), 1)
            yield f"there is no {word}" + (f" (did you mean {near[0]}?)" if near else "")


def _limits(mail: ReceptionOptions) -> str:
    """What is refused beyond it anyway (RFC 9422 section 4)."""
    receptions_max = min(mail.receptions_per_connection_max, LIMIT_MAX)
    mails = f" MAILMAX={receptions_max}" if receptions_max else ""
    return f"{LIMITS}{mails} RCPTMAX={forward_paths_max(mail)}"
