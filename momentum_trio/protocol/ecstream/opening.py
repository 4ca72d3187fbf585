"""What a client says and hears before its first batch: WELCOME, and a dialogue of SASL if it has somebody to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from momentum_trio.protocol.ecstream.client import Client, Closed, Event
from momentum_trio.protocol.ecstream.frame import Authenticated, Challenge, Code, Unproved, Welcome
from momentum_trio.protocol.sasl.client import client_side
from momentum_trio.protocol.sasl.mechanism import (
    CRAM_MD5,
    IN_CLEAR,
    LOGIN,
    PLAIN,
    SERVER_FIRST,
    ChallengeError,
    ClientSide,
)

WANTED: Final = (CRAM_MD5, PLAIN, LOGIN)
"""The mechanisms we take, the best first."""

NOT_FOR_RETRY: Final = frozenset({Code.VERSION, Code.NOT_ALLOWED})
"""What a server says by them it will say again."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client is. mechanisms: those it may use, the best first."""

    user: str
    password: str = field(repr=False)
    mechanisms: tuple[str, ...] = WANTED


class NotAdmitted(Exception):
    """The server does not let us in. final: it will not, however often it is asked."""

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.final = final


class Opening:
    """From HELLO to where batches may be sent.

    credentials: None: nobody; the server may want somebody, and says so to the first batch. unseen: whether the
    password itself may be sent, because nobody listens or nobody is to mind.
    """

    def __init__(self, client: Client, credentials: Credentials | None, *, unseen: bool) -> None:
        self._client, self._credentials, self._unseen = client, credentials, unseen
        self._side: ClientSide | None = None

    def take(self, event: Event) -> bool:
        """What the server said; whether batches may be sent now. Raises NotAdmitted: they never may."""
        match event:
            case Welcome():
                return self._credentials is None or self._authenticate(event, self._credentials)
            case Challenge(challenge):
                self._respond(challenge)
            case Authenticated():
                return True  # none of WANTED has the server prove anything
            case Unproved(why):
                raise NotAdmitted(f"authentication failed: {_text(why)}", final=True)
            case Closed(error):
                assert error is not None  # nobody said bye
                raise NotAdmitted(_text(error.why), final=error.code in NOT_FOR_RETRY)
        return False

    def _authenticate(self, welcome: Welcome, credentials: Credentials) -> bool:
        offered = [name.decode("ascii", "replace") for name in welcome.mechanisms]
        usable = [name for name in credentials.mechanisms if name in offered]
        mechanism = next((name for name in usable if self._unseen or name not in IN_CLEAR), "")
        if not mechanism:
            why = "the password is not sent in clear" if usable else "there is none that we take"
            raise NotAdmitted(f"the server authenticates by {', '.join(offered) or 'nothing'}, and {why}", final=True)
        side = self._side = client_side(mechanism, credentials.user, credentials.password, "", "")
        initial = b"" if mechanism in SERVER_FIRST else side.answer(b"")
        self._client.authenticate(mechanism.encode(), initial)
        return False

    def _respond(self, challenge: bytes) -> None:
        assert self._side is not None
        try:
            self._client.authenticate(b"", self._side.answer(challenge))
        except ChallengeError as wrong:
            raise NotAdmitted(str(wrong), final=True) from None


def _text(why: bytes) -> str:
    return why.decode("ascii", "replace")
