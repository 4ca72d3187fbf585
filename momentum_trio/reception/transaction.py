"""One mail transaction while it is being received: what the checks are asked about."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from momentum_trio.mail.dsn import NO_RETURNING, NO_WISH, Returning, Wish
from momentum_trio.mail.path import NULL_REVERSE_PATH, POSTMASTER, domain_of
from momentum_trio.reception.client import Client
from momentum_trio.reception.rules import Rules


class Tally(msgspec.Struct):
    """What one connection has had so far. receptions: messages taken; recipients: forward-paths accepted."""

    receptions: int = 0
    recipients: int = 0


class Recipient(msgspec.Struct, frozen=True, gc=False):
    """A forward-path the client asks us to take.

    path: completed; given: as the client gave it; line: his command. domain: of *path*, empty if that has none.
    wish: what he asked about notifications.
    """

    path: str
    given: str
    line: str
    domain: str
    wish: Wish = NO_WISH

    @property
    def is_postmaster(self) -> bool:
        """Whether it was the bare ``postmaster``: this host's own, whatever else it takes (RFC 5321 section 4.5.1)."""
        return self.given == POSTMASTER


def bare(path: str) -> Recipient:
    """The recipient at *path*, of whom nothing else is remembered."""
    return Recipient(path, path, "", domain_of(path))


class Transaction(msgspec.Struct):
    """From MAIL to the end of its content.

    reverse_path: completed; reverse_path_given: as the client gave it; line: his command.
    returning, body, smtputf8: of MAIL, as the events of protocol/smtp have them. context: pairs that the client set for
    this message; they are among *variables*, and kept with it. not_before: Unix seconds, until when it is not sent.
    forward_paths: those accepted so far. wishes: of those, where there are any, by their place.
    asked: the last one asked about. variables: that were set. pathway: that policy has sent the message through.
    is_undated: as far as is known, its content has no Date field.
    """

    client: Client
    rules: Rules
    tally: Tally
    reverse_path: str
    reverse_path_given: str
    line: str
    returning: Returning = NO_RETURNING
    body: str = ""
    smtputf8: bool = False
    context: tuple[tuple[str, str], ...] = ()
    not_before: float = 0.0
    forward_paths: list[str] = []
    wishes: dict[int, Wish] = {}
    asked: Recipient | None = None
    variables: Mapping[str, str] = {}
    pathway: str | None = None
    is_undated: bool = False

    def set_context(self, pairs: tuple[tuple[str, str], ...]) -> None:
        """The client has set *pairs*."""
        self.context, self.variables = pairs, dict(pairs)

    def add(self, recipient: Recipient) -> None:
        """*recipient* was accepted."""
        if recipient.wish != NO_WISH:
            self.wishes[len(self.forward_paths)] = recipient.wish
        self.forward_paths.append(recipient.path)

    def withdraw(self) -> None:
        """The one added last is not accepted after all."""
        self.forward_paths.pop()
        self.wishes.pop(len(self.forward_paths), None)

    def remove(self, path: str) -> None:
        """*path* gets none of it after all, however often it stands here."""
        left = [(each, self.wishes.get(place)) for place, each in enumerate(self.forward_paths) if each != path]
        self.forward_paths = [each for each, _ in left]
        self.wishes = {place: wish for place, (_, wish) in enumerate(left) if wish is not None}

    @property
    def sender_domain(self) -> str:
        """The reverse-path's domain; empty for the null reverse-path, which no list of domains holds."""
        return domain_of(self.reverse_path)

    @property
    def is_of_relayed_sender(self) -> bool:
        """Whether Relay_For_Sending_Domains holds the reverse-path's domain: then it may be sent anywhere."""
        return self.sender_domain in self.rules.options.relay_for_sending_domains

    @property
    def is_null(self) -> bool:
        """Whether the reverse-path is the null one: a bounce."""
        return self.reverse_path == NULL_REVERSE_PATH
