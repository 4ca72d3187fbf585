"""What a client is asked to send, and what came of it, as values: the events of an SMTP client conversation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from momentum_trio.mail.dsn import NO_RETURNING, Returning, Wish
from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client_credentials import Credentials
from momentum_trio.protocol.smtp.client_extensions import Extensions

Attributes = tuple[tuple[str, str], ...]


class Use(Enum):
    """Whether something that a server may offer is used: the words of the options TLS and XCLIENT."""

    NO = "no"
    IF_AVAILABLE = "ifavailable"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ClientTerms:
    """What a client calls itself, and how it behaves.

    name: for EHLO, HELO and LHLO; a domain name or an address literal. extended: False: HELO, and no extension is used.
    declares_eight_bit: BODY=8BITMIME goes with content that needs it, where the server offers that (RFC 6152).
    sends_eight_bit_anyway: such content is also sent to a server that does not offer it; otherwise it is refused.
    lmtp: speaks LMTP (RFC 2033). tls: of STARTTLS (RFC 3207). clear_after_refusal: where STARTTLS is offered, not
    required, and refused, the conversation goes on without. credentials: for AUTH, without which nothing is sent.
    xclient: of XCLIENT, which tells the server who handed a message in.
    """

    name: str
    extended: bool = True
    declares_eight_bit: bool = True
    sends_eight_bit_anyway: bool = False
    lmtp: bool = False
    tls: Use = Use.NO
    clear_after_refusal: bool = True
    credentials: Credentials | None = None
    xclient: Use = Use.NO


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One mail transaction to be made. Paths are canonical (``mail/path.py``).

    octets: of the content, before its dots are doubled. eight_bit: whether the content has octets above 127. binary:
    whether it has to be declared BINARYMIME (RFC 3030): a lone CR or LF, or what else no line can hold. smtputf8:
    whether it needs SMTPUTF8 (RFC 6531) whatever its paths are. returning, wishes: what was asked about notifications
    (RFC 3461), the latter for each forward-path in their order, or empty when nobody asked. name: what the client
    calls itself for it; empty: as in its terms. origin: the attributes for XCLIENT.
    """

    reverse_path: str
    forward_paths: tuple[str, ...]
    octets: int
    eight_bit: bool = False
    binary: bool = False
    smtputf8: bool = False
    returning: Returning = NO_RETURNING
    wishes: tuple[Wish, ...] = ()
    name: str = ""
    origin: Attributes = ()


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What became of one forward-path.

    reply: the server's, or ours where the text begins with ``[internal]``. Below 400 the server has custody; from 400
    on it may be tried again; from 500 on it may not. stage: where the conversation stood.
    """

    reply: Reply
    stage: Stage


class Event(msgspec.Struct, frozen=True, gc=False):
    """Base of all events."""


class TlsWanted(Event, frozen=True):
    """The server waits for the handshake of TLS: after it ``secured`` is called, or ``abandon`` when it failed."""


class Ready(Event, frozen=True):
    """Hello was accepted, and what had to follow it: a transaction may begin, or the conversation may end."""

    extensions: Extensions


class ContentWanted(Event, frozen=True):
    """The server asks for content: it is sent with ``content`` and ``end_content``."""


class Concluded(Event, frozen=True):
    """The transaction is over. verdicts: one for each forward-path, in their order."""

    verdicts: tuple[Verdict, ...]


class Ended(Event, frozen=True):
    """The conversation is over, for the reason given: to be said of every transaction that had no turn.

    left: the server went away, or said that it would, before it had heard the end of a content: what this is the
    verdict of was not decided, and cannot have been taken, so that it may be given to another one at once.
    """

    verdict: Verdict
    left: bool = False
