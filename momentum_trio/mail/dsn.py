"""What a sender asked about delivery status notifications (RFC 3461 section 4): the parameters of MAIL and RCPT.

Decoded values hold printable ASCII and blanks alone, whatever was sent: they go into header fields as they are.
"""

from __future__ import annotations

import re
from enum import IntFlag
from typing import Final, NamedTuple

XTEXT: Final = r"(?:[!-*,-<>-~]|\+(?:[2-6][0-9A-F]|7[0-9A-E]))"
"""One character of xtext (RFC 3461 section 4) that stands for printable ASCII or a blank."""

ENVELOPE_ID_OCTETS_MAX: Final = 100  # of ENVID as sent, section 4.4
ORIGINAL_RECIPIENT_OCTETS_MAX: Final = 500  # of ORCPT as sent, section 4.2

_ESCAPED = re.compile(r"\+([0-9A-F]{2})")


class Notify(IntFlag):
    """When to notify the sender about one recipient. UNSET, no NOTIFY given, asks for FAILURE, and allows DELAY."""

    UNSET = 0
    NEVER = 1
    SUCCESS = 2
    FAILURE = 4
    DELAY = 8

    @classmethod
    def parse(cls, words: str) -> Notify:
        """The value of a NOTIFY parameter, known to be of its grammar (section 4.1)."""
        found = cls.UNSET
        for word in words.upper().split(","):
            found |= cls[word]
        return found

    @property
    def on_failure(self) -> bool:
        """Whether a message that failed for good is reported."""
        return self is Notify.UNSET or bool(self & Notify.FAILURE)

    @property
    def on_delay(self) -> bool:
        """Whether a message that waits may be reported."""
        return self is Notify.UNSET or bool(self & Notify.DELAY)

    @property
    def on_success(self) -> bool:
        """Whether a message that was delivered, or handed to a host that knows no DSN, is reported."""
        return self is not Notify.UNSET and bool(self & Notify.SUCCESS)


class Wish(NamedTuple):
    """What RCPT asked for. original_recipient: of ORCPT, decoded: ``rfc822;bob@example.com``; empty without."""

    notify: Notify = Notify.UNSET
    original_recipient: str = ""


NO_WISH: Final = Wish()


class Returning(NamedTuple):
    """What MAIL asked for. returns: ``FULL``, ``HDRS`` or empty (RET); envelope_id: of ENVID, decoded."""

    returns: str = ""
    envelope_id: str = ""


NO_RETURNING: Final = Returning()


def unescaped(xtext: str) -> str:
    """What *xtext*, known to be of its grammar, stands for."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), xtext) if "+" in xtext else xtext


def escaped(text: str) -> str:
    """*text*, printable ASCII and blanks, as xtext."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)
