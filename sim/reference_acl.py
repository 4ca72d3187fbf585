"""Who may relay, worked out slowly and apart from the product: every Peer is looked at, every scope walked, each time.

It shares with the product only the parsed text (the scopes of a ConfigTree, with what each sets itself) and the
specification: spec/config-language.md sections 6 and 7.2, spec/listeners.md section 2.4. Netblocks are the standard
library's; there are no tables, no chains, no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol

from momentum_trio.config.value import Array, Dictionary, Setting, Value, Word

LISTENER = "esmtp_listener"
DEFAULT = "default"  # the pathway where none is chosen, and the group of those that stand in none
LOOPBACK = "127.0.0.1"  # what a Unix peer counts as

Network = IPv4Network | IPv6Network


class RawScope(Protocol):
    """A scope as the text has it. kind: lower case. settings: what it sets itself, by lower-case name."""

    @property
    def kind(self) -> str: ...
    @property
    def instance(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Setting]: ...
    @property
    def children(self) -> tuple[RawScope, ...]: ...


@dataclass(frozen=True, slots=True)
class Asker:
    """A client at a Listen. listen: the address it reached; or the path of a Unix socket, with no port and no peer."""

    listen: str
    port: int = 0
    peer: str = ""

    @property
    def is_unix(self) -> bool:
        """Whether it came by a Unix socket."""
        return self.listen.startswith("/")


def may_relay(root: RawScope, asker: Asker, reverse_path: str, forward_path: str) -> bool:
    """Whether *asker* may send to *forward_path*: it is our domain, or he may send anywhere."""
    if forward_path.lower() == "postmaster":
        return True
    domain = domain_of(forward_path) or _word(root, asker, "domain_for_unqualified_recipient_addresses")
    sender = reverse_path and (domain_of(reverse_path) or _word(root, asker, "domain_for_unqualified_sender_address"))
    return (
        _within(domain, _items(root, asker, "relay_domains"))
        or _within(domain, _items(root, asker, "bounce_domains"))
        or _word(root, asker, "open_relay").lower() in ("on", "true", "enabled", "1")
        or (not asker.is_unix and any(holds(text, asker.peer) for text in _items(root, asker, "relay_hosts")))
        or _within(sender, _items(root, asker, "relay_for_sending_domains"))
    )


def answering(root: RawScope, asker: Asker) -> list[RawScope]:
    """Every scope that answers for *asker*, in the order of section 7.2, the most specific first."""
    found: list[RawScope] = []
    for listener in _all(root, LISTENER):
        listen = listen_of(listener, asker)
        for container in (listen, listener):
            if container is not None:
                found += peers(container, LOOPBACK if asker.is_unix else asker.peer)
                found.append(container)
    pathway = next((_text(scope.settings["pathway"].value) for scope in found if "pathway" in scope.settings), "")
    pathway = pathway or DEFAULT
    every = list(_all(root, "pathway_group"))
    groups = [group for group in every if _named(group, "pathway", pathway)] or _named(root, "pathway_group", DEFAULT)
    found += [inner for group in groups for inner in _named(group, "pathway", pathway)]
    found += _named(root, "pathway", pathway)
    return [*found, *groups, root]


def listen_of(listener: RawScope, asker: Asker) -> RawScope | None:
    """The Listen that has the connection: the one of that very address, else the one of any address."""
    best: tuple[int, RawScope] | None = None
    for listen in _all(listener, "listen"):
        rank = _rank(listen.instance, asker)
        if rank and (best is None or rank > best[0]):
            best = rank, listen
    return best[1] if best is not None else None


def peers(container: RawScope, address: str) -> list[RawScope]:
    """The Peer scopes of *container* that hold *address*, the longest prefix first."""
    holding = [(network_of(scope.instance), scope) for scope in _all(container, "peer")]
    matching = [(network.prefixlen, scope) for network, scope in holding if holds(str(network), address)]
    found: list[RawScope] = []
    for wanted in range(128, -1, -1):
        found += [scope for prefix, scope in matching if prefix == wanted]
    return found


def network_of(text: str) -> Network:
    """The block that *text* names: host bits do not count, brackets neither, IPv4-mapped is IPv4."""
    address, _, prefix = text.replace("[", "").replace("]", "").partition("/")
    network = ip_network(f"{address}/{prefix}" if prefix else address, strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((int(mapped), network.prefixlen - 96))
    return network


def holds(block: str, address: str) -> bool:
    """Whether *address* lies in *block*."""
    asked = ip_address(address)
    asked = getattr(asked, "ipv4_mapped", None) or asked
    return asked in network_of(block)


def domain_of(path: str) -> str:
    """What stands behind the last ``@`` that is in no quotes and in no literal, in lower case."""
    if path.endswith('"'):
        return ""
    literal = path.rfind("@[") if path.endswith("]") else -1
    place = literal if literal >= 0 else path.rfind("@")
    return path[place + 1 :].lower() if place >= 0 else ""


def _rank(instance: str, asker: Asker) -> int:
    """How well a Listen fits *asker*: 2 the very socket, 1 any address, 0 not at all."""
    if asker.is_unix or instance.startswith("/"):
        return 2 if instance == asker.listen else 0
    host, _, port = instance.rpartition(":")
    bare = host.strip("[]")
    if int(port) != asker.port:
        return 0
    reached = ip_address(asker.listen)
    if bare in ("", "*", "0.0.0.0"):
        is_six = host.startswith("[") and bare == "*"
        return 1 if (reached.version == 6) == is_six else 0
    configured = ip_address(bare)
    configured = getattr(configured, "ipv4_mapped", None) or configured
    if configured == reached:
        return 2
    return 1 if configured.version == reached.version and configured.is_unspecified else 0


def _within(domain: str, globs: list[str]) -> bool:
    """Whether one of *globs* is *domain*, or a star and a tail of it; nothing holds no domain at all."""
    return bool(domain) and any(_glob_holds(glob.lower().rstrip("."), domain) for glob in globs)


def _glob_holds(glob: str, domain: str) -> bool:
    if not glob.startswith("*"):
        return glob == domain
    return any(domain[start:] == glob[1:] for start in range(len(domain) + 1))


def _setting(root: RawScope, asker: Asker, option: str) -> Value | None:
    for scope in answering(root, asker):
        if option in scope.settings:
            return scope.settings[option].value
    return None


def _word(root: RawScope, asker: Asker, option: str) -> str:
    value = _setting(root, asker, option)
    return "" if value is None else _text(value)


def _items(root: RawScope, asker: Asker, option: str) -> list[str]:
    value = _setting(root, asker, option)
    if value is None:
        return []
    return [word.text for word in value.items] if isinstance(value, Array) else [_text(value)]


def _text(value: Value) -> str:
    assert not isinstance(value, Array | Dictionary)
    word: Word = value
    return word.text


def _all(scope: RawScope, kind: str) -> Iterator[RawScope]:
    return (child for child in scope.children if child.kind == kind)


def _named(scope: RawScope, kind: str, instance: str) -> list[RawScope]:
    return [child for child in _all(scope, kind) if instance and child.instance == instance]
