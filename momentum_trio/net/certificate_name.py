"""Whether a certificate is in a host's name: DNS-IDs as RFC 6125 section 6.4 matches them (RFC 9525 says it again)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
WILDCARD_LABELS_MIN = 3  # *.example is nobody's


def matches(presented: str, host: str) -> bool:
    """Whether the DNS-ID *presented* stands for *host*: the same name, or ``*`` in place of its first label."""
    presented, host = presented.lower().removesuffix("."), host.lower().removesuffix(".")
    labels, wanted = presented.split("."), host.split(".")
    if not all(map(_LABEL.fullmatch, wanted)) or len(labels) != len(wanted) or wanted[-1].isdigit():
        return False  # what ends in digits is an address
    if labels[0] == "*" and len(labels) >= WILDCARD_LABELS_MIN:
        labels, wanted = labels[1:], wanted[1:]
    return labels == wanted


def is_named(certificate: Mapping[str, Any], names: Iterable[str], *, common_name: bool = False) -> bool:
    """Whether *certificate*, as ``getpeercert()`` gives it, is in one of *names*: host names or addresses.

    common_name: its CN counts where it has no DNS-ID (RFC 6125 section 6.4.4).
    """
    presented: Sequence[tuple[str, str]] = certificate.get("subjectAltName", ())
    dns_ids = [value for kind, value in presented if kind == "DNS"]
    if common_name and not dns_ids:
        dns_ids = [value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"]
    addresses = [value for kind, value in presented if kind == "IP Address"]
    return any(
        any(matches(dns_id, name) for dns_id in dns_ids) or any(_same_address(text, name) for text in addresses)
        for name in names
    )


def _same_address(presented: str, name: str) -> bool:
    try:
        return ip_address(presented.strip()) == ip_address(name)
    except ValueError:
        return False
