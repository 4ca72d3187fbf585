"""On which terms a client speaks with a server, and what it raises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from momentum_trio.client.message import Message, Result

PORT: Final = 1825


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS from the first octet.

    authorities: PEM file of the issuers the server's certificate may be of; empty: those that this system trusts.
    certificate, key: PEM files of our own. server_name: the name the server's certificate has to be in, if that is not
    the host's. verified: False: it may be anybody's, so that anybody on the way can be the server.
    """

    authorities: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """Bounds and credentials.

    tls: None: none. user, password: who we are; without a user nobody. password_in_clear: the password itself may go
    without TLS, and not to this host alone. connect_seconds: for a connection, TLS and authentication together.
    silence_seconds: how long nothing may come while something is awaited. keepalive_seconds: of rest, after which the
    server is asked whether it is there. attempts_max: connections in a row that brought nothing, until what waits is
    given up. pause_seconds: before the second of them; doubled each time up to pause_seconds_max, and cut by up to
    half. batch_messages: in one batch at most. name: what the server's log calls us.
    """

    tls: Tls | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    password_in_clear: bool = False
    connect_seconds: float = 30.0
    silence_seconds: float = 120.0
    keepalive_seconds: float = 30.0
    attempts_max: int = 6
    pause_seconds: float = 1.0
    pause_seconds_max: float = 30.0
    batch_messages: int = 1000
    name: str = "momentum-trio"

    def __post_init__(self) -> None:
        if self.attempts_max < 1 or self.batch_messages < 1:
            raise ValueError("attempts_max and batch_messages are 1 at least")

    def pause(self, failures: int, fraction: float) -> float:
        """Seconds before the next connection after so many failures in a row. fraction: by chance, from 0 to 1."""
        longest = min(self.pause_seconds * 2.0 ** min(failures - 1, 30), self.pause_seconds_max)
        return longest * (1.0 - fraction / 2.0)


DEFAULTS: Final = Terms()


class InjectionError(Exception):
    """Messages were given up, and here is which.

    messages: those of the call, as it got them. results: of each, in their order; None where there is none. in_doubt:
    by their places, those that were sent and whose results never came: the server may have taken them. unbegun: those
    it has not. ``connect`` raises it as well, when there never was a connection; then there are no messages.
    """

    def __init__(
        self,
        why: str,
        messages: Sequence[Message] = (),
        results: Sequence[Result | None] = (),
        in_doubt: Sequence[int] = (),
    ) -> None:
        unsolved = [place for place, result in enumerate(results) if result is None]
        self.why, self.messages, self.results, self.in_doubt = why, messages, results, tuple(in_doubt)
        self.unbegun = tuple(place for place in unsolved if place not in self.in_doubt)
        counts = f"{len(self.in_doubt)} messages in doubt, {len(self.unbegun)} not taken: " if unsolved else ""
        super().__init__(counts + why)


class NotAdmittedError(InjectionError):
    """The server does not want us, or does not prove who it is: to try again is of no use before something changes."""


def told(fault: Exception) -> str:
    """*fault* of a connection, in words."""
    cause = fault.__cause__  # trio tells of all addresses together
    if isinstance(cause, ExceptionGroup):
        cause = cause.exceptions[-1]
    if isinstance(cause, OSError):
        fault = cause
    if isinstance(fault, OSError):
        return fault.strerror or str(fault)
    return "it took too long"
