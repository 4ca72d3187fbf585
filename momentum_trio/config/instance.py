"""Names of scope instances: when two spellings name the same scope (spec: config-language, sections 2.8, 6, 9).

``:25`` and ``*:25`` are one Listen, ``10.0.0.1/8`` and ``10.0.0.0/8`` one Peer, ``Example.COM`` and ``example.com``
one Domain.
"""

from __future__ import annotations

import ipaddress

from momentum_trio.config.pattern import check_pattern
from momentum_trio.mail.international import a_labels
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import Netblock

INSTANCE_TEXT_MAX = 4096
_DESTINATIONS = frozenset(("domain", "host"))
_ANY_CASE = frozenset(("dkim_domain", "manager", "node"))


def instance_key(kind: str, instance: str) -> str:
    """The canonical spelling of *instance* of scope *kind* (lower case). Raises ValueError when it names nothing."""
    if len(instance) > INSTANCE_TEXT_MAX:
        raise ValueError(f"an instance has at most {INSTANCE_TEXT_MAX} characters")
    if kind == "listen":
        return str(Endpoint.parse(instance))
    if kind == "peer":
        return str(Netblock.parse(instance))
    if kind in _DESTINATIONS:
        return destination_key(instance)
    if kind == "topology":
        return _block_if_any(instance)
    if kind in ("binding", "binding_group"):
        return _binding_key(kind, instance)
    return instance.lower() if kind in _ANY_CASE else instance


def _binding_key(kind: str, instance: str) -> str:
    if not instance or any(c.isspace() for c in instance):
        raise ValueError("expected a name without blanks")
    if kind == "binding" and ":" in instance:
        raise ValueError("the name of a binding holds no ':'")
    return instance


def pattern_of(instance: str) -> str | None:
    """The pattern of a regex domain ``/pattern/``; None for an ordinary name."""
    if len(instance) >= 2 and instance.startswith("/") and instance.endswith("/"):
        return instance[1:-1]
    return None


def destination_key(instance: str) -> str:
    """A domain: its A-labels in lower case, ``[IPv6:...]`` with the address normalised, a pattern as it stands."""
    if instance.startswith("/"):
        pattern = pattern_of(instance)
        if not pattern:
            raise ValueError("a pattern begins and ends with '/'")
        check_pattern(pattern)
        return instance
    lower = instance.lower()
    bare = lower.removeprefix("[").removesuffix("]").removeprefix("ipv6:") if lower.startswith("[") else lower
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        if not lower or lower.startswith("["):
            raise ValueError("expected a domain, an IPv4 address, [IPv6:ADDRESS] or /pattern/") from None
        name = lower.removesuffix(".") or "."
        return name if name.isascii() else a_labels(name)
    return str(address) if address.version == 4 else f"[ipv6:{address}]"


def _block_if_any(instance: str) -> str:
    try:
        return str(Netblock.parse(instance))
    except ValueError:
        return instance
