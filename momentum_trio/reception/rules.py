"""What holds for one client in one generation of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from momentum_trio.config.binding import DEFAULT, Binding, Nested
from momentum_trio.config.chain import Chain
from momentum_trio.reception.binding import Bindings, Tree
from momentum_trio.reception.client import Client
from momentum_trio.reception.line_length import LineLimit, line_limit
from momentum_trio.reception.mail_loop_options import MailLoopOptions
from momentum_trio.reception.policy.row import NO_ROWS, Rows
from momentum_trio.reception.reception_options import (
    BlackholeOptions,
    DefaultBindingOptions,
    NameOptions,
    ReceptionOptions,
)

OPEN_RELAY = "Open_Relay holds: any client of the scope may send anywhere"
RELAY_HOST = "Relay_Hosts holds the client's address: it may send anywhere"
AUTHENTICATED = "SMTP AUTH: the client has proved who it is, and may send anywhere"
VERIFIED = "TLS_Verified_Peer_Can_Relay: the client has shown a certificate of an issuer in TLS_Client_CA"


@dataclass(frozen=True, slots=True)
class Rules:
    """Options resolved, and what follows from them for this client alone. Held until the generation changes.

    client_may_relay: he stands in Relay_Hosts, Open_Relay holds for his scope, or he has proved who he is.
    relay_right: which of it, in words. rows: of policy, that are asked about this client.
    hostname: this host's, which a bare postmaster belongs to unless unqualified addresses have a domain.
    received_hostname: our name in trace fields. blackhole: the word of Blackhole that holds for a domain; None where
        no scope sets it. has_default_binding: mail that no binding claims is taken. bindings: those there are.
    pathways: the names of those. line_limit: of content. mail_loop: when mail has been through too many hosts.
    """

    options: ReceptionOptions
    client_may_relay: bool
    hostname: str
    received_hostname: str
    blackhole: Callable[[str], str] | None
    pathway: str
    pathway_group: str
    has_default_binding: bool = True
    bindings: Bindings | None = None
    relay_right: str = ""
    rows: Rows = field(default_factory=dict)
    pathways: AbstractSet[str] = frozenset()
    line_limit: LineLimit | None = None
    mail_loop: MailLoopOptions = field(default_factory=lambda: MailLoopOptions.resolve(Chain(())))

    @property
    def postmasters_domain(self) -> str:
        """The domain of a ``postmaster`` that came without one (RFC 5321 section 4.5.1)."""
        return self.options.domain_for_unqualified_recipients or self.hostname

    @classmethod
    def of(
        cls,
        chain: Chain,
        client: Client,
        system_hostname: str,
        blackhole: Callable[[str], str] | None = None,
        bindings: Bindings | None = None,
        rows: Rows = NO_ROWS,
        pathways: AbstractSet[str] = frozenset(),
        mail_loop: MailLoopOptions | None = None,
    ) -> Rules:
        """The rules along *chain*, which was made for *client*'s listener, Listen and address."""
        options = ReceptionOptions.resolve(chain)
        hostname = NameOptions.resolve(chain).hostname or system_hostname
        right = relay_right_of(options, client)
        return cls(
            options,
            bool(right),
            hostname,
            options.received_hostname or hostname,
            blackhole,
            *_pathway(chain),
            DefaultBindingOptions.resolve(chain).default_binding != "none",
            bindings,
            right,
            rows,
            pathways,
            line_limit(options),
            mail_loop or MailLoopOptions.resolve(Chain(())),
        )

    def choose_binding(self) -> Binding:
        """The binding of the next message."""
        return self.binding_of(self.options.outbound_binding)

    def binding_of(self, words: str) -> Binding:
        """The binding that *words* name for the next message. Raises ValueError, when there is none."""
        return DEFAULT if self.bindings is None else self.bindings.choose(words)


def blackholes(tree: Tree) -> Callable[[str], str] | None:
    """What Blackhole says of a domain in *tree*; None when no scope sets it, as in most configurations."""

    def word(domain: str) -> str:
        return BlackholeOptions.resolve(tree.chain_outbound("default", "default", domain)).blackhole

    return word if _set_within(tree.root, BlackholeOptions.blackhole.key) else None


def relay_right_of(options: ReceptionOptions, client: Client) -> str:
    """What lets *client* send anywhere, in words; empty: nothing does."""
    if client.own_right:
        return client.own_right
    if options.open_relay:
        return OPEN_RELAY
    if not client.is_unix and client.peer_address in options.relay_hosts:
        return RELAY_HOST
    if client.identity is not None and client.identity.is_proved:
        return AUTHENTICATED
    verified = client.tls is not None and client.tls.is_verified and not client.is_spoken_for
    return VERIFIED if verified and options.verified_peer_can_relay else ""


def _set_within(scope: Nested, key: str) -> bool:
    return key in scope.settings or any(_set_within(child, key) for child in scope.children)


def _pathway(chain: Chain) -> tuple[str, str]:
    """The pathway and its group that continue *chain*; ``default`` where there is none (listeners.md section 8)."""
    named = {scope.kind: scope.instance for scope in reversed(chain.scopes)}
    return named.get("pathway", "default"), named.get("pathway_group", "default")
