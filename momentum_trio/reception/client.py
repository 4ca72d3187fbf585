"""Who hands us mail, as the checks and the records know him."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from momentum_trio.net.tls_facts import TlsFacts

Address = IPv4Address | IPv6Address

ANONYMOUS = "anonymous"
"""The user whom ``Always_Allow`` makes of anybody."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client has proved to be, by AUTH. mechanism: ``CRAM-MD5``. is_proved: it is no mere Always_Allow."""

    user: str
    mechanism: str
    is_proved: bool = True


@dataclass(slots=True)
class Client:
    """One client's connection, whatever its protocol.

    peer_address: unmapped; a Unix peer's is 127.0.0.1, which is_unix qualifies: it gives no relay right by itself.
    peer_text: the same as text. peer, local: ``address:port`` or the path of a Unix socket, as the rejectlog has them.
    protocol: the mainlog's word (``esmtp``, ``ecstream``, ``rest``).
    hello_domain, hello_line: what the client called itself; empty before it did. extended: it said EHLO, not HELO.
    tls: what is spoken; None in clear. identity: who it is; None: nobody knows. auth_failed: it could not say so.
    """

    connection_id: str
    peer_address: Address
    peer: str
    local: str
    is_unix: bool = False
    protocol: str = "esmtp"
    hello_domain: str = ""
    hello_line: str = ""
    extended: bool = True
    tls: TlsFacts | None = None
    identity: Identity | None = None
    auth_failed: bool = False
    peer_text: str = field(init=False)

    def __post_init__(self) -> None:
        self.peer_text = str(self.peer_address)
