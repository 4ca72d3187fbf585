"""What a client said, as values: the events of an SMTP server conversation.

An event whose ``needs_answer`` is true is outstanding until ``Server.answer``; the core has answered the others itself.
``line`` is the command line as received, without its CRLF; in a Refusal octets outside printable ASCII are written
``\\xNN``. Paths are canonical ``local-part@domain`` (``mail/path.py``); the null reverse-path is empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

import msgspec

from momentum_trio.mail.dsn import NO_RETURNING, NO_WISH, Returning, Wish
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.claims import Claim


class Event(msgspec.Struct, frozen=True, gc=False):
    """Base of all events."""

    needs_answer: ClassVar[bool] = False


class Hello(Event, frozen=True):
    """``EHLO`` or ``HELO`` (RFC 5321 section 4.1.1.1). Accepted, it also drops a mail transaction (section 4.1.4).

    verb: ``EHLO`` or ``HELO``. domain: the argument as the client spelled it.
    """

    verb: str
    domain: str
    line: str
    needs_answer: ClassVar[bool] = True


class Mail(Event, frozen=True):
    """``MAIL FROM``: begins a mail transaction (RFC 5321 section 4.1.1.2).

    reverse_path: where bounces go; empty for the null reverse-path (section 4.5.5); without ``@`` when the client
        gave no domain and the terms allow that.
    parameters: keyword in upper case to value as sent; None where the keyword stood alone.
    size: octets the client declared with SIZE (RFC 1870 section 6), or None. Within the limit of the terms.
    body: ``7BIT``, ``8BITMIME``, ``BINARYMIME``, or empty when the client did not say (RFC 6152, RFC 3030 section 3).
        Nothing is refused because of the first two: 8-bit content that was not declared is taken as it is.
    returning: RET and ENVID (RFC 3461).
    """

    reverse_path: str
    parameters: Mapping[str, str | None]
    size: int | None
    body: str
    line: str
    returning: Returning = NO_RETURNING
    needs_answer: ClassVar[bool] = True

    @property
    def smtputf8(self) -> bool:
        """Whether paths and header fields may hold characters beyond ASCII (RFC 6531 section 3.4)."""
        return "SMTPUTF8" in self.parameters


class Rcpt(Event, frozen=True):
    """``RCPT TO``: one more forward-path (RFC 5321 section 4.1.1.3). ``postmaster`` may stand without a domain.

    wish: NOTIFY and ORCPT (RFC 3461).
    """

    forward_path: str
    parameters: Mapping[str, str | None]
    line: str
    wish: Wish = NO_WISH
    needs_answer: ClassVar[bool] = True


class Data(Event, frozen=True):
    """``DATA``: asks to send content (RFC 5321 section 4.1.1.4); answered with 354, or refused. Never without a
    forward-path that was accepted."""

    needs_answer: ClassVar[bool] = True


class Bdat(Event, frozen=True):
    """``BDAT``: a chunk of content follows (RFC 3030 section 2). A row of the tables; what comes out are ContentPart,
    ChunkEnd, ContentEnd, or a Refusal."""


class ContentPart(Event, frozen=True):
    """Some of a large content, unstuffed: at most CONTENT_PART_OCTETS, or twice that where lone line ends were mended.
    It never ends between CR and LF."""

    octets: bytes


class ChunkEnd(Event, frozen=True):
    """The end of a chunk that is not the last: 250 is on its way (RFC 3030 section 2). Some of its *octets* may not
    have come out yet."""

    octets: int


class ContentEnd(Event, frozen=True):
    """The end of content, by its terminator or with the last chunk, and the last of its octets: all of them, when no
    ContentPart came before.

    fault: None, or why the content cannot be taken; then *octets* is empty, earlier parts are void, and the answer
        must be a refusal (``answer()`` gives this one).
    """

    octets: bytes
    fault: Reply | None = None
    needs_answer: ClassVar[bool] = True


class Reset(Event, frozen=True):
    """``RSET``: the mail transaction, if any, is dropped (RFC 5321 section 4.1.1.5).

    Answered 250, or 421 when what the client was told at the beginning no longer holds (spec/listeners.md section 2.3).
    """

    needs_answer: ClassVar[bool] = True


class Noop(Event, frozen=True):
    """``NOOP``; its argument means nothing (RFC 5321 section 4.1.1.9)."""

    argument: str


class Vrfy(Event, frozen=True):
    """``VRFY``: answered 252, whoever was asked about (RFC 5321 section 3.5.3)."""

    argument: str


class Expn(Event, frozen=True):
    """``EXPN``: answered 502; there are no lists here (RFC 5321 section 3.5.2)."""

    argument: str


class Help(Event, frozen=True):
    """``HELP``: answered with the list of commands (RFC 5321 section 4.1.1.8)."""

    argument: str


class Quit(Event, frozen=True):
    """``QUIT``: 221 is on its way and the conversation is closed (RFC 5321 section 4.1.1.10)."""


class StartTls(Event, frozen=True):
    """``STARTTLS``: asks for TLS (RFC 3207). Nothing was received behind it.

    Accepted, the 220 is the last of this conversation in clear: send it, do the handshake, and tell
    ``Server.secured``. Nothing is received in between.
    """

    needs_answer: ClassVar[bool] = True


class Auth(Event, frozen=True):
    """``AUTH``: begins a SASL dialogue by *mechanism*, one of the terms' (RFC 4954 section 4).

    initial: the initial response, decoded; None without one. It is empty when the client sent ``=``.

    Answered with ``Server.challenge``; with ``answer()``, the client has proved who he is; or refused (535, 454).
    """

    mechanism: str
    initial: bytes | None = None
    needs_answer: ClassVar[bool] = True

    def __repr__(self) -> str:
        return f"Auth(mechanism={self.mechanism!r})"  # the response is a secret


class AuthResponse(Event, frozen=True):
    """The client's response to a challenge, decoded; answered as Auth is. A dialogue that he cancels, or goes on with
    what is no base64, ends with a Refusal."""

    octets: bytes
    needs_answer: ClassVar[bool] = True

    def __repr__(self) -> str:
        return "AuthResponse()"  # the response is a secret


class XClient(Event, frozen=True):
    """``XCLIENT``: a trusted proxy says who the client is. Accepted, the conversation begins anew: let the terms for
    that client hold, and then answer; the greeting is the usual answer.
    """

    claim: Claim
    line: str
    needs_answer: ClassVar[bool] = True


class XRemoteIp(Event, frozen=True):
    """``XREMOTEIP``: a trusted proxy says which address the client has, at any time."""

    address: IPv4Address | IPv6Address
    line: str
    needs_answer: ClassVar[bool] = True


class XSetContext(Event, frozen=True):
    """``XSETCONTEXT``: a trusted client sets pairs of the connection context, in their order."""

    pairs: tuple[tuple[str, str], ...]
    needs_answer: ClassVar[bool] = True


class XDumpContext(Event, frozen=True):
    """``XDUMPCONTEXT``: both contexts are asked for; ``replies.contexts`` tells them, the usual answer knows none."""

    needs_answer: ClassVar[bool] = True


class Refusal(Event, frozen=True):
    """A command the core refused by itself: syntax, order, declared size, too many bad commands. For the rejectlog.

    No argument of AUTH stands in *line*, and no response.
    """

    line: str
    reply: Reply
