"""Who may come in, and who may say what (SECURITY.md, control socket; spec/console.md sections 2 and 3).

On a Unix socket its mode decides who can open it, and the operating system says who he is. Over TCP who demands
authentication offers mechanisms; without them only loopback is let in, as nobody in particular.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from momentum_trio.config.back_end import BackEnd
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.command import Operator
from momentum_trio.console.role import allowing
from momentum_trio.protocol.sasl.mechanism import IN_CLEAR

NOT_AUTHORIZED = "Not Authorized for this command"
ANONYMOUS = "anonymous"
"""The user whom ``Always_Allow`` makes of a peer on loopback."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one console session depends on; read again for every command, since the configuration may change.

    timeout_seconds: silence tolerated, infinite where the option is 0. enable_authentication: None where nothing says.
    back_ends: those that are set, by mechanism, the best first. groups: of AuthorizationParameters. The others: the
    options of these names.
    """

    timeout_seconds: float = 60.0
    enable_authentication: bool | None = None
    enable_authorization: bool = False
    always_allow: bool = False
    always_deny: bool = False
    back_ends: tuple[tuple[str, BackEnd], ...] = ()
    groups: BackEnd | None = None

    @property
    def demands_authentication(self) -> bool:
        """Whether peers on TCP have to prove who they are."""
        return bool(self.back_ends) if self.enable_authentication is None else self.enable_authentication


@dataclass(frozen=True, slots=True)
class Peer:
    """Who connected. address: 127.0.0.1 for a Unix peer; user: his login name, else empty. is_private: over TLS."""

    address: IPv4Address | IPv6Address
    is_unix: bool = False
    is_private: bool = False
    user: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """He is let in as *user*, empty for nobody in particular."""

    user: str


@dataclass(frozen=True, slots=True)
class Demanded:
    """He is let in once he has proved who he is by one of *mechanisms*."""

    mechanisms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """He is not let in."""

    why: str


Entry = Admitted | Demanded | Refused


def entry(terms: Terms, peer: Peer) -> Entry:
    """Whether *peer* is let in. ``Always_Deny`` wins; ``Always_Allow`` is no proof, and acts on loopback alone."""
    if terms.always_deny:
        return Refused("Always_Deny holds for this peer")
    if peer.is_unix:
        return Admitted(peer.user)
    if terms.always_allow and peer.address.is_loopback:
        return Admitted(ANONYMOUS)
    if terms.demands_authentication:
        return _demand(terms, peer)
    if not peer.address.is_loopback:
        return Refused("control over TCP without authentication is for loopback only: use a Unix socket or a tunnel")
    return Admitted("")


def _demand(terms: Terms, peer: Peer) -> Entry:
    """The mechanisms that can be offered to *peer*: a password does not go over a network in clear."""
    unseen = peer.is_private or peer.address.is_loopback
    offered = tuple(name for name, held in terms.back_ends if held.is_built and (unseen or name not in IN_CLEAR))
    if offered:
        return Demanded(offered)
    return Refused("authentication is demanded here, and no mechanism can be offered: use a Unix socket")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a command may be run. role: the one that allows it, empty where none has to."""

    accepted: bool
    role: str = ""


def verdict(terms: Terms, tree: ConfigTree, operator: Operator, line: str) -> Verdict:
    """Whether *operator* may say *line*: by ``Enable_Authorization`` what no role of his allows is refused.

    His own name is a role as well, and the first.
    """
    if not terms.enable_authorization:
        return Verdict(accepted=True)
    role = allowing(tree, role_names(operator), line)
    return Verdict(role is not None, role or "")


def role_names(operator: Operator) -> tuple[str, ...]:
    """The roles of *operator* in the order in which they are asked: his own name is the first."""
    return tuple(name for name in dict.fromkeys((operator.user, *operator.roles)) if name)
