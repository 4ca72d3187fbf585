"""PLAIN and LOGIN where passwords are not there to compare with: a Claim, who the client says he is and his password.

Whoever asked for it has it verified, by a hash that costs time or by a data base.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from momentum_trio.protocol.sasl.mechanism import LOGIN, OCTETS_MAX, PLAIN, Challenge, Failed, user_of

_USER, _PASSWORD = b"Username:", b"Password:"


@dataclass(frozen=True, slots=True)
class Claim:
    """The client says that he is *user*, and that this is the password: UTF-8, or the octets that are none escaped."""

    user: str
    password: str = field(repr=False)


class ClaimSide(Protocol):
    """One dialogue, from its beginning to Claim or Failed; of no use after that."""

    def step(self, response: bytes) -> Challenge | Claim | Failed:
        """Take the client's next response; the first one may be empty: he waits for us."""
        ...


class PlainClaim:
    """The server's side of PLAIN: all in one response (RFC 4616 section 2). He may act for nobody but himself."""

    def __init__(self) -> None:
        self._asked = False

    def step(self, response: bytes) -> Challenge | Claim | Failed:
        """As ``ClaimSide`` has it."""
        if not self._asked and not response:
            self._asked = True
            return Challenge(b"")
        parts = response.split(b"\0") if len(response) <= OCTETS_MAX else []
        if len(parts) != 3:
            return Failed()
        acting_for, user = user_of(parts[0]), user_of(parts[1])
        if not user or not parts[2] or (parts[0] and acting_for != user):
            return Failed(user)
        return Claim(user, parts[2].decode("utf-8", "surrogateescape"))


class LoginClaim:
    """The server's side of LOGIN: the name, then the password; the first response may be the name already."""

    def __init__(self) -> None:
        self._asked = b""
        self._user = ""

    def step(self, response: bytes) -> Challenge | Claim | Failed:
        """As ``ClaimSide`` has it."""
        if len(response) > OCTETS_MAX:
            return Failed(self._user)
        if not self._asked and not response:
            self._asked = _USER
            return Challenge(_USER)
        if self._asked != _PASSWORD:
            self._asked, self._user = _PASSWORD, user_of(response)
            return Challenge(_PASSWORD)
        if not self._user or not response:
            return Failed(self._user)
        return Claim(self._user, response.decode("utf-8", "surrogateescape"))


def claim_side(mechanism: str) -> ClaimSide:
    """Our side of *mechanism*, PLAIN or LOGIN."""
    assert mechanism in (PLAIN, LOGIN)
    return PlainClaim() if mechanism == PLAIN else LoginClaim()
