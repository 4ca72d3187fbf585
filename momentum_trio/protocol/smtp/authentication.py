"""AUTH and the lines of its dialogue: base64, bounds, refusals (RFC 4954 section 4). What they say is SASL's."""

from __future__ import annotations

import base64
import re
from typing import Final

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.sasl.mechanism import SERVER_FIRST
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import Auth, Event
from momentum_trio.protocol.smtp.terms import Terms

RESPONSE_OCTETS_MAX: Final = 12288
"""Longest line of a response, CRLF included (section 4)."""

CANCEL: Final = b"*"
EMPTY: Final = "="  # an initial response of no octets

_ARGUMENT = re.compile(r"([A-Za-z0-9_-]{1,20})(?: (\S+))?")  # RFC 4422 section 3.1


def parse(line: str, argument: str, terms: Terms) -> Event | Reply:
    """As ``command.Parse`` has it, of AUTH."""
    if not (match := _ARGUMENT.fullmatch(argument)):
        return replies.AUTH_SYNTAX
    mechanism, initial = match[1].upper(), match[2]
    if mechanism not in terms.mechanisms:
        return replies.MECHANISM_NEEDS_TLS if mechanism in terms.mechanisms_in_tls else replies.MECHANISM_UNKNOWN
    if initial is None:
        return Auth(mechanism)
    if mechanism in SERVER_FIRST:
        return replies.NO_INITIAL_RESPONSE
    octets = b"" if initial == EMPTY else decoded(initial.encode())
    return octets if isinstance(octets, Reply) else Auth(mechanism, octets)


def decoded(text: bytes) -> bytes | Reply:
    """What *text* is the base64 of (RFC 4648 section 4, nothing beside it); the refusal where it is of nothing."""
    try:
        octets = base64.b64decode(text)
    except ValueError:
        return replies.INVALID_BASE64
    return octets if base64.b64encode(octets) == text else replies.INVALID_BASE64


def challenge(octets: bytes) -> Reply:
    """The reply that asks the client for a response to *octets*."""
    return Reply(334, "", (base64.b64encode(octets).decode(),))
