"""What a client is asked to send, and what came of it, as values: the events of an SMTP client conversation."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client_extensions import Extensions


@dataclass(frozen=True, slots=True)
class ClientTerms:
    """What a client calls itself, and how it behaves.

    name: for EHLO and HELO; a domain name or an address literal. extended: False: HELO, and no extension is used.
    declares_eight_bit: BODY=8BITMIME goes with content that needs it, where the server offers that (RFC 6152).
    sends_eight_bit_anyway: such content is also sent to a server that does not offer it; otherwise it is refused.
    """

    name: str
    extended: bool = True
    declares_eight_bit: bool = True
    sends_eight_bit_anyway: bool = False


@dataclass(frozen=True, slots=True)
class Transaction:
    """One mail transaction to be made. Paths are canonical (``mail/path.py``).

    octets: of the content, before its dots are doubled. eight_bit: whether the content has octets above 127.
    """

    reverse_path: str
    forward_paths: tuple[str, ...]
    octets: int
    eight_bit: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one forward-path.

    reply: the server's, or ours where the text begins with ``[internal]``. Below 400 the server has custody; from 400
    on it may be tried again; from 500 on it may not. stage: where the conversation stood.
    """

    reply: Reply
    stage: Stage


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class Ready(Event):
    """Hello was accepted: a transaction may begin, or the conversation may end."""

    extensions: Extensions


@dataclass(frozen=True, slots=True)
class ContentWanted(Event):
    """The server asks for content: it is sent with ``content`` and ``end_content``."""


@dataclass(frozen=True, slots=True)
class Concluded(Event):
    """The transaction is over. verdicts: one for each forward-path, in their order."""

    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """The conversation is over, for the reason given: to be said of every transaction that had no turn."""

    verdict: Verdict
