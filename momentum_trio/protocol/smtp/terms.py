"""Terms: everything an SMTP conversation depends on, as one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from momentum_trio.mail.reply import Reply

BAD_COMMANDS_MAX = 20
"""Bad commands tolerated in one conversation where nobody said otherwise."""


class LoneLineEnds(Enum):
    """What a CR without LF, or an LF without CR, in the body of a message does to it.

    They never end content, whatever is chosen, and in the header section they are always refused.
    """

    PEDANTIC = "pedantic"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Terms:
    """What this host offers and tolerates.

    host: the name in the EHLO and HELO replies. greeting: the 220.
    extensions: the EHLO lines after the first, in order: ``PIPELINING``, ``SIZE 1000``. A parameter of MAIL or RCPT is
        known only if the extension that defines it is here; so SIZE, BODY and the DSN ones.
    message_octets_max: largest content, stuffing not counted; 0: no limit.
    require_ehlo: MAIL is refused before EHLO or HELO.
    pedantic_addresses: local-parts keep to RFC 5321; otherwise ``a..b@x`` and ``ab.@x`` are taken too.
    trailing_whitespace: blanks at the end of a command, and around a path's brackets, are overlooked.
    bad_commands_max: commands wrong in syntax or order that get their own reply; the next gets 421 and the end.
        0: no limit.
    peer_text: the client as the EHLO reply shows it: ``192.0.2.7``.
    unqualified_reverse_path, unqualified_forward_path: a local-part without a domain is taken (reception completes it).
    lone_line_ends_in_body: as the type says. nul_in_content: whether NUL octets in content are let through.
    """

    host: str
    greeting: Reply
    extensions: tuple[str, ...] = ()
    message_octets_max: int = 0
    require_ehlo: bool = False
    pedantic_addresses: bool = True
    trailing_whitespace: bool = False
    bad_commands_max: int = BAD_COMMANDS_MAX
    peer_text: str = ""
    unqualified_reverse_path: bool = False
    unqualified_forward_path: bool = False
    lone_line_ends_in_body: LoneLineEnds = LoneLineEnds.PEDANTIC
    nul_in_content: bool = False
    offered: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        assert self.message_octets_max >= 0
        assert self.bad_commands_max >= 0
        object.__setattr__(self, "offered", frozenset(line.partition(" ")[0].upper() for line in self.extensions))

    def hello(self, verb: str) -> Reply:
        """The reply to an accepted EHLO or HELO (RFC 5321 section 4.1.1.1), no enhanced codes in it (RFC 2034)."""
        first = f"{self.host} says {verb} to {self.peer_text}".rstrip()
        return Reply(250, "", (first, *self.extensions) if verb == "EHLO" else (first,))
