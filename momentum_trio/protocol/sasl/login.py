"""LOGIN: the name, then the password, as they are (draft-murchison-sasl-login)."""

from __future__ import annotations

from collections.abc import Mapping

from momentum_trio.protocol.sasl.in_clear import Claim, LoginClaim
from momentum_trio.protocol.sasl.mechanism import ChallengeError, Failed, Proved, Step, same


class LoginServer:
    """The server's side. passwords: by user."""

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords
        self._claim = LoginClaim()

    def step(self, response: bytes) -> Step:
        """As ``mechanism.ServerSide`` has it; the first response may be the name already."""
        step = self._claim.step(response)
        if not isinstance(step, Claim):
            return step
        password = self._passwords.get(step.user, "")  # none matches what is empty: a Claim's is not
        is_right = same(*(each.encode("utf-8", "surrogateescape") for each in (step.password, password)))
        return Proved(step.user) if is_right else Failed(step.user)


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
