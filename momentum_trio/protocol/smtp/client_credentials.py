"""Who a client says it is: AUTH with PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final

MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password for a server. mechanism: ``PLAIN`` or ``LOGIN``. in_clear: they may go without TLS."""

    mechanism: str
    user: str
    password: str = field(repr=False)
    in_clear: bool = False

    def exchange(self) -> list[bytes]:
        """What the client says, line by line: the command, then an answer to each challenge (RFC 4954 section 4)."""
        if self.mechanism == "PLAIN":
            return [b"AUTH PLAIN " + _base64(f"\0{self.user}\0{self.password}") + b"\r\n"]
        return [b"AUTH LOGIN\r\n", _base64(self.user) + b"\r\n", _base64(self.password) + b"\r\n"]

    def masked(self, text: str) -> str:
        """*text* of a server that was told the password, without it: it may say it again, to be logged."""
        encoded = self.exchange()[-1].strip().split(b" ")[-1].decode("ascii")
        for secret in filter(None, (encoded, self.password)):
            text = text.replace(secret, MASK)
        return text


def _base64(text: str) -> bytes:
    return b64encode(text.encode())
