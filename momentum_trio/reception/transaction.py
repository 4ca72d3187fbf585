"""One mail transaction while it is being received: what the checks are asked about."""

from __future__ import annotations

from dataclasses import dataclass, field

from momentum_trio.mail.path import NULL_REVERSE_PATH, POSTMASTER, domain_of
from momentum_trio.reception.client import Client
from momentum_trio.reception.rules import Rules


@dataclass(slots=True)
class Tally:
    """What one connection has had so far. receptions: messages taken; recipients: forward-paths accepted."""

    receptions: int = 0
    recipients: int = 0


@dataclass(frozen=True, slots=True)
class Recipient:
    """A forward-path the client asks us to take.

    path: completed; given: as the client gave it; line: his command. domain: of *path*, empty if that has none.
    """

    path: str
    given: str
    line: str
    domain: str

    @property
    def is_postmaster(self) -> bool:
        """Whether it was the bare ``postmaster``: this host's own, whatever else it takes (RFC 5321 section 4.5.1)."""
        return self.given == POSTMASTER


@dataclass(slots=True)
class Transaction:
    """From MAIL to the end of its content.

    reverse_path: completed; reverse_path_given: as the client gave it; line: his command.
    forward_paths: those accepted so far. asked: the last one asked about.
    """

    client: Client
    rules: Rules
    tally: Tally
    reverse_path: str
    reverse_path_given: str
    line: str
    forward_paths: list[str] = field(default_factory=list)
    asked: Recipient | None = None

    @property
    def sender_domain(self) -> str:
        """The reverse-path's domain; empty for the null reverse-path, which no list of domains holds."""
        return domain_of(self.reverse_path)

    @property
    def is_null(self) -> bool:
        """Whether the reverse-path is the null one: a bounce."""
        return self.reverse_path == NULL_REVERSE_PATH
