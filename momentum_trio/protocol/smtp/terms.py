"""Terms: everything an SMTP conversation depends on, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from momentum_trio.mail.reply import Reply

BAD_COMMANDS_MAX = 20
"""Bad commands tolerated in one conversation where nobody said otherwise."""


AUTH_TRIES_MAX = 3
"""Dialogues begun in one conversation where nobody said otherwise."""


class Injection(Enum):
    """What octets do that came together with STARTTLS (CVE-2011-0411). They are never taken for what TLS protects."""

    REJECT = "reject"  # STARTTLS is refused, and the conversation ends
    IGNORE = "ignore"  # they are dropped


class LoneLineEnds(Enum):
    """What a CR without LF, or an LF without CR, in a message does to it.

    They never end content, whatever is chosen, and in the header section they are never ignored.
    """

    PEDANTIC = "pedantic"  # it is refused
    IGNORE = "ignore"
    FIX = "fix"  # they become CRLF, unless that would make a line of a single dot


@dataclass(frozen=True, slots=True)
class Terms:
    """What this host offers and tolerates.

    host: the name in the EHLO and HELO replies. greeting: the 220.
    extensions: the EHLO lines after the first, in order: ``PIPELINING``, ``SIZE 1000``. A command, or a parameter of
        MAIL or RCPT, is known only if the extension that defines it is here; so STARTTLS, AUTH with its mechanisms,
        SIZE, BODY and the DSN ones.
    message_octets_max: largest content, stuffing not counted; 0: no limit.
    require_ehlo: MAIL is refused before EHLO or HELO.
    pedantic_addresses: local-parts keep to RFC 5321; otherwise ``a..b@x`` and ``ab.@x`` are taken too.
    trailing_whitespace: blanks at the end of a command, and around a path's brackets, are overlooked.
    whitespace_in_envelope: those at the end of MAIL and RCPT are.
    bad_commands_max: commands wrong in syntax or order that get their own reply; the next gets 421 and the end.
        0: no limit.
    peer_text: the client as the EHLO reply shows it: ``192.0.2.7``.
    unqualified_reverse_path, unqualified_forward_path: a local-part without a domain is taken (reception completes it).
    lone_line_ends_in_headers, lone_line_ends_in_body: as the type says.
    nul_in_content: whether NUL octets in content are let through.
    in_tls: what is said is protected; then STARTTLS is not offered. starttls_injection: as the type says.
    mechanisms_in_tls: SASL mechanisms that will be offered once there is TLS; asked for now they are answered 538.
    auth_tries_max: SASL dialogues that may be begun; the next one gets 421 and the end. 0: no limit.

    mechanisms: of AUTH, in upper case, as *extensions* offer them. known: the keywords whose commands are not unknown:
        those offered, and what belongs on the other side of STARTTLS.
    """

    host: str
    greeting: Reply
    extensions: tuple[str, ...] = ()
    message_octets_max: int = 0
    require_ehlo: bool = False
    pedantic_addresses: bool = True
    trailing_whitespace: bool = False
    whitespace_in_envelope: bool = False
    bad_commands_max: int = BAD_COMMANDS_MAX
    peer_text: str = ""
    unqualified_reverse_path: bool = False
    unqualified_forward_path: bool = False
    lone_line_ends_in_headers: LoneLineEnds = LoneLineEnds.PEDANTIC
    lone_line_ends_in_body: LoneLineEnds = LoneLineEnds.PEDANTIC
    nul_in_content: bool = False
    in_tls: bool = False
    starttls_injection: Injection = Injection.REJECT
    mechanisms_in_tls: frozenset[str] = frozenset()
    auth_tries_max: int = AUTH_TRIES_MAX
    mends: bool = field(init=False, repr=False, compare=False)
    offered: frozenset[str] = field(init=False, repr=False, compare=False)
    mechanisms: frozenset[str] = field(init=False, repr=False, compare=False)
    known: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assert self.message_octets_max >= 0
        assert self.bad_commands_max >= 0
        assert self.auth_tries_max >= 0
        assert self.lone_line_ends_in_headers is not LoneLineEnds.IGNORE
        mends = LoneLineEnds.FIX in (self.lone_line_ends_in_headers, self.lone_line_ends_in_body)
        object.__setattr__(self, "mends", mends)
        lines = [line.upper().split() for line in self.extensions]
        offered = frozenset(words[0] for words in lines)
        assert not (self.in_tls and "STARTTLS" in offered)
        assert "BINARYMIME" not in offered or "CHUNKING" in offered  # RFC 3030 section 3
        object.__setattr__(self, "offered", offered)
        mechanisms = frozenset(word for words in lines if words[0] == "AUTH" for word in words[1:])
        object.__setattr__(self, "mechanisms", mechanisms)
        beyond = {"STARTTLS"} if self.in_tls else {"AUTH"} if self.mechanisms_in_tls else set()
        object.__setattr__(self, "known", offered | beyond)

    def hello(self, verb: str) -> Reply:
        """The reply to an accepted EHLO or HELO (RFC 5321 section 4.1.1.1), no enhanced codes in it (RFC 2034)."""
        first = f"{self.host} says {verb} to {self.peer_text}".rstrip()
        return Reply(250, "", (first, *self.extensions) if verb == "EHLO" else (first,))
