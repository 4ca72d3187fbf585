"""PLAIN, the client's side: everything in one response (RFC 4616 section 2). The server's side is in ``in_clear``."""

from __future__ import annotations

from momentum_trio.protocol.sasl.mechanism import ChallengeError


class PlainClient:
    """The client's side. Its answer to an empty challenge is the initial response."""

    proved = True

    def __init__(self, user: str, password: str) -> None:
        if "\0" in user + password:
            raise ValueError("a name or a password with NUL cannot be said")
        self._answers = [f"\0{user}\0{password}".encode()]

    def answer(self, challenge: bytes) -> bytes:
        """As ``mechanism.ClientSide`` has it."""
        if not self._answers:
            raise ChallengeError("the server asks for more than a name and a password")
        return self._answers.pop()
