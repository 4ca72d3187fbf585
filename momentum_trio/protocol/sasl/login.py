"""LOGIN: the name, then the password, as they are (draft-murchison-sasl-login)."""

from __future__ import annotations

from collections.abc import Mapping

from momentum_trio.protocol.sasl.mechanism import (
    OCTETS_MAX,
    Challenge,
    ChallengeError,
    Failed,
    Proved,
    Step,
    same,
    user_of,
)

_USER, _PASSWORD = b"Username:", b"Password:"


class LoginServer:
    """The server's side. passwords: by user."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords
        self._asked = b""
        self._user = ""

    def step(self, response: bytes) -> Step:
        """As ``mechanism.ServerSide`` has it; the first response may be the name already."""
        if len(response) > OCTETS_MAX:
            return Failed(self._user)
        if not self._asked and not response:
            self._asked = _USER
            return Challenge(_USER)
        if self._asked != _PASSWORD:
            self._asked, self._user = _PASSWORD, user_of(response)
            return Challenge(_PASSWORD)
        password = self._passwords.get(self._user, "").encode("utf-8", "surrogateescape")
        is_right = same(response, password) and bool(password) and bool(self._user)
        return Proved(self._user) if is_right else Failed(self._user)


class LoginClient:
    """The client's side: what is asked first is the name, whatever the words."""

    proved = True

    def __init__(self, user: str, password: str) -> None:
        self._answers = [user.encode(), password.encode()]

    def answer(self, challenge: bytes) -> bytes:
        """As ``mechanism.ClientSide`` has it."""
        if not self._answers:
            raise ChallengeError("the server asks for more than a name and a password")
        return self._answers.pop(0)
