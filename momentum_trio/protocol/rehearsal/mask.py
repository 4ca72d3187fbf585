"""What is kept of a client's line: what the server's answer depends on, and no secret.

Whole are EHLO, HELO, MAIL, RCPT, VRFY, XCLIENT and XREMOTEIP. Of other commands an argument shows as ``***``; of AUTH
the mechanism stays. A line that is no command shows as ``***``: it may be a response to AUTH, or content that nobody
had asked for. What would be wrong with the octets or blanks of a line is wrong with its mask too, so that both get the
same reply.
"""

from __future__ import annotations

from typing import Final

from momentum_trio.protocol.smtp.command import COMMANDS, HTTP_METHODS

MASK: Final = b"***"
IN_THE_OPEN: Final = frozenset(("EHLO", "HELO", "MAIL", "RCPT", "VRFY", "XCLIENT", "XREMOTEIP"))
MECHANISMS: Final = frozenset(
    ("ANONYMOUS", "CRAM-MD5", "DIGEST-MD5", "EXTERNAL", "LOGIN", "OAUTHBEARER", "PLAIN", "SCRAM-SHA-1",
     "SCRAM-SHA-256", "XOAUTH2")
)  # fmt: skip


def masked(line: bytes) -> bytes:
    """What is kept of *line*, a command line without its CRLF."""
    bare = line.rstrip(b" \t")
    verb, blank, argument = bare.partition(b" ")
    word = verb.decode("ascii", "replace").upper()
    if word in IN_THE_OPEN or not bare:
        return line
    kept = verb if word in COMMANDS or verb.decode("ascii", "replace") in HTTP_METHODS else b""
    if word == "AUTH":
        kept, argument = _without_response(verb, argument)
    hidden = _mask(argument if kept else bare)
    blank = blank if hidden else b""
    return (kept + blank if kept else b"") + hidden + line[len(bare) :]


def masked_start(start: bytes) -> bytes:
    """What is kept of the *start* of a line beyond the bound: whether it is another protocol's."""
    verb = start.partition(b" ")[0]
    return verb + b" " + MASK if verb.decode("ascii", "replace") in HTTP_METHODS else MASK


def _without_response(verb: bytes, argument: bytes) -> tuple[bytes, bytes]:
    """AUTH with its mechanism, where that is one, and what is left to be hidden."""
    mechanism, _, response = argument.partition(b" ")
    if mechanism.decode("ascii", "replace").upper() in MECHANISMS:
        return verb + b" " + mechanism, response
    return verb, argument


def _mask(octets: bytes) -> bytes:
    if not octets:
        return b""
    if not octets.isascii():
        return MASK + b"\x80"
    return MASK if octets.decode("ascii").isprintable() else MASK + b"\x01"
