"""Who may come in, and who may say what (SECURITY.md, control socket).

On a Unix socket its mode decides who can open it, and whoever can may command, as in the original. Over TCP there is
no proof of identity yet: only loopback is let in. What asks for more than there is, is refused: ``Always_Deny``,
``Enable_Authentication`` over TCP, and with ``Enable_Authorization`` every command, since no role can allow one.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

NOT_AUTHORIZED = "Not Authorized for this command"


@dataclass(frozen=True, slots=True)
class Terms:
    """What one console session depends on; read again for every command, since the configuration may change.

    timeout_seconds: silence tolerated, infinite where the option is 0. The others: the options of these names.
    """

    timeout_seconds: float = 60.0
    enable_authentication: bool = False
    enable_authorization: bool = False
    always_deny: bool = False


def refusal(terms: Terms, peer_address: IPv4Address | IPv6Address, *, is_unix: bool) -> str:
    """Why this peer is not let in; empty when he is."""
    if terms.always_deny:
        return "Always_Deny holds for this peer"
    if is_unix:
        return ""
    if terms.enable_authentication:
        return "Enable_Authentication holds here, and no mechanism is built yet: use a Unix socket"
    if not peer_address.is_loopback:
        return "control over TCP without authentication is for loopback only: use a Unix socket or a tunnel"
    return ""


def authorized(terms: Terms) -> bool:
    """Whether a command may be run. Without roles there is nobody whom ``Enable_Authorization`` allows anything."""
    return not terms.enable_authorization
